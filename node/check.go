package node

import (
	"context"
	"errors"

	"github.com/aceso-health/aceso/store"
)

// Check selects what CheckStore does.
type Check struct {
	// Sample checks about one resource in so many; a folder is always checked whole.
	Sample int
	// Repair rewrites search keys that differ from the document.
	Repair bool
}

// CheckStore compares what is stored with what can be derived from the documents. The
// node may be serving. Findings go to visit, whose error ends the check.
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

// RepairStore rewrites the search keys of a folder, whose node must be stopped. In a
// database, CheckStore repairs.
func RepairStore(ctx context.Context, data Folder, database Database) error {
	h, err := homeOf(data, database)
	if err != nil {
		return err
	}
	return h.repair(ctx)
}
