package engine_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/therapy/engine"
)

// A definition that is not sound is refused when it is loaded, with what is wrong.
func TestDefinitionsAreLinted(t *testing.T) {
	text, err := os.ReadFile("../definitions/cart-autologous-cryo.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ from, to, says string }{
		"an unknown field":                     {`"version":`, `"command": "x", "version":`, "unknown field"},
		"an unknown field of a gate":           {`"purpose": "data"}`, `"purpose": "data", "unless": "x"}`, "unknown field"},
		"a field that comes twice":             {`"version":`, `"id": "x", "version":`, "comes twice"},
		"an unknown gate":                      {`{"gate": "line_clear"}`, `{"gate": "line_cleared"}`, `unknown gate "line_cleared"`},
		"an unknown action":                    {`"does": "carry"`, `"does": "fly"`, `does "fly", which is not an action`},
		"an unknown role":                      {`"by": ["courier"]`, `"by": ["pirate"]`, "role pirate is not in roles"},
		"a step that nobody does":              {`"by": ["courier"]`, `"by": []`, "names no role"},
		"a parameter that does not fit":        {`{"gate": "line_clear"}`, `{"gate": "line_clear", "meaning": "x"}`, "line_clear and its parameter meaning do not fit"},
		"a parameter that is missing":          {`{"gate": "at_site", "role": "site"}`, `{"gate": "at_site"}`, "at_site and its parameter role do not fit"},
		"a site of nobody":                     {`{"gate": "at_site", "role": "site"}`, `{"gate": "at_site", "role": "moon"}`, "role moon is not in roles"},
		"an unknown band":                      {`"band": "cold"`, `"band": "lukewarm"`, "band lukewarm is not in bands"},
		"no sponsor":                           {`"site", "sponsor"]`, `"site"]`, "roles lacks sponsor"},
		"nobody of quality":                    {`"quality": ["quality"]`, `"quality": []`, "quality names no role"},
		"nobody who tells of consents":         {`"notices": ["clinic"]`, `"notices": []`, "notices names no role"},
		"no product":                           {`"product": "cart-cryo"`, `"product": ""`, "product is missing"},
		"a step that comes twice":              {`"code": "carry-again"`, `"code": "carry"`, "comes twice"},
		"a step with the name of a notice":     {`"code": "pack"`, `"code": "hold"`, "reserved"},
		"a step that begins without an order":  {`"does": "issue", "from": ["ordered"]`, `"does": "issue", "from": [""]`, "only order begins"},
		"a state that is never reached":        {`"from": ["ordered"], "to": "labelled"`, `"from": ["ordered"], "to": "labeled"`, "state labelled is never reached"},
		"a state without an exit":              {`"to": "delivered"`, `"to": "lost"`, `state "lost" leads to no final state`},
		"a window since a state there is not":  {`"since": "collected"`, `"since": "born"`, "state born is never reached"},
		"a final state that is left":           {`"final": ["closed", `, `"final": ["made", "closed", `, "leaves made, which is final"},
		"a way to infused by another action":   {`"does": "reconcile", "from": ["infused"], "to": "closed"`, `"does": "reconcile", "from": ["infused"], "to": "infused"`, "only infuse leads to infused"},
		"a way to conditioned by another one":  {`"does": "condition"`, `"does": "thaw"`, "only condition to conditioned"},
		"a definition in which nobody infuses": {`"does": "infuse"`, `"does": "thaw"`, "only infuse leads to infused"},
		"a duration of nothing":                {`"within": "30m"`, `"within": "0s"`, "not a duration"},
		"a number that is not an integer":      {`"min": 2,`, `"min": 2.5,`, "not an integer"},
		"text after it":                        {"  ]\n}\n", "  ]\n}\n{}", "text follows"},
	} {
		changed := strings.Replace(string(text), test.from, test.to, 1)
		if changed == string(text) {
			t.Errorf("%s: %s is not in the definition", name, test.from)
		}
		if _, err := engine.Load([]byte(changed)); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
	if _, err := engine.Load([]byte(`{"id":"` + strings.Repeat("x", 300<<10) + `"}`)); err == nil || !strings.Contains(err.Error(), "more than 262144 bytes") {
		t.Errorf("a long one: %v", err)
	}
}

// No definition lets anything that cannot be undone be done without the gates that must stand
// there, whatever else it says.
func TestGatesThatNoDefinitionLeavesOut(t *testing.T) {
	text, err := os.ReadFile("../definitions/cart-autologous-cryo.json")
	if err != nil {
		t.Fatal(err)
	}
	for does, gates := range map[string][]string{
		"infuse":    {"coi", "patient", "order", "released", "no_hold", "expiry", "two_person"},
		"condition": {"at_site", "released", "no_hold"},
		"thaw":      {"permit", "released", "no_hold"},
		"approve":   {"not_maker", "esig"},
		"take":      {"place"},
	} {
		for _, gate := range gates {
			lines := strings.Split(string(text), "\n")
			for i, line := range lines {
				if strings.Contains(line, `"does": "`+does+`"`) {
					lines[i] = without(line, gate)
				}
			}
			_, err := engine.Load([]byte(strings.Join(lines, "\n")))
			if err == nil || !strings.Contains(err.Error(), "without gate "+gate) {
				t.Errorf("%s without %s: %v", does, gate, err)
			}
		}
	}
}

// without drops a gate of a step.
func without(line, gate string) string {
	from := strings.Index(line, `{"gate": "`+gate+`"`)
	to := from + strings.Index(line[from:], "}") + 1
	return strings.NewReplacer(", , ", ", ", "[, ", "[", ", ]", "]").Replace(line[:from] + line[to:])
}

// What the vocabulary offers is used by the definitions that ship: nothing is speculation.
func TestVocabularyIsUsed(t *testing.T) {
	used := map[string]bool{}
	for id := range paths {
		for _, s := range load(t, id).Steps {
			used[s.Does] = true
			for _, g := range s.Gates {
				used[g.Gate] = true
			}
		}
	}
	for _, name := range append(engine.Gates(), engine.Actions()...) {
		if !used[name] {
			t.Errorf("no definition uses %s", name)
		}
	}
}
