package policy

import (
	"io/fs"
	"strings"
	"testing"
)

// The place of a decision is the line of the rule that decides.
func TestPlacesAreTheLinesThatDecide(t *testing.T) {
	e := newEngine(t, nil, Options{})
	for name, c := range map[string]struct {
		change func(*Input)
		file   string
		line   string
	}{
		"own treatment":    {func(*Input) {}, "clinician.rego", `else := permit("own-treatment"`},
		"no scope":         {func(in *Input) { in.Agent.Scopes = nil }, "clinician.rego", `else := deny("scope-missing")`},
		"a guest":          {func(in *Input) { in.Agent.Organization = "clinic" }, "clinician.rego", `else := permit("guest-needs-consent"`},
		"another purpose":  {func(in *Input) { in.Purpose = "HMARKT" }, "clinician.rego", `else := deny("purpose-not-allowed")`},
		"who is nobody":    {func(in *Input) { in.Agent.Role = "janitor" }, "decision.rego", "default decision"},
		"an administrator": {func(in *Input) { in.Agent.Role = "administrator" }, "administrator.rego", `else := deny("type-not-allowed")`},
	} {
		in := input()
		c.change(&in)
		place, err := e.PlaceOf(t.Context(), in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, _ := fs.ReadFile(Base(), place.File)
		lines := strings.Split(string(text), "\n")
		if place.File != c.file || place.Line < 1 || !strings.HasPrefix(lines[place.Line-1], c.line) || place.Revision != e.Revision() {
			t.Errorf("%s: %+v", name, place)
		}
	}
}
