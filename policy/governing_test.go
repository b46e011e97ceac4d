package policy

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
)

// docsTable are the rows of the table in docs/policies.md that begins with a header.
func docsTable(t *testing.T, header string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), header+"\n|---")
	if !found {
		t.Fatalf("docs have no table %s", header)
	}
	for _, line := range strings.Split(table, "\n")[1:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		var row []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			row = append(row, strings.TrimSpace(cell))
		}
		rows = append(rows, row)
	}
	return rows
}

// writers are the own agents of the table, with all scopes.
func writers() map[string]Agent {
	all := func(role, context, client string) Agent {
		a := input().Agent
		a.Role, a.Client, a.Scopes = role, client, []agent.Scope{{Context: context, Type: "*", Actions: "cruds"}}
		return a
	}
	patient := all("patient", "patient", "app")
	patient.Patient = "Patient/1"
	return map[string]Agent{
		"patient": patient, "practitioner": all("practitioner", "user", "aceso-cli"), "system": all("system", "system", "lab"),
		"consent system": all("system", "system", "aceso-cli"), "privacy officer": all("privacy-officer", "user", "aceso-cli"),
		"administrator": all("administrator", "user", "aceso-cli"),
	}
}

// Who may change what gives access is what the docs say, cell by cell; guests and
// researchers never may.
func TestWhoChangesWhatGivesAccess(t *testing.T) {
	e := newEngine(t, nil, Options{})
	var types []string
	word := regexp.MustCompile("`(\\w+)`")
	for _, row := range docsTable(t, "| Type | create | update, patch | delete |") {
		for _, name := range word.FindAllStringSubmatch(row[0], -1) {
			types = append(types, name[1])
			for interaction, cell := range map[string]string{"create": row[1], "update": row[2], "patch": row[2], "delete": row[3]} {
				for who, a := range writers() {
					in := input()
					in.Agent, in.Interaction, in.Action, in.Type = a, interaction, letter(interaction), name[1]
					for _, purpose := range []string{"TREAT", "HRESCH"} {
						for _, organization := range []string{"hospital", "clinic"} {
							in.Purpose, in.Agent.Organization = purpose, organization
							want := purpose == "TREAT" && organization == "hospital" && slices.Contains(strings.Split(cell, ", "), who)
							if d, err := e.Decide(t.Context(), in); err != nil || d.Allow != want {
								t.Errorf("%s of %s by %s of %s for %s: %+v, %v", interaction, name[1], who, organization, purpose, d, err)
							}
						}
					}
				}
			}
		}
	}
	var data struct {
		Aceso struct{ Types struct{ Governing []string } }
	}
	if baseData(t, &data); !slices.Equal(slices.Sorted(slices.Values(types)), data.Aceso.Types.Governing) {
		t.Errorf("docs have %v, data.json %v", types, data.Aceso.Types.Governing)
	}
}

// Every operation needs the scope that the docs and data.json name, whoever calls.
func TestOperationsNeedTheirScope(t *testing.T) {
	e := newEngine(t, nil, Options{})
	var data struct {
		Aceso struct {
			Operations map[string]struct {
				Types  []string
				Action string
			}
		}
	}
	baseData(t, &data)
	rows := docsTable(t, "| Operation | Type of the scope | Letter | Request |")
	if len(rows) != len(data.Aceso.Operations) {
		t.Errorf("docs have %d operations, data.json %d", len(rows), len(data.Aceso.Operations))
	}
	for _, row := range rows {
		name := strings.Trim(row[0], "`")
		needed := data.Aceso.Operations[name]
		if known, ok := interactions(name); !ok || !strings.Contains(known.letters, needed.Action) || row[1] != strings.Join(needed.Types, ", ") || row[2] != needed.Action {
			t.Errorf("docs: %v, data.json: %+v", row, needed)
		}
		opened := false
		for who, a := range writers() {
			if a.Role != "privacy-officer" && a.Role != "administrator" && (a.Role != "practitioner" || name != "break-glass") {
				continue
			}
			in := input()
			in.Agent, in.Interaction, in.Action, in.Type, in.Agent.Patient = a, name, needed.Action, "", "Patient/1"
			if name == "verify" {
				in.Type = "Observation"
			}
			for _, s := range []agent.Scope{
				{Context: "user", Type: needed.Types[0], Actions: needed.Action}, {Context: "user", Type: "Observation", Actions: "cruds"},
				{Context: "user", Type: needed.Types[0], Actions: "cud"}, {Context: "patient", Type: "*", Actions: "cruds"},
				{Context: "system", Type: "*", Actions: "cruds"},
			} {
				in.Agent.Scopes = []agent.Scope{s}
				enough := s.Context == "user" && s.Type == needed.Types[0] && strings.Contains(s.Actions, needed.Action)
				d, err := e.Decide(t.Context(), in)
				if err != nil || d.Allow && !enough {
					t.Errorf("%s by %s with %v: %+v, %v", name, who, s, d, err)
				}
				opened = opened || d.Allow
			}
		}
		if !opened {
			t.Errorf("%s is open to nobody", name)
		}
	}
}
