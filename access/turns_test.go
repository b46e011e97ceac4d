package access

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/access/fair"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/patch"
)

// long is a patch that may take long.
type long struct{ *patch.JSON }

func (long) Long() bool { return true }

// Patches and validations of large documents, and patches that may take long on small ones,
// wait for their turn; small ones do not.
func TestLargePatchesAndValidationsTakeTurns(t *testing.T) {
	h := ward(t)
	notes := `"note":[{"text":"` + strings.Repeat("x", longDocument) + `"}],"subject"`
	large := strings.Replace(observationDoc("s2", "seen"), `"subject"`, notes, 1)
	h.put(large)
	h.shares = &fair.Shares{Running: 1, Open: 16, Each: 2, Waiting: 4}
	held, err := h.shares.Begin(t.Context(), "another")
	if err != nil {
		t.Fatal(err)
	}
	patched := func(target string, slow bool) func(context.Context) error {
		return func(ctx context.Context) error {
			op := h.patchOf(target, amends)
			if slow {
				op.Patch = long{op.Patch.(*patch.JSON)}
			}
			_, err := h.Apply(ctx, h.as(agent.Practitioner, "TREAT"), []Operation{op})
			return err
		}
	}
	validated := func(id, body string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := h.Validate(ctx, h.as(agent.Practitioner, "TREAT"), ValidateRequest{Ref: fhir.Ref{Type: "Observation", ID: id}, Body: []byte(body)})
			return err
		}
	}
	for _, c := range []struct {
		name  string
		do    func(context.Context) error
		waits bool
	}{
		{"a small patch", patched("Observation/s1", false), false},
		{"a large patch", patched("Observation/s2", false), true},
		{"a patch that may take long", patched("Observation/s1", true), true},
		{"a small validation", validated("", observationDoc("x", "seen")), false},
		{"a large validation", validated("", large), true},
	} {
		brief, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := c.do(brief)
		cancel()
		if (err != nil) != c.waits || !c.waits && brief.Err() == nil && err != nil {
			t.Errorf("%s, while another has its turn: %v", c.name, err)
		}
	}
	held.Done()
	if err := validated("", large)(t.Context()); err != nil {
		t.Error(err)
	}
}

// What terminology looks at counts for the whole batch.
func TestTerminologyOfABatchIsBounded(t *testing.T) {
	h := newHouse(t)
	c := h.as(agent.Practitioner, "TREAT")
	ask := TermsRequest{Operation: "expand", Type: "ValueSet", Params: params("url=http://hl7.org/fhir/ValueSet/administrative-gender")}
	if _, err := h.Terminology(t.Context(), c.Entry(), ask); err != nil {
		t.Fatal(err)
	}
	c.work.Left = 3
	if _, err := h.Terminology(t.Context(), c.Entry(), ask); kindOf(err) != fhir.TooCostly {
		t.Errorf("with nothing left: %v", err)
	}
}
