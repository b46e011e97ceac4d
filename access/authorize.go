package access

import (
	"context"
	"errors"

	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// Authorization is something about rows that are kept beside resources (clients, grants,
// revisions of policies, emergencies ...) that is done for the agent of a call, or refused.
// Of a refusal the agent may be nobody: what was claimed by whoever asked stands in Detail,
// as what was claimed.
type Authorization struct {
	Interaction string   // authorize, token, refresh, revoke, introspect, register, launch, client-read, client-write, sign-in, sign-out, policy-write, break-glass ...
	Detail      string   // what it is about, as a query: client=app&scope=...; what was claimed; no secret
	Patient     string   // to whose data it gives access, "Patient/1", or ""
	Patients    []string // others whose data it shows or is about
	Refused     string   // the reason of a refusal that the protocol makes; "": the policy is asked
	Status      int      // of the answer to that refusal
	Keep        []store.Kept
}

// Authorize records such an event in the change log, and writes what is kept in the
// transaction of that record: all or nothing. What is not refused already is asked of the
// policy; if that refuses, nothing is kept. It answers store.ErrChanged, and records nothing,
// if a row was not in the version expected.
func (g *Gate) Authorize(ctx context.Context, c *Call, a Authorization) error {
	r := g.review(c)
	refusal := r.authorize(ctx, a)
	err := r.record(ctx, refusal)
	switch {
	case errors.Is(err, store.ErrChanged):
		return store.ErrChanged
	case err != nil:
		return err
	}
	return refusal
}

// authorize asks the policy, and fills the record.
func (r *review) authorize(ctx context.Context, a Authorization) error {
	q, d := question{interaction: a.Interaction}, policy.Decision{Reason: a.Refused}
	if a.Refused == "" {
		d = r.decide(ctx, q)
	}
	r.begin(q, d)
	r.unasked = a.Refused != ""
	r.entry.Query, r.entry.Outcome = a.Detail, a.Status
	if a.Patient != "" {
		r.concern([]string{a.Patient})
	}
	r.concern(a.Patients)
	if a.Refused == "" {
		if err := r.stands(ctx, 0); err != nil {
			return err
		}
		if !d.Allow {
			return r.refuse(d)
		}
	}
	if g := r.gate; g.Writable != nil && a.Refused == "" {
		if err := g.Writable(); err != nil {
			return err
		}
	}
	r.event, r.change.Keep = true, a.Keep
	return nil
}
