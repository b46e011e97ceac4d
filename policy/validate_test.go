package policy

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/aceso-health/aceso/agent"
)

func TestInvalidInputDenies(t *testing.T) {
	e := newEngine(t, nil, Options{})
	for name, change := range map[string]func(*Input){
		"zero":                    func(in *Input) { *in = Input{} },
		"no subject":              func(in *Input) { in.Agent.Subject = "" },
		"line in subject":         func(in *Input) { in.Agent.Subject = "a\nb" },
		"long subject":            func(in *Input) { in.Agent.Subject = strings.Repeat("a", maxText+1) },
		"subject not UTF-8":       func(in *Input) { in.Agent.Subject = "\xff" },
		"no role":                 func(in *Input) { in.Agent.Role = "" },
		"two roles":               func(in *Input) { in.Agent.Role = "system practitioner" },
		"bad organization":        func(in *Input) { in.Agent.Organization = "a\x00" },
		"bad client":              func(in *Input) { in.Agent.Client = "\x7f" },
		"bare patient id":         func(in *Input) { in.Agent.Patient = "1" },
		"absolute patient":        func(in *Input) { in.Agent.Patient = "https://a/Patient/1" },
		"patient version":         func(in *Input) { in.Agent.Patient = "Patient/1/_history/2" },
		"patient without id":      func(in *Input) { in.Agent.Patient = "Patient/" },
		"scope context":           func(in *Input) { in.Agent.Scopes[0].Context = "launch" },
		"scope without type":      func(in *Input) { in.Agent.Scopes[0].Type = "" },
		"scope with query":        func(in *Input) { in.Agent.Scopes[0].Type = "Observation?category=x" },
		"scope without actions":   func(in *Input) { in.Agent.Scopes[0].Actions = "" },
		"scope actions unordered": func(in *Input) { in.Agent.Scopes[0].Actions = "rc" },
		"scope actions twice":     func(in *Input) { in.Agent.Scopes[0].Actions = "rr" },
		"scope actions v1":        func(in *Input) { in.Agent.Scopes[0].Actions = "read" },
		"too many scopes":         func(in *Input) { in.Agent.Scopes = make([]agent.Scope, maxScopes+1) },
		"no purpose":              func(in *Input) { in.Purpose = "" },
		"two purposes":            func(in *Input) { in.Purpose = "TREAT HRESCH" },
		"no interaction":          func(in *Input) { in.Interaction = "" },
		"unknown interaction":     func(in *Input) { in.Interaction = "everything" },
		"no action":               func(in *Input) { in.Action = "" },
		"wrong action":            func(in *Input) { in.Interaction, in.Action = "delete", "r" },
		"two actions":             func(in *Input) { in.Action = "rs" },
		"no type":                 func(in *Input) { in.Type = "" },
		"type in lower case":      func(in *Input) { in.Type = "observation" },
		"type of system level":    func(in *Input) { in.Interaction, in.Action = "search-system", "s" },
		"no node":                 func(in *Input) { in.Node.Organization = "" },
		"no time":                 func(in *Input) { in.Now = "" },
		"local time":              func(in *Input) { in.Now = "2026-01-02T03:04:05+01:00" },
		"time without zone":       func(in *Input) { in.Now = "2026-01-02T03:04:05" },
	} {
		in := input()
		change(&in)
		d, err := e.Decide(context.Background(), in)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		wantDeny(t, e, d, "input-invalid")
	}
}

// Operations need no letter and no type, but a letter must be one of theirs.
func TestOperationInputs(t *testing.T) {
	for _, name := range []string{"authorize", "token", "access-report", "proof", "audit-read", "audit-search", "ledger", "metrics", "operations", "policy-read"} {
		for letter, want := range map[string]bool{"": true, "r": true, "s": true, "c": false, "rs": false} {
			in := input()
			in.Interaction, in.Action, in.Type = name, letter, ""
			if err := validate(&in); (err == nil) != want {
				t.Errorf("%s with action %q: %v", name, letter, err)
			}
		}
	}
}

// A valid input must match the schema, against which the compiler checks policies.
func TestInputIsWhatTheSchemaSays(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(schemaJSON, &schema); err != nil {
		t.Fatal(err)
	}
	in := input()
	in.Agent.Patient = "Patient/1"
	v, err := ast.JSON(in.value())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var viaJSON any
	if err := json.Unmarshal(text, &viaJSON); err != nil {
		t.Fatal(err)
	}
	matches(t, "input", schema, v)
	matches(t, "input (as JSON)", schema, viaJSON)
	if direct, err := json.Marshal(v); err != nil || !sameJSON(t, direct, text) {
		t.Errorf("value builds %s, JSON is %s (%v)", direct, text, err)
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	va, errA := ast.ValueFromReader(strings.NewReader(string(a)))
	vb, errB := ast.ValueFromReader(strings.NewReader(string(b)))
	return errA == nil && errB == nil && va.Compare(vb) == 0
}

// matches implements the part of JSON Schema that schema.json uses.
func matches(t *testing.T, place string, schema map[string]any, v any) {
	t.Helper()
	switch schema["type"] {
	case "object":
		properties := schema["properties"].(map[string]any)
		o, ok := v.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(o)), slices.Sorted(maps.Keys(properties))) {
			t.Fatalf("%s: fields are %v, schema has %v", place, v, properties)
		}
		if len(schema["required"].([]any)) != len(properties) || schema["additionalProperties"] != false {
			t.Errorf("%s: every field must be required and no other allowed", place)
		}
		for name, p := range properties {
			matches(t, place+"."+name, p.(map[string]any), o[name])
		}
	case "array":
		for _, item := range v.([]any) {
			matches(t, place+"[]", schema["items"].(map[string]any), item)
		}
	case "string":
		if _, ok := v.(string); !ok {
			t.Errorf("%s is %T", place, v)
		}
	default:
		t.Errorf("%s: schema of type %v", place, schema["type"])
	}
}
