package node

import "context"

// witness gets copies of checkpoints.
type witness interface {
	Run(ctx context.Context, report func(error))
	Flush(ctx context.Context) error
}

// unwitnessed is a node whose checkpoints nobody else keeps.
type unwitnessed struct{}

func (unwitnessed) Run(context.Context, func(error)) {}
func (unwitnessed) Flush(context.Context) error      { return nil }
