package node

import (
	"context"
	"errors"

	"github.com/aceso-health/aceso/store"
)

// Check says how a store is looked at.
type Check struct {
	// Sample looks at about one resource in so many; a folder is always read whole.
	Sample int
	// Repair writes search keys anew where they are not what the document says.
	Repair bool
}

// CheckStore compares what is stored with what can be derived from the documents. The
// node may be serving.
func CheckStore(ctx context.Context, data Folder, database Database, c Check, visit func(store.Finding) error) (err error) {
	var r records
	if err := r.choose(data, database); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.home.read(ctx, &r); err != nil {
		return err
	}
	return r.home.check(ctx, &r, c, visit)
}

// RepairStore writes the search keys of a folder anew, whose node must be stopped. A
// database has that done while it is checked.
func RepairStore(ctx context.Context, data Folder, database Database) error {
	h, err := homeOf(data, database)
	if err != nil {
		return err
	}
	return h.repair(ctx)
}
