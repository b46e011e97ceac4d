package ledgerbridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ReadRow returns one row, checked by CheckRow. A missing row is a *Damage.
func ReadRow(ctx context.Context, log Log, seq int64) (Row, error) {
	var found Row
	err := eachRow(ctx, log, seq, seq+1, func(row *Row) error {
		found = *row
		return CheckRow(log.Source(), seq, row)
	})
	return found, err
}

// Erased says that parts of the row were erased.
func (r *Row) Erased() bool {
	return slices.ContainsFunc(r.Parts, func(p PartRow) bool { return p.ErasedBy != "" })
}

// Has says whether a part of the row has this patient (pseudonym), and is not erased.
func (r *Row) Has(patient string) bool {
	return slices.ContainsFunc(r.Parts, func(p PartRow) bool { return p.Patient == patient && p.ErasedBy == "" })
}

// Targets says whether a part of the row has this target (pseudonym).
func (r *Row) Targets(target string) bool {
	return slices.ContainsFunc(r.Parts, func(p PartRow) bool { return slices.Contains(strings.Fields(p.Target), target) })
}

// eachRow visits every row of the range. A missing row is a *Damage.
func eachRow(ctx context.Context, log Log, from, to int64, visit func(*Row) error) error {
	return eachOf(ctx, log, log.Rows, from, to, visit)
}

// eachOf visits rows as one of the log's methods reads them.
func eachOf(ctx context.Context, log Log, read func(context.Context, int64, int64, func(Row) error) error, from, to int64, visit func(*Row) error) error {
	next := from
	missing := func(what string) error {
		return &Damage{Source: log.Source(), Seq: next, Column: "seq", What: "the row is missing" + what}
	}
	err := read(ctx, from, to, func(row Row) error {
		if row.Seq != next {
			return missing(fmt.Sprintf(", row %d follows", row.Seq))
		}
		next++
		return visit(&row)
	})
	var damage *Damage
	switch {
	case errors.As(err, &damage):
		return err
	case err != nil:
		return fmt.Errorf("read rows of %s: %w", log.Source(), err)
	case next < to:
		return missing("")
	}
	return nil
}

// eachCommitment visits the commitments of the range, recomputed from entry and salt.
func eachCommitment(ctx context.Context, log Log, from, to int64, visit func([32]byte) error) error {
	read := log.Rows
	if bare, ok := log.(BareLog); ok {
		read = bare.BareRows
	}
	return eachOf(ctx, log, read, from, to, func(row *Row) error {
		if commitEntry(row.Salt, row.Entry) != row.Commitment {
			return &Damage{Source: log.Source(), Seq: row.Seq, Column: "entry", What: "entry, salt and commitment do not agree"}
		}
		return visit(row.Commitment)
	})
}
