package policy

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
)

// The table has the answers of the base policy, readable for people.
func TestDecisions(t *testing.T) {
	text, err := os.ReadFile("testdata/decisions.txt")
	if err != nil {
		t.Fatal(err)
	}
	e, lines := newEngine(t, nil, Options{}), 0
	for _, line := range strings.Split(string(text), "\n") {
		question, want, ok := strings.Cut(line, "=>")
		if strings.HasPrefix(line, "#") || !ok {
			continue
		}
		lines++
		for range 2 { // evaluated, then remembered
			d, err := e.Decide(context.Background(), ask(t, strings.Fields(question)))
			if got := describe(d); err != nil || got != strings.TrimSpace(want) {
				t.Errorf("%s\n got %s (%v)\nwant%s", question, got, err, want)
			}
			if d.Allow != (d.Consent != "") || d.Revision != e.Revision() {
				t.Errorf("%s: %+v", question, d)
			}
		}
	}
	if lines < 100 {
		t.Errorf("only %d decisions found", lines)
	}
}

// ask reads role@organization[/client] purpose interaction type scope [patient].
func ask(t *testing.T, f []string) Input {
	t.Helper()
	in := input()
	var ok bool
	if in.Agent.Role, in.Agent.Organization, ok = strings.Cut(f[0], "@"); !ok || len(f) < 5 {
		t.Fatalf("cannot read %q", f)
	}
	if organization, client, named := strings.Cut(in.Agent.Organization, "/"); named {
		in.Agent.Organization, in.Agent.Client = organization, client
	}
	in.Agent.Organization = dash(in.Agent.Organization)
	in.Purpose, in.Interaction, in.Type = f[1], f[2], dash(f[3])
	in.Action = letter(f[2])
	in.Agent.Scopes = nil
	if context, rest, ok := strings.Cut(f[4], "/"); ok {
		typ, actions, _ := strings.Cut(rest, ".")
		in.Agent.Scopes = []agent.Scope{{Context: context, Type: typ, Actions: actions}}
	}
	if len(f) > 5 {
		in.Agent.Patient = f[5]
	}
	return in
}

func dash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// letter is the first letter of an interaction.
func letter(interaction string) string {
	known, _ := interactions(interaction)
	return known.letters[:min(1, len(known.letters))]
}

func describe(d Decision) string {
	words := []string{d.Reason}
	c := d.Constraints
	add := func(when bool, word string) {
		if when {
			words = append(words, word)
		}
	}
	shared := func(types []string) bool {
		return slices.Contains(types, "Practitioner") && slices.Contains(types, "Organization") && !slices.Contains(types, "Patient")
	}
	add(d.Consent != "", d.Consent)
	add(len(c.Types) > 0, "types="+strings.Join(c.Types, ","))
	add(c.Compartment != "", "in="+c.Compartment)
	add(shared(c.SharedTypes), "+shared")
	add(shared(c.Uncompartmented), "loose=shared")
	add(c.Owner != "", "owner="+c.Owner)
	add(c.Author != "", "by="+c.Author)
	add(len(d.Obligations) > 0, "does="+strings.Join(d.Obligations, ","))
	return strings.Join(words, " ")
}

func BenchmarkDecide(b *testing.B) {
	e, err := New(context.Background(), nil, Options{})
	if err != nil {
		b.Fatal(err)
	}
	run := func(b *testing.B) {
		b.ReportAllocs()
		in := input()
		for b.Loop() {
			if d, err := e.Decide(context.Background(), in); err != nil || !d.Allow {
				b.Fatal(d, err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
	}
	b.Run("remembered", run)
	e.current.Load().memory = nil
	b.Run("evaluated", run)
}
