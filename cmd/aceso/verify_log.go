package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/aceso-health/aceso/audit"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/store"
)

// log re-hashes everything in a data folder: both logs, all checkpoints, every
// stored version and index row. A server may be running.
func (v *verification) log() int {
	ctx := context.Background()
	data, err := openDataFolder(v.data)
	if err != nil {
		return v.unchecked(err)
	}
	r, err := readRecords(ctx, data, v.database)
	if err == nil {
		err = v.everything(ctx, data, r)
		err = errors.Join(err, r.close())
	}
	var damage *ledgerbridge.Damage
	var row *store.Finding
	var found *findings
	switch {
	case errors.As(err, &damage):
		f := placed(damage, v.database.uri != "")
		return v.tampered(fmt.Errorf("%s, row %s: %s", f.Table, f.Row, f.What))
	case errors.As(err, &row), errors.As(err, &found):
		return v.tampered(err)
	case err != nil:
		return v.unchecked(err)
	}
	fmt.Fprintf(v.stdout, "ok: %s/%s is whole\n", r.organization, r.name)
	return exitWhole
}

// findings says that places have been printed.
type findings struct{ count int }

func (f *findings) Error() string {
	if f.count == 1 {
		return "1 place does not fit"
	}
	return fmt.Sprintf("%d places do not fit", f.count)
}

func (v *verification) everything(ctx context.Context, data dataFolder, r *records) error {
	if err := v.compareWitness(data, r.organization, r.name); err != nil {
		return err
	}
	if err := v.lookUpReceipts(ctx, r); err != nil {
		return err
	}
	var found findings
	err := r.verify(ctx, func(f audit.Finding) error {
		found.count++
		fmt.Fprintf(v.stderr, "tampered: %s, row %s: %s\n", f.Table, f.Row, f.What)
		return nil
	})
	if found.count > 0 {
		err = errors.Join(&found, err)
	}
	return err
}

// lookUpReceipts finds rows that were cut off or replaced after a client had their receipt.
func (v *verification) lookUpReceipts(ctx context.Context, r *records) error {
	logs, err := store.AllLogs(ctx, r.store)
	if err != nil {
		return err
	}
	for _, text := range v.receipts {
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

// readRecords opens a folder without writing to it.
func readRecords(ctx context.Context, data dataFolder, o databaseOptions) (*records, error) {
	r := &records{}
	err := r.read(ctx, data, o)
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *records) read(ctx context.Context, data dataFolder, o databaseOptions) (err error) {
	if err = r.readStorage(ctx, data, o); err != nil {
		return err
	}
	r.organization, r.name = r.store.Organization(), r.store.Node()
	r.parts = r.partKeys()
	if r.sealer, err = newSealer(r.ring, r.organization, r.name, r.parts); err != nil {
		return err
	}
	changes, accesses := r.store.Logs()
	if r.ledger, err = local.OpenRead(data.checkpoints(), changes.Source(), accesses.Source()); err != nil {
		return err
	}
	r.checkpoints = r.ledger
	silent := slog.New(slog.NewTextHandler(io.Discard, nil))
	if r.changes, err = r.journal(ctx, changes, r.checkpoints, silent); err != nil {
		return err
	}
	r.accesses, err = r.journal(ctx, accesses, r.checkpoints, silent)
	return err
}
