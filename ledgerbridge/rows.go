package ledgerbridge

import (
	"context"
	"errors"
	"fmt"
)

// CommitmentReader is what a Log may offer besides Rows: the journal then reads only
// the commitments of new rows. Visiting follows the rules of Log.Rows.
type CommitmentReader interface {
	Commitments(ctx context.Context, from, to int64, visit func(seq int64, commitment [32]byte) error) error
}

// ReadRow returns one row, checked by CheckRow. A missing row is a *Damage.
func ReadRow(ctx context.Context, log Log, seq int64) (Row, error) {
	var found Row
	err := eachRow(ctx, log, seq, seq+1, func(row *Row) error {
		found = *row
		return CheckRow(log.Source(), seq, row)
	})
	return found, err
}

// eachRow visits every row of the range and takes a gap for damage.
func eachRow(ctx context.Context, log Log, from, to int64, visit func(*Row) error) error {
	next := from
	err := log.Rows(ctx, from, to, func(row Row) error {
		if err := inOrder(log, row.Seq, &next); err != nil {
			return err
		}
		return visit(&row)
	})
	return ended(log, next, to, err)
}

// eachCommitment visits the commitments of the range. Without a CommitmentReader
// each is recomputed from entry and salt.
func eachCommitment(ctx context.Context, log Log, from, to int64, visit func([32]byte) error) error {
	reader, ok := log.(CommitmentReader)
	if !ok {
		return eachRow(ctx, log, from, to, func(row *Row) error {
			if commitEntry(row.Salt, row.Entry) != row.Commitment {
				return &Damage{Source: log.Source(), Seq: row.Seq, Column: "entry", What: "entry, salt and commitment do not agree"}
			}
			return visit(row.Commitment)
		})
	}
	next := from
	err := reader.Commitments(ctx, from, to, func(seq int64, c [32]byte) error {
		if err := inOrder(log, seq, &next); err != nil {
			return err
		}
		return visit(c)
	})
	return ended(log, next, to, err)
}

func inOrder(log Log, seq int64, next *int64) error {
	if seq != *next {
		return &Damage{Source: log.Source(), Seq: *next, Column: "seq", What: fmt.Sprintf("the row is missing, row %d follows", seq)}
	}
	*next++
	return nil
}

func ended(log Log, next, to int64, err error) error {
	var damage *Damage
	switch {
	case errors.As(err, &damage):
		return err
	case err != nil:
		return fmt.Errorf("read rows of %s: %w", log.Source(), err)
	case next < to:
		return &Damage{Source: log.Source(), Seq: next, Column: "seq", What: "the row is missing"}
	}
	return nil
}
