package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

var errReadOnly = errors.New("store was opened for reading only")

// OpenReadOnly opens a database without becoming a node: it takes no lease and no
// log, builds no index, and nothing can be written. Options.Node only says whose logs
// Logs returns.
func OpenReadOnly(ctx context.Context, uri string, o Options) (*Store, error) {
	s, err := connect(ctx, uri, o)
	if err != nil {
		return nil, err
	}
	if err = s.refuseHalfCopy(ctx); err == nil {
		err = s.readIdentity(ctx)
	}
	if errors.Is(err, mongo.ErrNoDocuments) {
		err = fmt.Errorf("the database %q has never been served", s.db.Name())
	}
	if err != nil {
		return nil, errors.Join(s.explain(err), s.Close())
	}
	return s, nil
}
