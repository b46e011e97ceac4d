package policy

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/aceso-health/aceso/agent"
)

// input is a request that a practitioner of the hospital may make.
func input() Input {
	return Input{
		Agent: Agent{
			Subject: "Practitioner/1", Role: "practitioner", Organization: "hospital", Client: "ward",
			Scopes: []agent.Scope{{Context: "user", Type: "*", Actions: "cruds"}},
		},
		Purpose: "TREAT", Interaction: "read", Action: "r", Type: "Observation",
		Node: Node{Organization: "hospital"}, Now: "2026-01-02T03:04:05Z",
	}
}

// folder makes a policy folder of one file.
func folder(policy string) fs.FS {
	return fstest.MapFS{
		"p.rego":    {Data: []byte("package aceso.access\n\n" + policy)},
		"data.json": {Data: []byte(`{"aceso": {"known": ["a"], "purposes": {"TREAT": "treatment"}}}`)},
	}
}

const (
	byDefault = "default decision := {\"allow\": false, \"reason\": \"local-refusal\"}\n"
	permit    = `{"allow": true, "reason": "local-permit", "consent": "forbids"}`
)

// newEngine leaves decisions all the time they need on a busy machine, unless the
// test is about the deadline.
func newEngine(t *testing.T, fsys fs.FS, o Options) *Engine {
	t.Helper()
	if o.Deadline == 0 {
		o.Deadline = time.Minute
	}
	e, err := New(context.Background(), fsys, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestDecideWithAFolder(t *testing.T) {
	e := newEngine(t, folder(byDefault+"decision := "+permit+` if input.agent.role == "practitioner"`), Options{})
	d, err := e.Decide(context.Background(), input())
	if err != nil || !d.Allow || d.Reason != "local-permit" || d.Consent != Forbids || d.Revision != e.Revision() {
		t.Errorf("got %+v, %v", d, err)
	}
	other := input()
	other.Agent.Role = "patient"
	if d, err := e.Decide(context.Background(), other); err != nil || d.Allow || d.Reason != "local-refusal" {
		t.Errorf("got %+v, %v", d, err)
	}
}

// Each of these compiles, and would permit if an error, an undefined value or a wrong
// type counted as an answer.
func TestFailuresWhileDecidingDeny(t *testing.T) {
	tests := map[string]struct{ policy, says string }{
		"builtin error under not": {
			`decision := ` + permit + ` if not late
			late if time.parse_rfc3339_ns(input.agent.subject) > 0`, "time.parse_rfc3339_ns"},
		"division by zero under not": {
			`decision := ` + permit + ` if not odd
			odd if 1 / count(input.agent.patient) > 0`, "divide by zero"},
		"conflict": {
			`decision := ` + permit + ` if input.action == "r"
			decision := {"allow": false, "reason": "local-refusal"} if input.type == "Observation"`, "conflict"},
		"allow is a string": {
			`decision := {"allow": word, "reason": "local-permit", "consent": "none"} if word := input.purpose`, "allow"},
		"allow is a number": {
			`decision := {"allow": n, "reason": "local-permit", "consent": "none"} if n := count(input.purpose)`, "allow"},
		"allow is missing": {
			`decision := {"reason": "local-permit", "consent": "none"} if input.purpose == "TREAT"`, "allow"},
		"not an object":           {`decision := true if input.purpose == "TREAT"`, "object"},
		"unknown reason":          {`decision := {"allow": true, "reason": input.purpose, "consent": "none"}`, "unknown reason"},
		"unknown reason, denied":  {`decision := {"allow": false, "reason": input.purpose}`, "unknown reason"},
		"no reason":               {`decision := {"allow": input.purpose == "TREAT", "consent": "none"}`, "unknown reason"},
		"unknown consent mode":    {`decision := {"allow": true, "reason": "local-permit", "consent": input.purpose}`, "consent mode"},
		"no consent mode":         {`decision := {"allow": input.purpose == "TREAT", "reason": "local-permit"}`, "consent mode"},
		"unknown obligation":      {`decision := ` + with(`"obligations": [input.agent.client]`), "obligation"},
		"mask of no element":      {`decision := ` + with(`"obligations": {concat(".", ["mask Patient", input.agent.client])}`), "Patient has no such element"},
		"obligations not a list":  {`decision := ` + with(`"obligations": "record"`), "obligations"},
		"unknown field":           {`decision := ` + with(`input.agent.client: false`), "ward"},
		"unknown constraint":      {`decision := ` + with(`"constraints": {input.agent.client: ["R"]}`), "ward"},
		"constraints not object":  {`decision := ` + with(`"constraints": ["Patient"]`), "constraints"},
		"constraint of a type":    {`decision := ` + with(`"constraints": {"types": "Patient"}`), "types"},
		"constraint of numbers":   {`decision := ` + with(`"constraints": {"types": [1]}`), "types"},
		"empty types":             {`decision := ` + with(`"constraints": {"types": [x | some x in data.aceso.known; x == "b"]}`), "types"},
		"a label that is none":    {`decision := ` + with(`"constraints": {"labels": {x | some x in data.aceso.known}}`), "labels"},
		"labels of an empty set":  {`decision := ` + with(`"constraints": {"labels": {"without": {x | some x in data.aceso.known; x == "b"}}}`), "without"},
		"a level that is none":    {`decision := ` + with(`"constraints": {"labels": {"confidentiality": {"max": input.purpose}}}`), "must be N or R"},
		"a level of two":          {`decision := ` + with(`"constraints": {"labels": {"confidentiality": {"max": "N", input.purpose: "N"}}}`), "max"},
		"labels of nothing":       {`decision := ` + with(`"constraints": {"labels": {x: ["HIV"] | some x in data.aceso.known; x == "b"}}`), "empty"},
		"a sensitivity, unknown":  {`decision := ` + with(`"constraints": {"labels": {"without": [input.purpose]}}`), "neither a sensitivity"},
		"a field of labels":       {`decision := ` + with(`"constraints": {"labels": {input.purpose: ["HIV"]}}`), "unknown field"},
		"search of another type":  {`decision := ` + with(`"constraints": {"search": "clinical-status=active"}`), "cannot be enforced"},
		"search that is computed": {`decision := ` + with(`"constraints": {"search": concat("=", ["_content", input.purpose])}`), "cannot be enforced"},
		"search of nothing":       {`decision := ` + with(`"constraints": {"search": concat("=", ["code", ""])}`), "search"},
		"empty uncompartmented":   {`decision := ` + with(`"constraints": {"uncompartmented": {x | some x in data.aceso.known; x == "b"}}`), "uncompartmented"},
		"compartment of nobody":   {`decision := ` + with(`"constraints": {"compartment": input.agent.patient}`), "compartment"},
		"owner of another type":   {`decision := ` + with(`"constraints": {"owner": ["a"]}`), "owner"},
		"author of another type":  {`decision := ` + with(`"constraints": {"author": null}`), "author"},
		"field that is no string": {`decision := ` + with(`1: true`), "not a string"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, folder(byDefault+test.policy), Options{})
			for range 2 { // the memory must not turn an error into anything else
				d, err := e.Decide(context.Background(), input())
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("error %v does not say %q", err, test.says)
				}
				wantDeny(t, e, d, "policy-error")
			}
		})
	}
}

// with is a permit with another field.
func with(field string) string {
	return `{"allow": true, "reason": "local-permit", "consent": "none", ` + field + `} if input.purpose != ""` + "\n"
}

func wantDeny(t *testing.T, e *Engine, d Decision, reason string) {
	t.Helper()
	if d.Allow || d.Consent != "" || d.Reason != reason || d.Revision != e.Revision() {
		t.Errorf("got %+v, want a plain refusal because of %s", d, reason)
	}
}

func TestResultsOtherThanOneDeny(t *testing.T) {
	ok := ast.MustParseTerm(permit).Value
	one := rego.Result{Expressions: []*rego.ExpressionValue{{Value: ok}}}
	for name, results := range map[string]rego.ResultSet{
		"none": nil, "two": {one, one}, "no expression": {{}},
		"two expressions": {{Expressions: []*rego.ExpressionValue{{Value: ok}, {Value: ok}}}},
		"plain Go":        {{Expressions: []*rego.ExpressionValue{{Value: map[string]any{"allow": true}}}}},
	} {
		if d, err := answer(results, "Observation"); err == nil || d.Allow {
			t.Errorf("%s: got %+v, %v", name, d, err)
		}
	}
	if d, err := answer(rego.ResultSet{one}, "Observation"); err != nil || !d.Allow {
		t.Errorf("one: got %+v, %v", d, err)
	}
}

func TestDeadlineDenies(t *testing.T) {
	list := "[" + strings.Repeat("1,", 999) + "1]"
	e := newEngine(t, folder(byDefault+"numbers := "+list+"\n"+`
		decision := `+permit+` if not slow
		slow if count([a | some a in numbers; some b in numbers; some c in numbers; some d in numbers; a + b + c + d == 5]) > 0`),
		Options{Deadline: 20 * time.Millisecond})
	d, err := e.Decide(context.Background(), input())
	if !errors.Is(err, ErrDeadline) {
		t.Errorf("got %v, want ErrDeadline", err)
	}
	wantDeny(t, e, d, "policy-error")
}

// A result after the deadline does not count.
func TestLateResultDenies(t *testing.T) {
	e := newEngine(t, nil, Options{Deadline: time.Nanosecond})
	e.current.Load().evaluate = func(_ context.Context, _ ast.Value, c topdown.Cancel) (rego.ResultSet, error) {
		for !c.Cancelled() {
			time.Sleep(time.Millisecond)
		}
		return rego.ResultSet{{Expressions: []*rego.ExpressionValue{{Value: ast.MustParseTerm(permit).Value}}}}, nil
	}
	d, err := e.Decide(context.Background(), input())
	if err == nil {
		t.Error("no error")
	}
	wantDeny(t, e, d, "policy-error")
}

func TestPanicDenies(t *testing.T) {
	e := newEngine(t, nil, Options{})
	e.current.Load().evaluate = func(context.Context, ast.Value, topdown.Cancel) (rego.ResultSet, error) {
		panic("boom")
	}
	d, err := e.Decide(context.Background(), input())
	if err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("got %v", err)
	}
	wantDeny(t, e, d, "policy-error")
}

func TestEvaluationErrorDenies(t *testing.T) {
	e := newEngine(t, nil, Options{})
	failure := errors.New("store is gone")
	e.current.Load().evaluate = func(context.Context, ast.Value, topdown.Cancel) (rego.ResultSet, error) {
		return rego.ResultSet{{Expressions: []*rego.ExpressionValue{{Value: ast.MustParseTerm(permit).Value}}}}, failure
	}
	d, err := e.Decide(context.Background(), input())
	if !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	wantDeny(t, e, d, "policy-error")
}

// The engine decides even if the client has gone, so that the request can be recorded.
func TestDecideAfterTheClientLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d, err := newEngine(t, nil, Options{}).Decide(ctx, input())
	if err != nil || !d.Allow {
		t.Errorf("got %+v, %v", d, err)
	}
}

// The key of the memory covers everything that a policy can see, and nothing else.
func TestMemory(t *testing.T) {
	seesTime := map[string]string{
		"by name":       `input.now > "2026-01-02T03:04:05Z"`,
		"by string":     `input["now"] > "2026-01-02T03:04:05Z"`,
		"by variable":   `some name in ["now"]; input[name] > "2026-01-02T03:04:05Z"`,
		"by all fields": `some text in input; is_string(text); text > "2026-01-02T03:04:05Z"; startswith(text, "2026")`,
		"by alias":      `all := input; all.now > "2026-01-02T03:04:05Z"`,
		"by function":   `object.get(input, "now", "") > "2026-01-02T03:04:05Z"`,
		"nested":        `names := {"2026-01-02T03:04:06Z": "purpose"}; input[names[input.now]] == "TREAT"`,
	}
	for name, condition := range seesTime {
		e := newEngine(t, folder(byDefault+"decision := "+permit+" if { "+condition+" }"), Options{})
		for now, want := range map[string]bool{"2026-01-02T03:04:05Z": false, "2026-01-02T03:04:06Z": true} {
			in := input()
			in.Now = now
			if d, err := e.Decide(context.Background(), in); err != nil || d.Allow != want {
				t.Errorf("%s at %s: got %+v, %v", name, now, d, err)
			}
		}
	}
	if newEngine(t, nil, Options{}).current.Load().memory == nil {
		t.Error("the base policy does not need the time, but is not remembered")
	}
}

func TestMemoryKeysDiffer(t *testing.T) {
	keys := map[string]string{}
	for name, in := range variants() {
		key := string(in.appendKey(nil))
		if other, ok := keys[key]; ok {
			t.Errorf("%s and %s have the same key", name, other)
		}
		keys[key] = name
	}
}

// variants differ in one place each, or only in where one text ends and the next begins.
func variants() map[string]Input {
	all := map[string]Input{}
	for name, change := range map[string]func(*Input){
		"as it is":     func(*Input) {},
		"subject":      func(in *Input) { in.Agent.Subject = "Practitioner/2" },
		"role":         func(in *Input) { in.Agent.Role = "system" },
		"organization": func(in *Input) { in.Agent.Organization = "clinic" },
		"patient":      func(in *Input) { in.Agent.Patient = "Patient/1" },
		"client":       func(in *Input) { in.Agent.Client = "lab" },
		"border":       func(in *Input) { in.Agent.Subject, in.Agent.Role = "Practitioner/1p", "ractitioner" },
		"purpose":      func(in *Input) { in.Purpose = "HRESCH" },
		"interaction":  func(in *Input) { in.Interaction = "vread" },
		"action":       func(in *Input) { in.Action = "s" },
		"type":         func(in *Input) { in.Type = "Patient" },
		"node":         func(in *Input) { in.Node.Organization = "clinic" },
		"no scope":     func(in *Input) { in.Agent.Scopes = nil },
		"context":      func(in *Input) { in.Agent.Scopes[0].Context = "system" },
		"scope type":   func(in *Input) { in.Agent.Scopes[0].Type = "Patient" },
		"actions":      func(in *Input) { in.Agent.Scopes[0].Actions = "r" },
		"two scopes":   func(in *Input) { in.Agent.Scopes = append(in.Agent.Scopes, in.Agent.Scopes[0]) },
	} {
		in := input()
		change(&in)
		all[name] = in
	}
	return all
}

func TestMemoryIsBounded(t *testing.T) {
	m := newMemory()
	for i := range 3 * maxMemory {
		m.put([]byte{byte(i), byte(i >> 8), byte(i >> 16)}, Decision{}, nil)
	}
	if len(m.decisions) > maxMemory {
		t.Errorf("%d decisions kept", len(m.decisions))
	}
}

func TestDecideConcurrentlyWithReload(t *testing.T) {
	open := folder(byDefault + "decision := " + permit + ` if input.action == "r"`)
	shut := folder(byDefault)
	e := newEngine(t, open, Options{})
	opened := e.Revision()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				d, err := e.Decide(context.Background(), input())
				if err != nil || d.Allow != (d.Revision == opened) {
					t.Errorf("got %+v, %v", d, err)
				}
			}
		})
	}
	for i := range 20 {
		if err := e.Reload(context.Background(), []fs.FS{shut, open}[i%2]); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}
