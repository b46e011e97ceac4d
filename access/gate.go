// Package access is the one door to health data: every interaction, operation and
// export reads and writes through Gate, which decides and records.
//
// Three functions carry the promise. (*review).row decides about every version of
// every resource. (*review).record makes the record durable, in the same transaction
// as what the request writes. answer returns nothing before the record is durable.
//
// The package does not speak HTTP, does not authenticate, keeps nothing itself, and
// does none of the operators' jobs on stored records (see package audit).
package access

import (
	"context"
	"errors"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// Gate is the door.
type Gate struct {
	Config
	turn chan struct{} // held by the one change that is tried again
}

// New makes a gate.
func New(c Config) *Gate { return &Gate{Config: c, turn: make(chan struct{}, 1)} }

const (
	// maximumAttempts bounds how often a request is judged again because what it
	// rests on has changed meanwhile.
	maximumAttempts = 8
	// recordTimeout bounds how long an answer waits for its record.
	recordTimeout = 30 * time.Second
)

// answer takes a request through the gate: work judges it and finds the answer, record
// makes the record durable, and only then does the answer leave. If a Consent or a
// resource that the work rests on has changed meanwhile, nothing is recorded, and the
// work is done again. Refusals and failures are recorded like everything else.
func answer[T any](ctx context.Context, g *Gate, c *Call, work func(*review) (T, error)) (T, error) {
	var none T
	for try := 1; ; try++ {
		r := g.review(c)
		found, err := work(r)
		recorded := r.record(ctx, err)
		if errors.Is(recorded, store.ErrChanged) && try < maximumAttempts {
			if try == 1 && r.writes() { // changes that lost a race take turns, or they would race each other on and on
				defer g.takeTurn(ctx)()
			}
			continue
		}
		if failed := r.failed(recorded); failed != nil {
			err = failed
			recorded = r.record(ctx, err)
		}
		switch {
		case recorded != nil:
			return none, errors.Join(recorded, err)
		case err != nil:
			return none, err
		}
		return found, nil
	}
}

// record makes the record of a request durable, together with what the request writes.
// It answers store.ErrChanged, and leaves nothing behind, if what the request was judged
// by no longer holds. A caller that hangs up does not stop its record.
func (r *review) record(ctx context.Context, failed error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := r.conclude(ctx, failed); err != nil {
		return unavailable("record cannot be completed", err)
	}
	pending, err := r.gate.Sealer.Prepare(ctx, r.entry)
	if err != nil {
		return unavailable("record cannot be sealed", err)
	}
	receipt, err := r.commit(ctx, pending)
	if errors.Is(err, store.ErrChanged) {
		return err
	}
	if err != nil {
		return unavailable("record cannot be made durable", err)
	}
	r.call.Receipts = append(r.call.Receipts, receipt.String())
	return nil
}

// takeTurn waits until no other change is being tried again; the function it returns
// ends the turn. A caller that hangs up waits no longer.
func (g *Gate) takeTurn(ctx context.Context) (end func()) {
	select {
	case g.turn <- struct{}{}:
		return func() { <-g.turn }
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

// Operate decides and records an operation without resources (metrics ...).
func (g *Gate) Operate(ctx context.Context, c *Call, operation string) error {
	_, err := answer(ctx, g, c, func(r *review) (struct{}, error) {
		_, err := r.ask(ctx, question{operation, "r", ""})
		return struct{}{}, err
	})
	return err
}
