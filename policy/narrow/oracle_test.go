package narrow

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/policy"
)

// writer writes small policies by chance.
type writer struct{ *rand.Rand }

func (w writer) any(of ...string) string { return of[w.IntN(len(of))] }

// condition is one line of a rule.
func (w writer) condition() string {
	kind, person, app := w.any("Consent", "Observation", "AuditEvent"), w.any("Practitioner/7", "Patient/1"), w.any("ward", "study")
	return w.any(
		`input.agent.role == `+strconv.Quote(w.any("practitioner", "patient")),
		`input.agent.role != "system"`,
		`input.agent.role in {"practitioner", "system"}`,
		`input.agent.role in staff`,
		`grade[input.agent.role] == "high"`,
		`grade[input.agent.role]`,
		`data.aceso.purposes[input.purpose] == "research"`,
		`purpose in {"treatment", "payment"}`,
		`not purpose == "treatment"`,
		`purpose != "unknown"`,
		`input.type == `+strconv.Quote(kind),
		`input.type != `+strconv.Quote(kind),
		`input.type in data.aceso.types.shared`,
		`not input.type in data.aceso.types.shared`,
		`count({x | some x in data.aceso.types.shared; x == input.type}) == 0`,
		`own`, `not own`,
		`input.agent.organization == "clinic"`,
		`input.agent.subject == `+strconv.Quote(person),
		`input.agent.subject != `+strconv.Quote(person),
		`input.agent.subject == input.agent.patient`,
		`input.agent.patient == ""`,
		`input.agent.client == `+strconv.Quote(app),
		`input.agent.client in data.aceso.clients`,
		`input.agent.client != input.agent.organization`,
		`input.now >= "2026-03-01T10:04:00Z"`,
		`input.now < "2026-03-01T10:05:00Z"`,
		`time.parse_rfc3339_ns(input.now) < time.parse_rfc3339_ns("2026-06-30T00:00:00Z")`,
		`data.aceso.until[input.agent.client] > input.now`,
		`input.interaction in {"read", "vread", "create"}`,
		`input.interaction == "delete"`,
		`input.action == "r"`,
		`input.action in {"c", "u"}`,
		`covers(input.type, input.action)`,
		`not covers(input.type, "r")`,
		`covers("AuditEvent", "r")`,
		`contexts(input.type, input.action) == {"patient"}`,
		`count(contexts(input.type, input.action)) == 2`,
		`operable`,
		`fits(`+strconv.Quote(w.any("user", "patient"))+`)`,
		`named(input.agent.client, input.agent.subject)`,
		`some x in [input.agent.role, input.agent.client]; x == "ward"`,
		`every x in data.aceso.clients { x != input.agent.client }`,
		`object.get(data.aceso.until, input.agent.client, "") == ""`,
	)
}

// answer is what a line of a rule gives.
func (w writer) answer() string {
	if w.IntN(3) == 0 {
		return `deny("local-refusal")`
	}
	return fmt.Sprintf("permit(%q, %s)", w.any("forbids", "permits", "none"), w.any(
		"{}", "{}", `{"compartment": input.agent.patient}`, `{"types": ["Observation", "Consent"]}`, `{"types": ["Observation"]}`,
		`{"owner": input.agent.organization}`, `{"uncompartmented": data.aceso.types.shared}`, `{"author": input.agent.subject}`,
		`{"labels": ["http://terminology.hl7.org/CodeSystem/v3-Confidentiality|V"]}`, `{"labels": {"confidentiality": {"max": "N"}}}`,
		`{"search": "status=final"}`, `{"search": "status=final&category=laboratory"}`,
		`object.union({"compartment": input.agent.patient}, {"shared_types": data.aceso.types.shared})`))
}

// line is one line of the decision.
type line struct {
	answer     string
	conditions []string
}

func (w writer) line() line {
	l := line{answer: w.answer()}
	for range 1 + w.IntN(3) {
		l.conditions = append(l.conditions, w.condition())
	}
	return l
}

// lines are a revision, with three lines or more.
func (w writer) lines() (all []line) {
	for range 3 + w.IntN(3) {
		all = append(all, w.line())
	}
	return all
}

// change changes one thing of a revision: a line more or less, a condition, an answer; or
// what only matters to one person, one app, one minute, or inside a function.
func (w writer) change(before []line) []line {
	after := make([]line, len(before))
	for i, l := range before {
		after[i] = line{l.answer, append([]string(nil), l.conditions...)}
	}
	i := w.IntN(len(after))
	switch w.IntN(9) {
	case 0:
		after = append(after[:i:i], after[i+1:]...)
	case 1:
		after = append(append(after[:i:i], w.line()), after[i:]...)
	case 2:
		after[i].conditions = append(after[i].conditions, w.condition())
	case 3:
		after[i].conditions[w.IntN(len(after[i].conditions))] = w.condition()
	case 4:
		after[i].answer = w.answer()
	case 5:
		after[i].conditions = append(after[i].conditions, `not startswith(input.agent.subject, "Practitioner/")`)
	default: // one person, one app, one minute
		only := line{w.answer(), []string{w.any(`input.agent.subject == "Practitioner/8"`, `input.agent.client == "kiosk"`,
			`input.now >= "2026-03-01T10:07:00Z"; input.now < "2026-03-01T10:08:00Z"`)}}
		after = append([]line{only}, after...)
	}
	return after
}

// policyOf is a revision as a folder.
func policyOf(lines []line) fs.FS {
	text := rules
	for i, l := range lines {
		head := "else := "
		if i == 0 {
			head = "decision := "
		}
		text += head + l.answer + " if {\n\t" + strings.Join(l.conditions, "\n\t") + "\n}\n\n"
	}
	return fstest.MapFS{"p.rego": {Data: []byte(text)}, "data.json": {Data: []byte(data)}}
}

const rules = `package aceso.access

default decision := {"allow": false, "reason": "role-unknown"}

deny(code) := {"allow": false, "reason": code}

permit(mode, rows) := {"allow": true, "reason": "local-permit", "consent": mode, "constraints": rows}

own if input.agent.organization == input.node.organization

default purpose := "unknown"

purpose := data.aceso.purposes[input.purpose]

staff contains "practitioner"

staff contains "patient" if own

grade["practitioner"] := "high" if own

grade["patient"] := "low"

named("ward", _) if own

named(_, "Practitioner/7") if not own

contexts(type, action) := {scope.context |
	some scope in input.agent.scopes
	scope.type in {type, "*"}
	contains(scope.actions, action)
	fits(scope.context)
}

covers(type, action) if count(contexts(type, action)) > 0

operable if {
	some type in data.aceso.operations[input.interaction]
	covers(type, "r")
}

fits("patient") if input.agent.patient != ""

fits("user") if input.agent.role != "system"

fits("system") if input.agent.role == "system"

`

const data = `{"aceso": {
	"purposes": {"TREAT": "treatment", "ETREAT": "treatment", "HPAYMT": "payment", "HRESCH": "research"},
	"types": {"shared": ["Organization", "Practitioner", "Medication"]},
	"clients": ["ward", "study"], "until": {"study": "2026-06-30T00:00:00Z"},
	"operations": {"proof": ["AuditEvent"], "access-report": ["AuditEvent", "Patient"]}
}}`

// asker makes requests by chance. It knows which words policies spell, but nothing of what
// they mean or where they count.
type asker struct {
	*rand.Rand
	words []string
}

var quoted = regexp.MustCompile(`"([^"]+)"`)

func newAsker(r *rand.Rand) asker {
	a := asker{Rand: r, words: []string{"Practitioner/7", "Practitioner/8", "Patient/1", "kiosk", "clinic", "hospital", "system", "privacy-officer", "BTG", "x"}}
	for _, m := range quoted.FindAllStringSubmatch(rules+data, -1) {
		a.words = append(a.words, m[1])
	}
	return a
}

func (a asker) word(some ...string) string {
	if a.IntN(3) == 0 {
		return a.words[a.IntN(len(a.words))]
	}
	return some[a.IntN(len(some))]
}

// request is one that a server could be asked; it tries until it has one.
func (a asker) request() policy.Input {
	for {
		in := policy.Input{
			Agent: policy.Agent{
				Subject: a.word("Practitioner/7", "Practitioner/8", "Patient/1", "x"), Role: a.word("practitioner", "patient", "system"),
				Organization: a.word("hospital", "clinic", ""), Patient: a.word("", "Patient/1", "Patient/2"), Client: a.word("ward", "study", "kiosk", ""),
			},
			Purpose: a.word("TREAT", "HPAYMT", "HRESCH", "BTG"), Interaction: policy.Interactions()[a.IntN(len(policy.Interactions()))],
			Action: a.word("", "c", "r", "u", "d", "s"), Type: a.word("", "Consent", "Observation", "AuditEvent", "Organization", "Patient"),
			Node: policy.Node{Organization: a.word("hospital", "clinic")},
			Now:  time.Date(2026, 3, 1, 10, 0, a.IntN(600), 0, time.UTC).AddDate(0, a.IntN(2)*a.IntN(8), 0).Format(time.RFC3339),
		}
		for range a.IntN(4) {
			in.Agent.Scopes = append(in.Agent.Scopes, agent.Scope{
				Context: a.word("patient", "user", "system"), Type: a.word("*", "Consent", "Observation", "AuditEvent"), Actions: a.word("r", "rs", "cruds", "cu", "d"),
			})
		}
		if in.Valid() == nil {
			return in
		}
	}
}

// What is proved of two revisions holds for every request that somebody tries, and what is
// found is so. Pairs and requests can be made more by ACESO_PAIRS,
// ACESO_REQUESTS and ACESO_CASES.
func TestProofsHoldForWhateverIsAsked(t *testing.T) {
	pairs, requests := number("ACESO_PAIRS", 30), number("ACESO_REQUESTS", 200)
	seen := map[Verdict]int{}
	for i := range pairs {
		w := writer{rand.New(rand.NewPCG(14, uint64(i)))}
		before := w.lines()
		after := w.change(before)
		a, err := policy.Look(t.Context(), policyOf(before))
		if err != nil {
			t.Fatal(err)
		}
		b, err := policy.Look(t.Context(), policyOf(after))
		if err != nil {
			t.Fatal(err)
		}
		r, err := proved(t.Context(), a, b, 5*time.Minute, number("ACESO_CASES", 1500))
		if err != nil {
			t.Fatal(err)
		}
		seen[r.Verdict]++
		holds(t, a, b, r, requests, newAsker(w.Rand), fmt.Sprintf("pair %d: %q\nand %q", i, before, after))
	}
	t.Logf("%d pairs: %v", pairs, seen)
	if seen[Narrower] == 0 || seen[Wider] == 0 || seen[Both]+seen[Equal] == 0 || seen[Unproved] == 0 || seen[Unproved] > 3*pairs/4 {
		t.Errorf("the pairs test too little: %v", seen)
	}
}

func holds(t *testing.T, a, b *policy.Candidate, r Result, requests int, ask asker, pair string) {
	t.Helper()
	for range requests {
		in := ask.request()
		old, _ := a.Decide(t.Context(), in)
		next, _ := b.Decide(t.Context(), in)
		if more := !AtMost(next, old); more && (r.Verdict == Equal || r.Verdict == Narrower) {
			t.Fatalf("%s\nis proved %s, but %+v gets more", pair, r.Verdict, in)
		}
		if less := !AtMost(old, next); less && (r.Verdict == Equal || r.Verdict == Wider) {
			t.Fatalf("%s\nis proved %s, but %+v gets less", pair, r.Verdict, in)
		}
	}
	known := strings.Contains(pair, "startswith") || strings.Contains(r.Why, "more cases") || strings.Contains(pair, "search") && strings.Contains(r.Why, "when it is asked")
	if r.Verdict == Unproved && !known {
		t.Errorf("%s\ncannot be proved: %s", pair, r.Why)
	}
	for _, e := range []*Example{r.More, r.Less} {
		if e != nil && e.Input.Valid() != nil {
			t.Errorf("%s\nhas an example that nobody can ask: %+v", pair, e.Input)
		}
	}
}

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}
