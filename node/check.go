package node

import (
	"context"
	"errors"
	"log/slog"

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
// node may be serving. Findings go to visit, whose error ends the check. A sample, and a
// check that repairs, do not go on from what was verified before.
func CheckStore(ctx context.Context, data Folder, database Database, c Check, x Extent, visit func(store.Finding) error) (err error) {
	r := records{log: slog.New(slog.DiscardHandler)}
	if err := r.choose(data, database); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.home.read(ctx, &r); err != nil {
		return err
	}
	if c.Sample > 1 || c.Repair {
		return r.home.check(ctx, &r, c, visit)
	}
	if err := r.readLogs(ctx); err != nil {
		x.say(true, "everything is checked, and the next check will not go on from this one: the logs cannot be opened: %v", err)
		return r.store.Check(ctx, visit)
	}
	v := &verification{records: &r, report: visit}
	if err := v.begin(ctx, x); err != nil {
		return err
	}
	v.run(false, func() (err error) {
		v.to.Store, err = r.store.CheckSince(ctx, store.Since{Mark: v.from.Store}, v.tell)
		return err
	})
	return v.end(x)
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
