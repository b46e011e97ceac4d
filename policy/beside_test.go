package policy

import (
	"context"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"
)

// closed refuses practitioners; open permits them.
func closedAndOpen() (closed, open string) {
	return byDefault + `decision := {"allow": false, "reason": "local-refusal"} if input.agent.role == "practitioner"`,
		byDefault + "decision := " + permit + ` if input.agent.role == "practitioner"`
}

// A canary decides for the agents of its organisations and for nobody else, and the
// decision names its revision.
func TestACanaryDecidesForItsOrganizations(t *testing.T) {
	closed, open := closedAndOpen()
	e := newEngine(t, folder(open), Options{})
	if err := e.Canary(t.Context(), folder(closed), []string{"clinic"}); err != nil {
		t.Fatal(err)
	}
	decide := func(organization string) Decision {
		in := input()
		in.Agent.Organization = organization
		d, err := e.Decide(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for range 2 { // the second time from memory
		if own, guest := decide("hospital"), decide("clinic"); !own.Allow || guest.Allow || own.Revision != e.Revision() || guest.Revision == e.Revision() {
			t.Errorf("%+v, %+v", own, guest)
		}
	}
	if err := e.Canary(t.Context(), folder("broken {"), []string{"hospital"}); err == nil || !decide("hospital").Allow || decide("clinic").Allow {
		t.Errorf("a canary that does not compile: %v", err)
	}
	if err := e.Canary(t.Context(), nil, nil); err != nil || !decide("clinic").Allow {
		t.Error("the canary still decides")
	}
}

// A shadow is asked and compared, and never answers, also if it cannot decide.
func TestAShadowNeverAnswers(t *testing.T) {
	closed, open := closedAndOpen()
	e := newEngine(t, folder(open), Options{})
	for name, text := range map[string]string{"closed": closed, "failing": byDefault + "decision := " + permit + ` if 1 / count(input.agent.patient) > 0`} {
		if err := e.Shadow(t.Context(), folder(text)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if d, err := e.Decide(t.Context(), input()); err != nil || !d.Allow || d.Revision != e.Revision() {
				t.Fatalf("%s: %+v, %v", name, d, err)
			}
		}
		var seen *Shadowing
		for range 2000 {
			if seen = e.Shadowing(); seen.Asked+seen.Missed == 3 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if seen.Asked+seen.Missed != 3 || seen.Differs != seen.Asked || len(seen.List) != 1 || !seen.List[0].Now.Allow || seen.List[0].Shadow.Allow || (seen.List[0].Failed != "") != (name == "failing") {
			t.Errorf("%s: %+v", name, seen)
		}
	}
	if err := e.Shadow(t.Context(), nil); err != nil || e.Shadowing() != nil {
		t.Error("the shadow is still there")
	}
}

// A shadow that decides alike differs in nothing.
func TestAShadowThatDecidesAlike(t *testing.T) {
	_, open := closedAndOpen()
	e := newEngine(t, folder(open), Options{})
	if err := e.Shadow(t.Context(), folder(open+"\n\nnothing := 1")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Decide(t.Context(), input()); err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		if e.Shadowing().Asked == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if seen := e.Shadowing(); seen.Asked != 1 || seen.Differs != 0 || len(seen.List) != 0 {
		t.Errorf("%+v", seen)
	}
}

// Policies are tried with what was permitted in the last hour.
func TestWhatWasPermittedIsAskedAgain(t *testing.T) {
	closed, open := closedAndOpen()
	e := newEngine(t, folder(open), Options{})
	tries := func(text string, refused, permitted int) {
		t.Helper()
		r, p, err := e.Refused(context.Background(), folder(text))
		if err != nil || r != refused || p != permitted {
			t.Errorf("%d of %d, %v, want %d of %d", r, p, err, refused, permitted)
		}
	}
	tries(closed, 0, 0)
	for _, role := range []string{"practitioner", "janitor"} {
		for _, typ := range []string{"Observation", "Patient"} {
			in := input()
			in.Agent.Role, in.Type = role, typ
			if _, err := e.Decide(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
	}
	tries(closed, 2, 2)
	tries(open, 0, 2)
	for _, q := range e.recent.permitted() {
		if q.in.Type == "Patient" {
			q.last.Store(time.Now().Add(-recentFor - time.Minute).Unix())
		}
	}
	tries(closed, 1, 1)
	in := input()
	in.Type = "Patient"
	if _, err := e.Decide(t.Context(), in); err != nil { // from memory: that counts as asked
		t.Fatal(err)
	}
	tries(closed, 2, 2)
	if _, _, err := e.Refused(t.Context(), fstest.MapFS{}); err == nil {
		t.Error("no policies at all refuse nothing")
	}
}

// What is remembered to try policies with is bounded.
func TestRecentQuestionsAreBounded(t *testing.T) {
	var r recent
	for i := range 3 * mostRecent {
		in := input()
		r.note([]byte{byte(i), byte(i >> 8)}, &in, Decision{Allow: true})
	}
	if n := len(r.permitted()); n == 0 || n > mostRecent {
		t.Errorf("%d questions", n)
	}
}

// What a draft's check finds is told, not an error; its failures are named.
func TestTrialsTellWhatIsWrong(t *testing.T) {
	closed, _ := closedAndOpen()
	pack := func(files map[string]string) []byte {
		t.Helper()
		archive, err := packed(files)
		if err != nil {
			t.Fatal(err)
		}
		return archive
	}
	wrong := map[string]string{"p.rego": "package aceso.access\n\n" + closed, "data.json": string(mustRead(t, folder(closed), "data.json")),
		"p_test.rego": "package aceso.access_test\n\ntest_a if 1 == 2\n\ntest_b if data.aceso.access.decision.allow == false with input as {}\n"}
	if r := Try(t.Context(), pack(wrong), true); r.Problem == "" || r.Failed != 1 || len(r.Failures) != 1 || r.Revision == "" || !r.Tested {
		t.Errorf("%+v", r)
	}
	if r := Try(t.Context(), pack(wrong), false); r.Problem != "" || r.Tested {
		t.Errorf("%+v", r)
	}
	wrong["p.rego"] = "package aceso.access\n\nbroken {"
	if r := Try(t.Context(), pack(wrong), false); r.Problem == "" || r.Revision == "" {
		t.Errorf("%+v", r)
	}
	if r := Try(t.Context(), []byte("no archive"), true); r.Problem == "" {
		t.Errorf("%+v", r)
	}
}

func mustRead(t *testing.T, fsys fs.FS, name string) []byte {
	t.Helper()
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
