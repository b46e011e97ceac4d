package access

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// answers is a policy that gives prepared answers, the last one for ever.
type answers []error

func (a *answers) Decide(context.Context, policy.Input) (policy.Decision, error) {
	err := (*a)[0]
	if len(*a) > 1 {
		*a = (*a)[1:]
	}
	return policy.Decision{Allow: err == nil, Reason: "own-treatment", Consent: policy.None}, err
}

// A decision that is not reached in time denies, but is told as a passing failure;
// one that fails otherwise is a refusal.
func TestPolicyFailures(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		policy answers
		kind   fhir.Kind
		allow  bool
	}{
		"late once":  {answers{policy.ErrDeadline, nil}, 0, true},
		"late":       {answers{policy.ErrDeadline}, fhir.Unavailable, false},
		"broken":     {answers{broken}, fhir.Forbidden, false},
		"in no time": {answers{nil}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := New(Config{Policy: &c.policy, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
			r := g.review(&Call{})
			q := question{"read", "r", "Patient"}
			_, err := r.ask(t.Context(), q)
			if (err == nil) != c.allow || err != nil && kindOf(err) != c.kind {
				t.Errorf("ask: %v", err)
			}
			if may, err := r.row(t.Context(), q, store.Row{Facts: &fhir.Facts{}}); may != c.allow || (err != nil) != (c.kind == fhir.Unavailable) {
				t.Errorf("row: %v, %v", may, err)
			}
		})
	}
}

// What a store returns is judged once more.
func TestForgetfulStoreIsNoticed(t *testing.T) {
	deny := answers{errors.New("no")}
	g := New(Config{Policy: &deny, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	r := g.review(&Call{})
	err := r.check(t.Context(), question{"search-type", "s", "Patient"}, []Version{{Ref: fhir.Ref{Type: "Patient", ID: "1"}}})
	if kindOf(err) != fhir.Unavailable {
		t.Errorf("a hidden row was let through: %v", err)
	}
}
