package revision

import (
	"context"
	"net/url"
	"time"

	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/policy"
)

// Ahead are the steps that a revision can take from where it is, in their order. Each still
// asks who takes it, and on what it rests: this only spares the steps that are refused to
// everybody.
func (r *Revision) Ahead(a *Active, now time.Time) (steps []string) {
	running := a.InForce(now) == r.Hash
	switch r.State {
	case Drafted, Checked:
		return []string{"check", "test"}
	case Tested:
		steps = []string{"check", "test", "impact", "submit"}
	case Submitted:
		steps = []string{"impact", "approve", "withdraw"}
	case Approved:
		steps = []string{"impact"}
		if !running || !a.Until.IsZero() {
			steps = append(steps, "activate", "canary")
		}
		if !a.uses(r.Hash) && r.Version > 0 {
			steps = append(steps, "withdraw")
		}
	}
	if a.Shadow != r.Hash && !running {
		steps = append(steps, "shadow")
	}
	if r.State != Approved && !running && (a.Until.IsZero() || a.ended(now)) {
		steps = append(steps, "emergency")
	}
	return steps
}

// Look checks what somebody writes without keeping it, and runs its tests if it is to. What
// is wrong with it is no error but a trial that says so.
func (s *Service) Look(ctx context.Context, by By, d Draft, tests bool) (*policy.Trial, error) {
	name := "look"
	if tests {
		name = "look-test"
	}
	e := kept.Event{Interaction: "policy-write", Agent: by.Agent, Detail: url.Values{"step": {name}, "base": {d.Base}}.Encode()}
	if err := s.admits(ctx, by, e.Interaction); err != nil {
		return nil, s.refuse(ctx, by, e, err)
	}
	files, err := s.filesOf(ctx, &d)
	if err != nil {
		return nil, s.refuse(ctx, by, e, err)
	}
	if err := s.commit(ctx, by, e); err != nil { // the policy decides before anything is tried
		return nil, err
	}
	_, archive, err := policy.PackFiles(files)
	switch {
	case err != nil:
		return &policy.Trial{Problem: err.Error()}, nil
	case len(archive) > MostPacked:
		return &policy.Trial{Problem: unprocessable("The files have %d bytes when packed; a revision has at most %d.", len(archive), MostPacked).Error()}, nil
	}
	t := s.Try(ctx, archive, tests)
	return &t, nil
}

// Fields are the paths of what a policy sees of a request, for those who write one.
func Fields() ([]string, error) { return policy.Fields() }

// Trial and Shadowing are what the policies themselves say, for those who show it.
type (
	Trial     = policy.Trial
	Shadowing = policy.Shadowing
	Report    = policy.Impact
	Example   = policy.ProofExample
)
