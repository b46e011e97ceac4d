package revision

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// A step that the page offers is not refused for where the revision stands; those that it
// does not offer are, but for what would change nothing.
func TestStepsAheadAreThoseThatAreNotRefused(t *testing.T) {
	all := []string{"check", "test", "impact", "submit", "approve", "withdraw", "activate", "canary", "shadow", "emergency"}
	// to bring a revision to where it is, and what is not offered although it is not refused
	cases := map[string]struct {
		steps []string
		spare string
	}{
		"draft": {}, "checked": {steps: []string{"check"}}, "tested": {steps: []string{"test"}}, "submitted": {steps: []string{"test", "submit"}},
		"approved": {steps: []string{"test", "submit", "approve"}, spare: "emergency"},
		"active":   {steps: []string{"test", "submit", "approve", "activate"}, spare: "shadow canary emergency"},
		"canary":   {steps: []string{"test", "submit", "approve", "canary"}, spare: "emergency"},
		"shadow":   {steps: []string{"test", "shadow"}, spare: "shadow"},
		"urgent":   {steps: []string{"test", "emergency"}, spare: "shadow"},
	}
	for name, c := range cases {
		for _, step := range all {
			o := newOffice(t)
			o.Narrows = func(context.Context, fs.FS, fs.FS) (bool, error) { return true, nil }
			o.Weigh = noImpact
			o.active("before")
			hash := o.draft(officer("Practitioner/a"), name)
			for _, s := range c.steps {
				if err := o.takes(s, hash); err != nil {
					t.Fatalf("%s: %s: %v", name, s, err)
				}
			}
			r, err := o.load(t.Context(), hash)
			if err != nil {
				t.Fatal(err)
			}
			a, err := o.Active(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			offered, refused := slices.Contains(r.Ahead(a, o.now), step), o.takes(step, hash) != nil
			if spare := strings.Contains(c.spare, step); offered == refused && (offered || !spare) || offered && spare {
				t.Errorf("%s: %s is offered %v, refused %v", name, step, offered, refused)
			}
		}
	}
}

// takes lets somebody who may take a step.
func (o *office) takes(step, hash string) error {
	_, err := o.Step(o.Context(), officer("Practitioner/"+map[bool]string{true: "b", false: "a"}[step == "approve"]), step, hash, More{Organizations: []string{"ward"}})
	return err
}

// To look at a draft keeps nothing, is recorded, and is for officers of the house.
func TestALookKeepsNothing(t *testing.T) {
	o := newOffice(t)
	base := o.active("before")
	rows := len(o.rows.Rows)
	for text, problem := range map[string]string{"package a\n": "", "package a # broken\n": "broken"} {
		found, err := o.Look(t.Context(), officer("Practitioner/a"), Draft{Base: base, Files: map[string]*string{"a.rego": &text}}, true)
		if err != nil || found.Problem != problem || !found.Tested && problem == "" {
			t.Errorf("%q: %+v %v", text, found, err)
		}
		if e := o.lastEvent(); e.Interaction != "policy-write" || !strings.Contains(e.Detail, "step=look-test") || e.Refused != "" {
			t.Errorf("recorded: %+v", e)
		}
	}
	for name, problem := range map[string]string{"../a.rego": "no name of a policy file", "big.rego": "a revision has at most"} {
		noise := make([]byte, MostPacked)
		rand.Read(noise)
		text := "package a\n# " + hex.EncodeToString(noise)
		found, err := o.Look(t.Context(), officer("Practitioner/a"), Draft{Files: map[string]*string{name: &text}}, false)
		if err != nil || !strings.Contains(found.Problem, problem) {
			t.Errorf("%s: %+v %v", name, found, err)
		}
	}
	guest := officer("Practitioner/g")
	guest.Agent.Organization = "elsewhere"
	if _, err := o.Look(t.Context(), guest, Draft{}, false); kindOf(err) != fhir.Forbidden || o.lastEvent().Refused == "" {
		t.Errorf("a guest: %v", err)
	}
	if len(o.rows.Rows) != rows {
		t.Errorf("%d rows became %d", rows, len(o.rows.Rows))
	}
}
