package access

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
)

// drawn decides each purpose and type in some way, and otherwise about whom it names.
type drawn struct {
	seed  int
	named string
}

func (d drawn) Decide(_ context.Context, in policy.Input) (policy.Decision, error) {
	h := fnv.New32()
	fmt.Fprint(h, d.seed, in.Purpose, in.Type, d.named != "" && in.Agent.Subject == d.named)
	allow := policy.Decision{Allow: true, Reason: "local-permit", Consent: policy.Forbids, Revision: fmt.Sprint(d.seed)}
	switch h.Sum32() % 7 {
	case 0:
		return policy.Decision{Reason: "local-refusal"}, nil
	case 1:
		allow.Consent = policy.Permits
	case 2:
		allow.Consent = policy.None
	case 3:
		allow.Constraints.Labels = []string{confidentiality + "R"}
	case 4:
		allow.Constraints.Owner = "hospital"
	case 5:
		allow.Constraints.Types = []string{"Patient"}
	}
	return allow, nil
}

// asStaff is somebody of the own practitioners.
func asStaff(subject string) agent.Agent {
	return agent.Agent{Subject: subject, Role: agent.Practitioner, Organization: "hospital", Actors: []string{"Organization/hospital", subject}, Scopes: []agent.Scope{{Context: "user", Type: "*", Actions: "rs"}}}
}

// Whoever sees a row of a patient otherwise with other policies is in the answer with her, and
// the answer says of whole sets what holds of each row in them.
func TestWhoSeesWhomIsWhatReadsShow(t *testing.T) {
	c := newPopulation(t, 17, 40)
	c.put(`{"resourceType":"Practitioner","id":"doctor"}`, `{"resourceType":"Practitioner","id":"nurse"}`, `{"resourceType":"Practitioner","id":"idle"}`)
	tried := map[string]int{}
	for seed := range 12 {
		asked := &SeersQuestion{Before: drawn{seed, ""}, After: drawn{seed + 100, "Practitioner/nurse"}, Named: []string{"Practitioner/nurse"}, Purposes: []string{"TREAT", "HRESCH"}, As: asStaff}
		r := c.Gate.review(c.officer())
		s := &seers{review: r, asked: asked, answer: &policy.People{Purposes: asked.Purposes}, decided: map[string][2]policy.Decision{}, room: mostStaff, looks: mostSights, asks: mostDecided}
		if err := s.find(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.answer.Staff != 3 || s.answer.Patients != 40 {
			t.Fatalf("%+v", s.answer)
		}
		for _, class := range s.classes {
			for _, purpose := range asked.Purposes {
				for _, typ := range s.answer.Types {
					c.holds(s, class, purpose, typ, tried)
				}
			}
		}
	}
	for _, what := range []string{"newly", "newly-some", "no-longer", "more", "less", "either", ""} {
		if tried[what] < 20 {
			t.Errorf("%q was hardly tried: %v", what, tried)
		}
	}
}

// holds compares what is said of a class of staff with what each of them sees of each row.
func (c *population) holds(s *seers, class *staff, purpose, typ string, tried map[string]int) {
	c.Helper()
	one := *class
	one.purposes = []string{purpose}
	types := s.answer.Types
	s.answer.Types = []string{typ}
	found, err := s.differences(c.Context(), &one)
	s.answer.Types = types
	if err != nil {
		c.Fatal(err)
	}
	current, _ := c.versions(typ)
	for i := range current {
		v := &current[i]
		if !v.Facts.Apart() || len(v.Facts.Patients) != 1 {
			continue
		}
		what := ""
		for name, d := range found {
			if d.buckets[s.bucketOf(v.Facts.Patients[0])] {
				what = name
			}
		}
		tried[what]++
		for _, who := range class.who {
			var sees [2]bool
			for i, gate := range []*Gate{s.before, s.after} {
				a := asStaff(who)
				a.Purpose = purpose
				as := gate.review(&Call{Agent: a})
				if err := as.identify(c.Context()); err != nil {
					c.Fatal(err)
				}
				if sees[i], err = as.row(c.Context(), question{"read", "r", typ}, rowOf(v)); err != nil {
					c.Fatal(err)
				}
			}
			if !slices.Contains(map[string][]string{
				"newly": {"false true"}, "newly-some": {"false true", "false false"}, "no-longer": {"true false", "false false"}, "more": {"false true", "false false", "true true"},
				"less": {"true false", "true true", "false false"}, "either": {"true false", "true true", "false true", "false false"}, "": {"true true", "false false"},
			}[what], fmt.Sprint(sees[0], " ", sees[1])) {
				c.Fatalf("%s for %s of %s (%s): said %q, seen %v", who, purpose, v.Ref, v.Facts.Patients, what, sees)
			}
		}
	}
}

// bucketOf is where a patient's Consents put her.
func (s *seers) bucketOf(patient string) string {
	for _, shape := range s.shapes {
		for _, b := range shape.Buckets {
			if slices.Contains(b.Patients, patient) {
				return b.Name
			}
		}
	}
	return ""
}

// Only the office asks who sees whom; the record names the patients that the answer names, and
// says that it is about everybody.
func TestWhoSeesWhomIsDecidedAndRecorded(t *testing.T) {
	h := ward(t)
	told := h.told()
	asked := SeersQuestion{Before: drawn{1, ""}, After: &stated{policy.Decision{Reason: "local-refusal"}}, Purposes: []string{"TREAT"}, As: asStaff, Detail: "impact=x", Users: []agent.Agent{asStaff("Practitioner/u")}, UserPurposes: [][]string{{"TREAT"}}}
	if _, err := h.Seers(t.Context(), h.as(agent.Practitioner, "TREAT"), asked); kindOf(err) != fhir.Forbidden {
		t.Error(err)
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "deny 403 explain") {
		t.Errorf("recorded %q", got)
	}
	got, err := h.Seers(t.Context(), h.officer(), asked)
	if err != nil || len(got.Changes) == 0 || got.Changes[0].What != "no-longer" || len(got.Changes[0].Whom) == 0 {
		t.Fatalf("%+v %v", got, err)
	}
	recorded := told()
	if len(recorded) != 1 || !strings.HasPrefix(recorded[0], "permit 200 explain") || !strings.Contains(recorded[0], "impact=x") {
		t.Errorf("recorded %q", recorded)
	}
	for _, patient := range got.Changes[0].Whom {
		if !strings.Contains(recorded[0], strings.TrimPrefix(patient, "Patient/")) {
			t.Errorf("%s is not in %q", patient, recorded)
		}
	}
	if !strings.Contains(recorded[0], "*") {
		t.Errorf("nobody else is: %q", recorded)
	}
}

// What a look may cost is bounded, and the answer says that there may be more.
func TestALookAtPeopleIsBounded(t *testing.T) {
	c := newPopulation(t, 19, 5)
	c.put(`{"resourceType":"Practitioner","id":"doctor"}`, `{"resourceType":"Practitioner","id":"nurse"}`)
	for name, limit := range map[string]func(*seers){"staff": func(s *seers) { s.room = 1 }, "sets": func(s *seers) { s.looks = 2 }, "decisions": func(s *seers) { s.asks = 1 }} {
		asked := &SeersQuestion{Before: drawn{1, ""}, After: &stated{policy.Decision{Reason: "local-refusal"}}, Purposes: []string{"TREAT", "HRESCH"}, As: asStaff}
		s := &seers{review: c.Gate.review(c.officer()), asked: asked, answer: &policy.People{}, decided: map[string][2]policy.Decision{}, room: mostStaff, looks: mostSights, asks: mostDecided}
		limit(s)
		if err := s.find(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, class := range s.classes {
			if err := s.class(t.Context(), class); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.answer; got.MoreStaff != (name == "staff") || got.Unlooked != (name != "staff") || got.Staff > s.room {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
