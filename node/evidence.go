package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/store"
)

// Evidence is what others kept of a node's records.
type Evidence struct {
	Witness  string   // file or folder with copies of its checkpoints; empty: none
	Receipts []string // that clients kept
}

// Tampered is the error of data so damaged that the check cannot go on.
type Tampered struct{ error }

// Unwrap makes the cause visible to errors.As.
func (t *Tampered) Unwrap() error { return t.error }

// VerifyLog re-hashes what a node keeps: its logs, all checkpoints, every stored version
// and index row; what was verified before only if x says so. The node may be serving. It reports every place that
// does not fit; one that ends the check is a *Tampered. It returns the node's name.
func VerifyLog(ctx context.Context, data Folder, database Database, e Evidence, x Extent, report func(store.Finding) error) (name string, err error) {
	r := records{log: slog.New(slog.DiscardHandler)}
	defer func() { err = errors.Join(r.tampered(err), r.close()) }()
	if err := r.read(ctx, data, database); err != nil {
		return "", err
	}
	name = r.organization + "/" + r.name
	if err := r.compareWitness(data, e.Witness); err != nil {
		return name, err
	}
	if err := r.lookUp(ctx, e.Receipts); err != nil {
		return name, err
	}
	return name, r.verify(ctx, x, 0, true, report)
}

// tampered names the place of damage.
func (r *records) tampered(err error) error {
	var damage *ledgerbridge.Damage
	var row *store.Finding
	switch {
	case errors.As(err, &damage):
		f := r.home.tables(damage.Source).place(damage)
		return &Tampered{fmt.Errorf("%s, row %s: %s", f.Table, f.Row, f.What)}
	case errors.As(err, &row):
		return &Tampered{err}
	}
	return err
}

// compareWitness finds checkpoints that the folder lacks or has otherwise.
func (r *records) compareWitness(data Folder, kept string) error {
	if kept == "" {
		return nil
	}
	if info, err := os.Stat(kept); err == nil && info.IsDir() {
		kept = local.WitnessFile(kept, r.organization, r.name)
	}
	_, err := local.Compare(data.checkpoints(), kept)
	return err
}

// lookUp finds rows that were cut off or replaced after a client got their receipt.
func (r *records) lookUp(ctx context.Context, receipts []string) error {
	logs, err := store.AllLogs(ctx, r.store)
	if err != nil {
		return err
	}
	for _, text := range receipts {
		receipt, err := ledgerbridge.ParseReceipt(text)
		if err != nil {
			return err
		}
		at := max(0, slices.IndexFunc(logs, func(l ledgerbridge.Log) bool { return l.Source() == receipt.Source }))
		if err := ledgerbridge.CheckReceipt(ctx, logs[at], receipt); err != nil {
			return err
		}
	}
	return nil
}

// ReadLog gives use the journal of a log of the folder, or of any log of its database,
// for reading. The node may be serving.
func ReadLog(ctx context.Context, data Folder, database Database, source string, use func(*ledgerbridge.Journal) error) (err error) {
	r := records{log: slog.New(slog.DiscardHandler)}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.read(ctx, data, database); err != nil {
		return err
	}
	for _, j := range r.journals() {
		if j.Source() == source {
			return use(j)
		}
	}
	j, err := r.home.journal(ctx, &r, source)
	if err != nil {
		return err
	}
	return use(j)
}
