// Package access is the one door to health data: every interaction, operation and
// export reads and writes through Gate, which decides and records.
//
// Three functions carry the promise. (*review).row decides about every stored version of
// every resource. (*review).record makes the record durable, in the same transaction as
// what the request writes. answer returns only after the record is durable.
//
// The package does not speak HTTP, does not authenticate, keeps nothing itself, and
// does none of the operators' jobs on stored records (see package audit).
package access

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/aceso-health/aceso/access/fair"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// Gate is the door.
type Gate struct {
	Config
	retry    chan struct{} // one slot: changes that lost a race are tried again one at a time
	patience time.Duration // with a record: recordTimeout
	callers  remembered[*identity]
	custom   customs
	grants   remembered[standing]
	held     remembered[bool] // whether versions satisfy the search parameters of scopes
	masks    remembered[*fhir.Mask]
	shares   *fair.Shares // of long searches
	former   former       // what has left whom
	failed   atomic.Int64 // when a record could not be made, in Unix milliseconds; 0 if one has been made since
}

// New makes a gate.
func New(c Config) *Gate {
	return &Gate{Config: c, retry: make(chan struct{}, 1), patience: recordTimeout, shares: newShares(), custom: customs{work: make(chan struct{}, 1)}}
}

const (
	// maximumAttempts bounds how often a request is judged again because what it
	// rests on has changed meanwhile.
	maximumAttempts = 8
	// recordTimeout bounds how long an answer waits for its record: a third of it to find whom
	// it concerns.
	recordTimeout = 30 * time.Second
	// unrecordedFor is for how long a record that could not be made counts, if none is
	// made since: who asks whether the gate can record may be the only one who still asks.
	unrecordedFor = 10 * time.Second
)

// Unrecorded says that the last record could not be made, a moment ago.
func (g *Gate) Unrecorded() bool {
	at := g.failed.Load()
	return at > 0 && g.Now().Sub(time.UnixMilli(at)) < unrecordedFor
}

// answer takes a request through the gate: work judges it and finds the answer, record
// makes the record durable, and only then does the answer leave. If the store says that a
// Consent or a resource that the work rests on has changed meanwhile, nothing is recorded,
// and the work is done again. Refusals and failures are recorded like everything else.
func answer[T any](ctx context.Context, g *Gate, c *Call, work func(*review) (T, error)) (T, error) {
	var none T
	for try := 1; ; try++ {
		if try > 1 { // perhaps its grant ended
			g.grants.drop(c.Agent.Grant)
		}
		r := g.review(c)
		result, err := caught(ctx, r, work)
		if errors.Is(err, store.ErrChanged) {
			g.forgetPlan()
			if try < maximumAttempts {
				continue
			}
			err = overtaken()
		}
		recordErr := r.record(ctx, err)
		if errors.Is(recordErr, store.ErrChanged) && try < maximumAttempts {
			g.forgetPlan()
			if try == 1 && r.writes() { // otherwise changes that lost a race keep colliding
				defer g.waitToRetry(ctx)() // the slot is held until answer returns
			}
			continue
		}
		if instead := r.instead(recordErr); instead != nil {
			err = instead
			recordErr = r.record(ctx, err)
		}
		switch {
		case recordErr != nil:
			return none, errors.Join(recordErr, err)
		case err != nil:
			return none, err
		}
		return result, nil
	}
}

// caught does the work and masks what it found; that it panics is a failure like others, and
// is recorded.
func caught[T any](ctx context.Context, r *review, work func(*review) (T, error)) (result T, err error) {
	defer fhir.Caught(&err)
	if result, err = work(r); err == nil {
		err = r.mask(ctx, result)
	}
	return result, err
}

// record makes the record of a request durable, together with what the request writes;
// outcome is the error that the request ends with, if any. It returns store.ErrChanged,
// and leaves nothing behind, if what the request was judged by no longer holds. A caller
// that hangs up does not stop its record. If it cannot be known whom the request concerns,
// that failure is recorded and returned.
func (r *review) record(ctx context.Context, outcome error) error {
	incomplete, err := r.makeDurable(ctx, outcome)
	switch failed := &r.gate.failed; {
	case err == nil && failed.Load() != 0:
		failed.Store(0)
	case err != nil && !errors.Is(err, store.ErrChanged):
		failed.Store(r.gate.Now().UnixMilli())
	}
	return cmp.Or(err, incomplete)
}

// makeDurable is record; incomplete is the failure that a durable record is of, since it
// could not be completed.
func (r *review) makeDurable(ctx context.Context, outcome error) (incomplete, err error) {
	if r.entry.Interaction == "" {
		return nil, unavailable("record cannot be completed", errors.New("nothing was decided"))
	}
	patience := lasting(ctx, r.gate.patience)
	defer patience.end()
	ctx = patience
	incomplete = r.conclude(ctx, outcome)
	r.keepInput(ctx)
	pending, err := r.gate.Sealer.Prepare(ctx, r.entry)
	if err != nil {
		return nil, unavailable("record cannot be sealed", err)
	}
	receipt, err := r.commit(ctx, pending)
	if errors.Is(err, store.ErrChanged) {
		return nil, err
	}
	if err != nil {
		return nil, unavailable("record cannot be made durable", err)
	}
	pending.Recorded(receipt)
	r.call.Receipts = append(r.call.Receipts, receipt.String())
	r.call.Basis.note(r)
	return incomplete, nil
}

// waitToRetry waits for the slot of changes that are tried again, and returns the function
// that frees it. A caller that hangs up waits no longer.
func (g *Gate) waitToRetry(ctx context.Context) (free func()) {
	select {
	case g.retry <- struct{}{}:
		return func() { <-g.retry }
	case <-ctx.Done():
		return func() {}
	}
}

// Read returns the current version. Absent and hidden are both NotFound; deleted is Gone.
func (g *Gate) Read(ctx context.Context, c *Call, ref fhir.Ref) (*Version, error) {
	return answer(ctx, g, c, func(r *review) (*Version, error) {
		return r.read(ctx, question{"read", "r", ref.Type}, ref, 0)
	})
}

// VRead returns one version. Today's Consents decide about the past, too.
func (g *Gate) VRead(ctx context.Context, c *Call, ref fhir.Ref, version int64) (*Version, error) {
	return answer(ctx, g, c, func(r *review) (*Version, error) {
		return r.read(ctx, question{"vread", "r", ref.Type}, ref, version)
	})
}

// Meta is Read for what asks of a resource its meta only.
func (g *Gate) Meta(ctx context.Context, c *Call, ref fhir.Ref) (*Version, error) {
	return answer(ctx, g, c, func(r *review) (*Version, error) {
		return r.read(ctx, question{"meta", "r", ref.Type}, ref, 0)
	})
}

// Operate decides and records an operation that returns no resources, such as metrics.
func (g *Gate) Operate(ctx context.Context, c *Call, operation string) error {
	_, err := answer(ctx, g, c, func(r *review) (struct{}, error) {
		_, err := r.ask(ctx, question{operation, "r", ""})
		return struct{}{}, err
	})
	return err
}
