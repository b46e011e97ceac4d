package narrow

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aceso-health/aceso/policy"
)

// changed is the built-in policy with pieces of its text exchanged: file, old, new.
func changed(t *testing.T, edits ...string) fs.FS {
	t.Helper()
	fsys := fstest.MapFS{}
	names, err := fs.Glob(policy.Base(), "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(policy.Base(), name)
		if err != nil {
			t.Fatal(err)
		}
		fsys[name] = &fstest.MapFile{Data: text}
	}
	for ; len(edits) > 0; edits = edits[3:] {
		text := string(fsys[edits[0]].Data)
		if !strings.Contains(text, edits[1]) {
			t.Fatalf("%s does not contain %q", edits[0], edits[1])
		}
		fsys[edits[0]].Data = []byte(strings.Replace(text, edits[1], edits[2], 1))
	}
	return fsys
}

// proof compares without haste: the machine may be busy.
func proof(t *testing.T, before, after fs.FS) Result {
	t.Helper()
	a, err := policy.Look(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	b, err := policy.Look(t.Context(), after)
	if err != nil {
		t.Fatal(err)
	}
	r, err := proved(t.Context(), a, b, 5*time.Minute, mostCases)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s in %d cases", r.Verdict, r.Cases)
	return r
}

const research = `else := permit("research-needs-consent", "permits", outsider_rows) if purpose == "research"`

// A change of the built-in policies is found, and the smallest request shows it.
func TestChangesOfTheBuiltInPolicies(t *testing.T) {
	wider := changed(t, "privacy_officer.rego", `deny("guest-not-allowed") if not own`, `deny("guest-not-allowed") if input.agent.organization == ""`)
	r := proof(t, policy.Base(), wider)
	if r.Verdict != Wider || r.More == nil || r.More.Old.Allow || !r.More.New.Allow || !slices.Contains(r.More.Matters, "agent.organization") {
		t.Errorf("got %s: %s %+v", r.Verdict, r.Why, r.More)
	}
	if again := proof(t, wider, policy.Base()); again.Verdict != Narrower || again.Less == nil {
		t.Errorf("the other way got %s: %s", again.Verdict, again.Why)
	}
}

// A difference for one person in one minute is found, and nothing else is said to matter.
func TestOneMinuteOfOnePersonIsFound(t *testing.T) {
	before := []line{{`permit("forbids", {})`, []string{"own"}}}
	after := append([]line{{`deny("local-refusal")`, []string{
		`input.agent.subject == "Practitioner/7"`, `input.now >= "2026-03-01T10:04:00Z"`, `input.now < "2026-03-01T10:05:00Z"`,
	}}}, before...)
	r := proof(t, policyOf(before), policyOf(after))
	if r.Verdict != Narrower || r.Less == nil || r.Less.Input.Agent.Subject != "Practitioner/7" || r.Less.Input.Now[:16] != "2026-03-01T10:04" {
		t.Fatalf("got %s: %s %+v", r.Verdict, r.Why, r.Less)
	}
	if !slices.Equal(r.Less.Matters, []string{"agent.subject", "agent.organization", "now"}) {
		t.Errorf("what matters is %v", r.Less.Matters)
	}
}

// A proof ends, whatever it is given.
func TestProofsAreBounded(t *testing.T) {
	a, err := policy.Look(t.Context(), policy.Base())
	if err != nil {
		t.Fatal(err)
	}
	b, err := policy.Look(t.Context(), changed(t, "clinician.rego", research, ""))
	if err != nil {
		t.Fatal(err)
	}
	r, err := proved(t.Context(), a, b, time.Minute, 500)
	if err != nil || r.Verdict != Unproved || !strings.Contains(r.Why, "more cases") {
		t.Errorf("got %+v, %v", r, err)
	}
}

// What cannot be cut is not guessed, and what stands in the way is named.
func TestWhatCannotBeProvedSaysWhy(t *testing.T) {
	refusing := func(body string) fs.FS {
		return policyOf([]line{{`deny("local-refusal")`, []string{body}}, {`permit("forbids", {})`, []string{"own"}}})
	}
	for rule, why := range map[string]string{
		`startswith(input.agent.subject, "Practitioner/")`:     "uses the function startswith on the request's agent.subject",
		`input.agent.client < "m"`:                             "uses the function lt on the request's agent.client",
		`lower(input.agent.client) == "ward"`:                  "a text that a function makes is compared with the request's agent.client",
		`input.agent.client == lower("WARD")`:                  "a text that a function makes",
		`time.clock(time.parse_rfc3339_ns(input.now))[0] > 20`: "a text that a function makes is compared with the request's now",
		`count(input.agent.client) > 3`:                        "counts the letters",
		`some s in input.agent.scopes; s.context == "user"`:    "reads input.agent.scopes",
		`some x in input.agent; x == "ward"`:                   "reads input.agent",
		`input.now < "in spring"`:                              "compares the time with",
		`covers(input.type, "rs")`:                             "asks whether a scope has the actions",
		`[x | x = {input.agent.client, "b"}[_]][0] == "b"`:     "puts the request's agent.client in order",
	} {
		t.Run(rule, func(t *testing.T) {
			r := proof(t, refusing("true"), refusing(strings.ReplaceAll(rule, "; ", "\n\t")))
			if r.Verdict != Unproved || !strings.Contains(r.Why, why) {
				t.Errorf("got %s: %s", r.Verdict, r.Why)
			}
		})
	}
}

// A change without a proof is no narrower one.
func TestNarrowsNeedsAProof(t *testing.T) {
	refusing := func(rule string) fs.FS {
		return changed(t, "clinician.rego", research, `else := deny("local-refusal") if `+rule+"\n\n"+research)
	}
	narrower, err := Narrows(t.Context(), policy.Base(), refusing(`startswith(input.agent.subject, "Practitioner/")`))
	if narrower || err == nil || !strings.Contains(err.Error(), "clinician.rego:") {
		t.Errorf("got %v, %v", narrower, err)
	}
	if narrower, err := Narrows(t.Context(), policy.Base(), policy.Base()); !narrower || err != nil {
		t.Errorf("what stays the same is refused: %v", err)
	}
	if _, err := Narrows(t.Context(), policy.Base(), refusing("{")); err == nil {
		t.Error("what is no policy is compared")
	}
}
