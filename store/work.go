package store

import (
	"context"
	"strconv"

	"github.com/aceso-health/aceso/fhir"
)

// RowSteps is what it costs to examine a row, in steps of work: as much as to compare it
// with that many values, or to pass over that many entries of an index.
const RowSteps = 20

// turnSteps is how much work is done between two calls of Work.Turn, about a millisecond.
const turnSteps = 100 * RowSteps

// Work bounds what several searches and histories may examine together. Its measure is
// what is examined, so that a refusal depends neither on how busy the machine is nor on
// what the caller may see of it. A nil *Work bounds nothing. It is not safe for
// concurrent use.
type Work struct {
	Left int64                           // steps
	Of   *Work                           // from which this is spent, too; may be nil
	Turn func(ctx context.Context) error // called now and then, so that others have a turn; may be nil
	done int64                           // steps since the last turn
	most int64                           // what there was at first
}

// Spend takes steps. It returns an error if none are left, or if there is no further turn.
func (w *Work) Spend(ctx context.Context, steps int64) error {
	if w == nil {
		return nil
	}
	w.most = max(w.most, w.Left)
	w.Left -= steps
	if w.Left < 0 {
		return &fhir.Error{Kind: fhir.TooCostly, Detail: "The searches and conditions of this request would have to examine more than " + strconv.FormatInt(w.most/RowSteps, 10) + " resources together. Add criteria that narrow them, or send fewer at once."}
	}
	if err := w.Of.Spend(ctx, steps); err != nil {
		return err
	}
	if w.done += steps; w.Turn == nil || w.done < turnSteps {
		return nil
	}
	w.done = 0
	return w.Turn(ctx)
}

// LongSearches is how many searches and histories that take turns may have begun and not
// ended. A store MUST be able to do these and others at the same time.
const LongSearches = 16

// The bounds of conditions, which are searched for again while all writers wait.
const (
	guardRows  = 2_000  // of one
	guardsRows = 20_000 // of all in one change ...
	guardEach  = 10     // ... and for each more
)

// GuardWork bounds what the conditions of one change examine together.
func GuardWork(conditions int) *Work {
	return &Work{Left: int64(guardsRows+guardEach*conditions) * RowSteps}
}
