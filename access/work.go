package access

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/aceso-health/aceso/access/fair"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// The bounds of what a request may cost, in rows that are examined. They count what is
// searched, seen or hidden.
const (
	mostWork  = 1_000_000 // all searches and histories of a request: entries of a Bundle, and further attempts
	mostLed   = 20_000    // finding, for one record, whom the question singles out
	shortWork = 500       // what a search may do without taking turns with others
)

// longest is how long a search may wait for its turns and work, all together.
const longest = 50 * time.Second

// newShares gives each caller an equal part of what long searches may have of the machine.
// One processor is left to everything else.
func newShares() *fair.Shares {
	return &fair.Shares{Running: max(1, runtime.GOMAXPROCS(0)-1), Open: store.LongSearches, Each: 2, Waiting: 32}
}

// spend is what a call has left to spend.
func (c *Call) spend() *store.Work {
	if c.work == nil {
		c.work = &store.Work{Left: mostWork * store.RowSteps}
	}
	return c.work
}

// Entry is the call for one entry of a batch: it has records of its own, and spends from
// what the whole batch may cost.
func (c *Call) Entry() *Call {
	own := *c
	own.work, own.Receipts = c.spend(), nil
	return &own
}

// seek searches. A search that turns out to be long begins again when it is its turn, and
// then goes on in turns with those of other callers.
func (r *review) seek(ctx context.Context, s store.Search) (page store.Page, err error) {
	if err := r.unhidden(ctx, s.Query); err != nil {
		return page, err
	}
	return r.find(ctx, s)
}

// find is seek for the record, whatever is hidden from the caller.
func (r *review) find(ctx context.Context, s store.Search) (page store.Page, err error) {
	return r.inTurn(ctx, s.Work, s.Most, func(ctx context.Context, most int, w *store.Work) (store.Page, error) {
		s.Most, s.Work = most, w
		return r.gate.Store.Search(ctx, s)
	})
}

// lookBack is seek for histories.
func (r *review) lookBack(ctx context.Context, h store.History) (page store.Page, err error) {
	return r.inTurn(ctx, nil, 0, func(ctx context.Context, most int, w *store.Work) (store.Page, error) {
		h.Most, h.Work = most, w
		return r.gate.Store.History(ctx, h)
	})
}

// inTurn does work that may examine most rows, 0 for as many as the store allows.
func (r *review) inTurn(ctx context.Context, w *store.Work, most int, do func(context.Context, int, *store.Work) (store.Page, error)) (page store.Page, err error) {
	if w == nil {
		w = r.call.spend()
	}
	if most == 0 || most > shortWork {
		page, err = do(ctx, shortWork, w)
		if kindOf(err) != fhir.TooCostly {
			return page, err
		}
	}
	if most > 0 && most <= shortWork {
		return do(ctx, most, w)
	}
	err = r.turns(ctx, w, func(ctx context.Context) error {
		page, err = do(ctx, most, w)
		return err
	})
	return page, err
}

// turns does long work in turns with other callers.
func (r *review) turns(ctx context.Context, w *store.Work, do func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, cmp.Or(r.call.Longest, longest))
	defer cancel()
	a := &r.call.Agent
	turn, err := r.gate.shares.Begin(limited, a.Organization+"\x00"+a.Subject)
	if err == nil {
		defer turn.Done()
		w.Turn = turn.Yield
		defer func() { w.Turn = nil }()
		err = do(limited)
	}
	r.turnedAway = errors.Is(err, fair.ErrFull) || limited.Err() != nil
	switch {
	case errors.Is(err, fair.ErrFull):
		return &fhir.Error{Kind: fhir.Throttled, Detail: "Too many long searches, patches and validations of this caller are waiting: 32 are allowed. Wait for their answers before you send more."}
	case limited.Err() != nil && ctx.Err() == nil:
		return unavailable("searches take turns with many others", limited.Err())
	}
	return err
}
