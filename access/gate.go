// Package access is the one door to health data: every interaction, operation and
// export reads and writes through Gate, which decides and records.
//
// Two functions carry the promise. (*review).row decides about every version of
// every resource; (*Gate).record makes the record durable, and nothing is
// returned before it has. Writes are recorded by the same commit that writes them.
//
// The package does not speak HTTP, does not authenticate and keeps nothing itself.
package access

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// Decider is the policy in force. An error means deny.
type Decider interface {
	Decide(ctx context.Context, in policy.Input) (policy.Decision, error)
}

// Config is what a Gate is made of. Every field is needed but Writable, Others, where
// the store is one node's, and Network, where the ledger is a file beside the logs.
type Config struct {
	Store    store.Store
	Policy   Decider
	Consents *consent.Registry
	Sealer   *ledgerbridge.Sealer
	Changes  *ledgerbridge.Journal
	Accesses *ledgerbridge.Journal
	// Others opens a log of another node for reading. It is never called where the
	// store is this node's alone.
	Others       func(ctx context.Context, source string) (*ledgerbridge.Journal, error)
	Network      ledgerbridge.AnchorProver // nil without a network's ledger
	Organization string
	Node         string
	Base         string // base URL, for absolute references and links
	Links        Links
	Now          func() time.Time
	Log          *slog.Logger
	// Writable is asked before every change; its error is the answer. nil is always.
	Writable func() error
}

// Gate is the door.
type Gate struct {
	Config
	again chan struct{} // held by the one change that is worked out again
}

// New makes a gate.
func New(c Config) *Gate {
	return &Gate{Config: c, again: make(chan struct{}, 1)}
}

// recordTimeout bounds how long an answer waits for its record.
const recordTimeout = 30 * time.Second

// record makes the record of a read or a refusal durable. Callers return data only
// after it has returned nil: no record, no data. A caller that hangs up does not
// stop its record.
func (g *Gate) record(ctx context.Context, c *Call, d ledgerbridge.Draft) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	pending, err := g.Sealer.Prepare(ctx, d)
	if err != nil {
		return unavailable("record cannot be sealed", err)
	}
	receipt, err := g.Store.Record(ctx, pending, c.judging.judgedBy())
	if errors.Is(err, store.ErrChanged) {
		return err
	}
	if err != nil {
		return unavailable("record cannot be made durable", err)
	}
	c.Receipts = append(c.Receipts, receipt.String())
	return nil
}

// Read returns the current version. Absent and hidden are both NotFound; deleted is Gone.
func (g *Gate) Read(ctx context.Context, c *Call, ref fhir.Ref) (*Version, error) {
	return settled(ctx, g, c, func(r *review) (*Version, error) {
		return r.readOne(question{"read", "r", ref.Type}, ref, func() (Version, error) { return g.Store.Get(ctx, ref) })
	})
}

// VRead returns one version. Today's consent decides about the past, too.
func (g *Gate) VRead(ctx context.Context, c *Call, ref fhir.Ref, version int64) (*Version, error) {
	return settled(ctx, g, c, func(r *review) (*Version, error) {
		return r.readOne(question{"vread", "r", ref.Type}, ref, func() (Version, error) { return g.Store.GetVersion(ctx, ref, version) })
	})
}

// readOne is fetch, decide, record, return.
func (r *review) readOne(q question, ref fhir.Ref, fetch func() (Version, error)) (*Version, error) {
	v, err := fetch()
	exists := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, unavailable("resource cannot be read", err)
	}
	answer, err := r.answer(q, v, exists)
	if err != nil && !isRefusal(err) {
		return nil, err
	}
	d := r.draft(q)
	d.Target, d.Outcome = ref.String(), 200
	if answer != nil {
		d.Version, d.Content, d.Count = v.Version, v.Hash, 1
		r.disclose(&d, answer, "GET")
	} else {
		r.refuse(&d, v, err)
	}
	if failed := r.gate.record(r.ctx, r.call, d); failed != nil {
		return nil, failed
	}
	return answer, err // one of the two is nil
}

// answer decides about one version: the version, or how its absence is told.
func (r *review) answer(q question, v Version, exists bool) (*Version, error) {
	if d := r.request(q); !d.Allow {
		return nil, forbidden(d.Reason)
	}
	if !exists {
		return nil, notFound()
	}
	may, err := r.row(q, rowOf(&v))
	switch {
	case err != nil:
		return nil, err
	case !may:
		return nil, notFound()
	case v.Deleted:
		return nil, gone()
	}
	return &v, nil
}

// refuse completes the record of an answer that discloses nothing. Who is
// concerned is recorded, though the caller does not learn it.
func (r *review) refuse(d *ledgerbridge.Draft, v Version, err error) {
	d.Outcome = status(err)
	if hidden := v.Ref.ID != "" && kindOf(err) == fhir.NotFound; hidden {
		d.Decision, d.Reason = "deny", "row-refused"
	}
	for _, patient := range v.Facts.Patients {
		r.touch(d, patient)
	}
}

// Operate decides and records an operation without resources (metrics ...).
func (g *Gate) Operate(ctx context.Context, c *Call, operation string) error {
	r := g.review(ctx, c)
	q := question{operation, "r", ""}
	d := r.draft(q)
	d.Outcome = 200
	var refused error
	if p := r.request(q); !p.Allow {
		refused = forbidden(p.Reason)
		d.Outcome = status(refused)
	}
	if err := g.record(ctx, c, d); err != nil {
		return err
	}
	return refused
}
