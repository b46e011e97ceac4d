package replay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/policy"
)

// rule decides as it says, and counts.
type rule struct {
	decide func(policy.Input) (policy.Decision, error)
	timed  bool
	asked  int
}

func (r *rule) ReadsTime() bool { return r.timed }
func (r *rule) Decide(_ context.Context, in policy.Input) (policy.Decision, error) {
	r.asked++
	return r.decide(in)
}

func permits(in policy.Input) (policy.Decision, error) {
	return policy.Decision{Allow: true, Reason: "own-treatment", Consent: policy.Forbids}, nil
}

func ask(i int) policy.Input {
	return policy.Input{Agent: policy.Agent{Subject: fmt.Sprintf("Practitioner/%d", i%7), Role: "practitioner"}, Purpose: "TREAT", Interaction: "read", Action: "r", Type: "Patient", Now: fmt.Sprintf("2026-05-04T12:00:%02dZ", i%60)}
}

func run(t testing.TB, before, after Policies, records int) *Replay {
	t.Helper()
	r := New("draft", after, func(_ context.Context, revision string) (Policies, error) {
		if revision == "lost" {
			return nil, nil
		}
		return before, nil
	})
	for i := range records {
		rec := Record{ID: fmt.Sprintf("n1.accesses.0.%d", i), Inputs: []policy.Input{ask(i)}, Policy: "old", Patients: []string{"Patient/1"}}
		if err := r.Add(t.Context(), rec, nil); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// Every part of a decision is compared.
func TestWholeDecisionsAreCompared(t *testing.T) {
	for what, change := range map[string]func(*policy.Decision){
		"allow": func(d *policy.Decision) { d.Allow = false }, "reason": func(d *policy.Decision) { d.Reason = "other" }, "consent": func(d *policy.Decision) { d.Consent = policy.Permits },
		"constraints": func(d *policy.Decision) { d.Constraints.Types = []string{"Patient"} }, "obligations": func(d *policy.Decision) { d.Obligations = []string{"record"} },
		"": func(d *policy.Decision) { d.Revision = "draft" },
	} {
		after := &rule{decide: func(in policy.Input) (policy.Decision, error) {
			d, err := permits(in)
			if in.Agent.Subject == "Practitioner/3" {
				change(&d)
			}
			return d, err
		}}
		report := run(t, &rule{decide: permits}, after, 70).Report(nil, nil)
		want := 10
		if what == "" {
			want = 0
		}
		if report.Differs != want || report.Decisions != 70 || want > 0 && (strings.Join(report.Samples[0].What, " ") != what || report.By["person"][0] != (Count{"Practitioner/3", 10})) {
			t.Errorf("%q: %+v", what, report)
		}
	}
}

// An input is decided once, and once for each second where policies read the time.
func TestInputsAreDecidedOnce(t *testing.T) {
	for timed, want := range map[bool]int{false: 7, true: 420} {
		draft := &rule{decide: permits, timed: timed}
		run(t, &rule{decide: permits}, draft, 5_000)
		if draft.asked != want {
			t.Errorf("read the time %v: %d decisions, want %d", timed, draft.asked, want)
		}
	}
}

// What is not known and what was erased is counted; samples and lists are bounded, and a draft
// that fails is found out.
func TestReportsAreBoundedAndSayWhatTheyLeaveOut(t *testing.T) {
	after := &rule{decide: func(policy.Input) (policy.Decision, error) {
		return policy.Decision{Reason: "policy-error"}, fmt.Errorf("no")
	}}
	r := run(t, &rule{decide: permits}, after, 200)
	r.Unknown()
	r.Erased()
	if err := r.Add(t.Context(), Record{Policy: "lost", Inputs: []policy.Input{ask(1)}}, nil); err != nil {
		t.Fatal(err)
	}
	report := r.Report(nil, nil)
	if len(report.Samples) != MostSamples || report.NotKnown != 2 || report.Erased != 1 || report.Records != 203 || report.Failed != 200 || !r.Failing() {
		t.Errorf("%+v", report)
	}
	if test := report.Samples[0].Test; !strings.Contains(test, "test_recorded_n1_accesses_0_0_read_patient if {") || !strings.Contains(test, "d.allow == true") {
		t.Errorf("the test of a sample: %s", test)
	}
}

// BenchmarkReplay replays decisions of 200 distinct inputs with the built-in policies.
func BenchmarkReplay(b *testing.B) {
	c, err := policy.Look(b.Context(), policy.Base())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r := New("draft", c, func(context.Context, string) (Policies, error) { return c, nil })
		for i := range 10_000 {
			in := ask(i)
			in.Agent.Subject = fmt.Sprintf("Practitioner/%d", i%200)
			in.Agent.Organization, in.Node.Organization = "hospital", "hospital"
			if err := r.Add(b.Context(), Record{Inputs: []policy.Input{in}, Policy: "old"}, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "decisions/s")
}

// Patients of samples are named, however many others there are more about.
func TestPatientsOfSamplesAreNamed(t *testing.T) {
	r := &Replay{counts: map[string]map[string]int{"patient": {}}, sampled: []string{"Patient/rare"}}
	for i := range MostListed + 1 {
		r.counts["patient"][fmt.Sprint("Patient/", i)] = 2
	}
	if all := r.Patients(); len(all) != MostListed+1 || !slices.Contains(all, "Patient/rare") {
		t.Errorf("%v", all)
	}
}

// A sample whose question names patients makes no test, for revisions are kept; the record
// of the replay is to name them.
func TestNoTestNamesAPatient(t *testing.T) {
	for _, a := range []policy.Agent{{Subject: "Patient/1"}, {Subject: "Practitioner/1", Patient: "Patient/1"}} {
		r := &Replay{counts: map[string]map[string]int{}}
		d := &Difference{Input: policy.Input{Agent: a}}
		r.note(&Record{}, &d.Input, d)
		if got := r.report.Samples[0].Test; got != "" || !slices.Equal(r.Patients(), []string{"Patient/1"}) {
			t.Errorf("%+v: test %q, names %v", a, got, r.Patients())
		}
	}
}

// That the policies of then take too long on a busy machine is no finding.
func TestLateDecisionsAreNotKnown(t *testing.T) {
	late := &rule{decide: func(policy.Input) (policy.Decision, error) {
		return policy.Decision{Reason: "policy-error"}, policy.ErrDeadline
	}}
	permits := &rule{decide: func(policy.Input) (policy.Decision, error) { return policy.Decision{Allow: true}, nil }}
	r := New("new", permits, func(context.Context, string) (Policies, error) { return late, nil })
	for range 2 {
		if err := r.Add(t.Context(), Record{ID: "a", Policy: "old", Inputs: []policy.Input{{Type: "Patient"}}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.Report(nil, nil); got.NotKnown != 2 || got.Permits != 0 || got.Decisions != 0 || late.asked != 2 {
		t.Errorf("%+v, asked %d times", got, late.asked)
	}
}
