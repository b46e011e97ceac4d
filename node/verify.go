package node

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aceso-health/aceso/audit"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// verify checks the logs, every stored version and every index row. An error in one does
// not keep it from checking the others.
func (r *records) verify(ctx context.Context, report func(store.Finding) error) error {
	inMain := func(f store.Finding) error {
		f.Table = r.home.tables("").resources + f.Table
		return report(f)
	}
	return errors.Join(
		r.verifyLogs(ctx, report),
		audit.Verify(ctx, r.store, inMain),
		r.store.Check(ctx, func(f store.Finding) error {
			return report(store.Finding{Table: f.File + " " + f.Table, Row: f.Row + " " + f.Column, What: f.What})
		}))
}

// verifyLogs audits this node's logs against the checkpoints in its folder, and those of
// all nodes against the checkpoints in their database.
func (r *records) verifyLogs(ctx context.Context, report func(store.Finding) error) error {
	all, err := store.AllLogs(ctx, r.store)
	if err != nil {
		return err
	}
	sources, err := r.home.sources(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, j := range r.journals() {
		failed = append(failed, r.verifyLog(ctx, j, all, report))
	}
	for _, source := range sources {
		j, err := r.home.journal(ctx, r, source)
		if err != nil {
			failed = append(failed, r.reported(err, report))
			continue
		}
		failed = append(failed, r.verifyLog(ctx, j, all, report))
	}
	return errors.Join(failed...)
}

// verifyLog audits one log and opens every part that was not erased: only the
// keyring can tell whether sealed bytes are what they were.
func (r *records) verifyLog(ctx context.Context, j *ledgerbridge.Journal, all []ledgerbridge.Log, report func(store.Finding) error) error {
	_, err := j.Audit(ctx, r.sealer.AuditParts(ctx, j.Source(), all...))
	return r.reported(err, report)
}

// reported turns damage into a finding.
func (r *records) reported(err error, report func(store.Finding) error) error {
	var damage *ledgerbridge.Damage
	if !errors.As(err, &damage) {
		return err
	}
	return report(r.home.tables(damage.Source).place(damage))
}

// tables names where a log, its checkpoints and the resources are kept: tables with
// their file, or collections.
type tables struct {
	resources                          string // before the table
	entries, parts, tiles, checkpoints string
	row                                string // before the row
}

// place names where a log's damage is.
func (t tables) place(d *ledgerbridge.Damage) store.Finding {
	table := t.entries
	switch {
	case strings.HasPrefix(d.Column, "parts"):
		table = t.parts
	case strings.HasPrefix(d.Column, "tile"):
		table = t.tiles
	case strings.HasPrefix(d.Column, "checkpoint"):
		table = t.checkpoints
	}
	row := strings.TrimPrefix(d.Column, "tile ")
	if d.Seq >= 0 {
		row = fmt.Sprintf("%d %s", d.Seq, d.Column)
	}
	return store.Finding{Table: table, Row: t.row + row, What: d.What}
}
