package access

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
	"github.com/aceso-health/aceso/store/sqlite"
)

// ages is a population that grows older: it knows which emergencies ran when.
type ages struct {
	*population
	clock time.Time
	ran   []emergencyRan
	gone  bool // nobody knows the policies of that time
}

type emergencyRan struct {
	mark, patient string
	from, to      time.Time
}

func (a *ages) PolicyAt(context.Context, string, time.Time) (Decider, error) {
	if a.gone {
		return nil, nil
	}
	return a.policy, nil
}

func (a *ages) Revision(ctx context.Context, _ string) (Decider, error) {
	return a.PolicyAt(ctx, "", time.Time{})
}

func (a *ages) EmergenciesAt(_ context.Context, mark string, at time.Time) (patients []string, known bool, err error) {
	for _, e := range a.ran {
		if e.mark == mark && !at.Before(e.from) && at.Before(e.to) {
			patients = append(patients, e.patient)
		}
	}
	return patients, true, nil
}

func newAges(t *testing.T, s store.Store, seed uint64, patients int) *ages {
	h := houseOver(t, s)
	a := &ages{clock: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}
	h.Gate.Now = func() time.Time { a.clock = a.clock.Add(time.Millisecond); return a.clock }
	h.Gate.Then = a
	a.population = populate(h, seed, patients)
	for i := range 8 {
		a.declared(fmt.Sprint("p", i))
	}
	return a
}

func (a *ages) declared(patient string) {
	c := a.calls()["emergency"]
	a.ran = append(a.ran, emergencyRan{c.Agent.Mark(), "Patient/" + patient, a.clock, a.clock.Add(1000 * time.Hour)})
}

// live changes something that decides, or is decided about.
func (a *ages) live() {
	p := fmt.Sprint("p", a.IntN(a.patients))
	switch a.IntN(11) {
	case 0, 1:
		a.put(a.consent(p, a.IntN(3)))
	case 2: // to another patient
		a.put(strings.Replace(a.consent(p, 0), `"patient":{"reference":"Patient/`+p+`"}`, `"patient":{"reference":"Patient/`+a.other()+`"}`, 1))
	case 3:
		a.put(a.consent(p, 1))
		a.remove("Consent/c1-" + p)
	case 4:
		a.resources(p)
	case 5:
		a.put(observationDoc("o1-"+p, a.other()))
	case 6:
		a.put(observationDoc("o2-"+p, p))
		a.remove("Observation/o2-" + p)
	case 7:
		a.team(a.one("Practitioner/doctor", "Practitioner/nurse", "PractitionerRole/r"))
	case 8:
		a.put(`{"resourceType":"PractitionerRole","id":"r","active":` + a.one("true", "false") + `,"practitioner":{"reference":"` + a.one("Practitioner/doctor", "Practitioner/nurse") + `"},"organization":{"reference":"Organization/` + a.one("hospital", "other") + `"}}`)
	case 9: // an emergency ends
		for i := range a.ran {
			if e := &a.ran[i]; e.to.After(a.clock) {
				e.to = a.clock
				a.keep(store.Kept{Space: store.EmergencySpace, Key: e.mark + "." + strings.TrimPrefix(e.patient, "Patient/"), Version: 1})
				break
			}
		}
	case 10:
		a.put(`{"resourceType":"Organization","id":"hospital","name":"x"` + a.one("", `,"partOf":{"reference":"Organization/other"}`) + `}`)
	}
}

// frozen is a gate over the store as it is now, which nothing changes any more, at this time.
func (a *ages) frozen(t *testing.T, folder string) *Gate {
	copied := t.TempDir()
	files, err := os.ReadDir(folder)
	for i := 0; i < len(files) && err == nil; i++ {
		var data []byte
		if data, err = os.ReadFile(filepath.Join(folder, files[i].Name())); err == nil {
			err = os.WriteFile(filepath.Join(copied, files[i].Name()), data, 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), copied, sqlite.Options{Organization: "hospital", Node: "n1", Base: base})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h, at := houseOver(t, s), a.clock
	h.Gate.Now = func() time.Time { return at }
	return h.Gate
}

// reads are what callers of every kind see of some resources of every kind at a time, by the
// read itself.
func (a *ages) reads(g *Gate, at time.Time) map[string]CouldRead {
	a.Helper()
	shown := map[string]CouldRead{}
	for _, typ := range []string{"Observation", "Condition", "Patient", "Basic", "DocumentReference", "List", "Consent", "Binary"} {
		current, _ := a.versions(typ)
		for i := range current {
			v := &current[i]
			facts, r := v.Facts, g.review(a.system())
			if _, err := r.trace(a.Context(), &facts); err != nil {
				a.Fatal(err)
			}
			for who, call := range a.calls() {
				patient, err := fhir.ParseRef(a.one(append(facts.Whose(), "")...))
				if err != nil || a.IntN(3) > 0 {
					continue
				}
				call := *call
				_, err = g.Read(a.Context(), &call, v.Ref)
				shown[fmt.Sprintf("%s %s %v", who, v.Ref, err == nil)] = CouldRead{Agent: call.Agent, Patient: patient, Ref: v.Ref, At: at}
			}
		}
	}
	return shown
}

// For a time that is over, the answer is yes exactly when a read by that agent shows the
// resource in a copy of the store of that time, whatever has changed since.
func TestWhoCouldHaveReadIsWhoReadACopy(t *testing.T) {
	folder := t.TempDir()
	s, err := sqlite.Open(t.Context(), folder, sqlite.Options{Organization: "hospital", Node: "n1", Base: base})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a := newAges(t, s, 7, 25)
	a.compareAges(t, 1000, func() *Gate { return a.frozen(t, folder) })
}

// The same holds on MongoDB, where the read is made at that time.
func TestWhoCouldHaveReadIsWhoReadOnMongoDB(t *testing.T) {
	uri, _ := mongotest.Database(t)
	s, err := mongo.Open(t.Context(), uri, mongo.Options{Database: uri[strings.LastIndex(uri, "/")+1 : strings.Index(uri+"?", "?")], Organization: "hospital", Node: "n1", Base: base})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a := newAges(t, s, 8, 8)
	a.compareAges(t, 200, func() *Gate { return a.Gate })
}

func (a *ages) compareAges(t *testing.T, questions int, frozen func() *Gate) {
	var truth []map[string]CouldRead
	for range 5 {
		a.clock = a.clock.Add(5 * time.Minute)
		at := a.clock
		truth = append(truth, a.reads(frozen(), at))
		a.clock = a.clock.Add(time.Minute)
		for range 25 {
			a.live()
		}
	}
	yes, no := 0, 0
	for i := range questions {
		shown := truth[i%len(truth)]
		name := a.one(slices.Sorted(maps.Keys(shown))...)
		q := shown[name]
		got := a.could(a.officer(), q)
		want := strings.HasSuffix(name, " true")
		if got.Lost != "" || got.Read != want || !got.Stored {
			t.Fatalf("%s at %s: %+v", name, q.At, got)
		}
		if yes++; !want {
			yes, no = yes-1, no+1
		}
	}
	if t.Logf("%d yes, %d no", yes, no); yes < questions/20 || no < questions/20 {
		t.Error("hardly tried")
	}
}

// What is not known any more is said, and not guessed: the policies of that time, and what
// was removed for good since. Nobody is told of a time to come.
func TestWhatIsNotKnownOfATimeIsSaid(t *testing.T) {
	a := newAges(t, newHouse(t).faulty.Store, 9, 2)
	a.put(observationDoc("gone", "p0"), denialDoc("said", "p0"))
	asked := CouldRead{Agent: a.as(agent.Practitioner, "TREAT").Agent, Patient: ref("Patient/p0"), Ref: ref("Observation/gone"), At: a.clock}
	before := asked.At
	a.clock = a.clock.Add(time.Hour)
	if got := a.could(a.officer(), asked); !got.Stored || got.Lost != "" {
		t.Errorf("%+v", got)
	}
	if a.gone = true; a.could(a.officer(), asked).Lost != "policy" {
		t.Error("policies that nobody knows decided")
	}
	a.Gate.Then = nil
	if got := a.could(a.officer(), asked); got.Lost != "policy" || got.Read {
		t.Errorf("a gate that knows nothing of the past: %+v", got)
	}
	a.Gate.Then, a.gone = a, false
	told := a.told()
	later := asked
	later.At = a.clock.Add(time.Hour)
	if _, err := a.CouldRead(t.Context(), a.officer(), later); !says(err, 400, "Nobody knows who could read it at a time to come.") {
		t.Errorf("a time to come: %v", err)
	}
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "explain Observation/gone") || !strings.Contains(got[0], "p0") {
		t.Errorf("recorded %q", got)
	}
	a.clock = a.clock.Add(time.Hour)
	asked.At = before
	removed := removalOf("Patient/p0", "Observation/gone", a.clock)
	removed.Whole = append(removed.Whole, ref("Consent/said"))
	if err := a.Remove(t.Context(), a.as(agent.PrivacyOfficer, "HOPERAT"), removed); err != nil {
		t.Fatal(err)
	}
	if got := a.could(a.officer(), asked); got.Lost != "purged" || got.Read {
		t.Errorf("what is purged: %+v", got)
	}
	asked.Ref = ref("Patient/p0")
	if got := a.could(a.officer(), asked); got.Lost != "purged" || got.Read {
		t.Errorf("with a Consent that is purged: %+v", got)
	}
	asked.At = a.clock.Add(-24 * 365 * time.Hour)
	if got := a.could(a.officer(), asked); got.Stored || got.Read || !got.Decision.Allow {
		t.Errorf("before it was there: %+v", got)
	}
}

// Who was in which team, and had which role, counts as it was, though no search finds it now.
func TestWhoWasWhoCounts(t *testing.T) {
	for name, c := range map[string]struct{ actor, was, is string }{
		"a team": {"CareTeam/team", `{"resourceType":"CareTeam","id":"team","status":"active","participant":[{"member":{"reference":"Practitioner/doctor"}}]}`,
			`{"resourceType":"CareTeam","id":"team","status":"active","participant":[{"member":{"reference":"Practitioner/nurse"}}]}`},
		"a role": {"PractitionerRole/r", `{"resourceType":"PractitionerRole","id":"r","practitioner":{"reference":"Practitioner/doctor"}}`, `{"resourceType":"PractitionerRole","id":"r","practitioner":{"reference":"Practitioner/nurse"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAges(t, newHouse(t).faulty.Store, 10, 1)
			a.put(patientDoc("x"), strings.Replace(denialDoc("no", "x"), `{"type":"deny"}`, `{"type":"deny","actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]},"reference":{"reference":"`+c.actor+`"}}]}`, 1))
			asked := CouldRead{Agent: a.calls()["doctor"].Agent, Patient: ref("Patient/x"), Ref: ref("Patient/x")}
			for i, now := range []string{c.was, c.is, c.was} {
				a.put(now)
				_, err := a.Read(t.Context(), a.calls()["doctor"], asked.Ref)
				if was := i%2 == 0; was == (err == nil) {
					t.Fatalf("step %d: %v", i, err)
				}
				asked.At = a.clock
				a.clock = a.clock.Add(time.Hour)
				if i == 0 {
					continue
				}
				for step, at := range []time.Time{asked.At.Add(-time.Hour), asked.At} {
					asked.At = at
					if got := a.could(a.officer(), asked); got.Read == ((i+step)%2 == 1) {
						t.Errorf("step %d, asked about %d: %+v", i, i+step-1, got)
					}
				}
			}
		})
	}
}

// The record of a question names all whose data it was, though it is no longer.
func TestQuestionsAboutATimeNameWhoseDataItWas(t *testing.T) {
	a := newAges(t, newHouse(t).faulty.Store, 11, 2)
	a.put(strings.Replace(observationDoc("both", "p0"), `"status"`, `"performer":[{"reference":"Patient/p1"}],"status"`, 1))
	asked := CouldRead{Agent: a.calls()["doctor"].Agent, Patient: ref("Patient/p0"), Ref: ref("Observation/both"), At: a.clock}
	a.put(observationDoc("both", "p0"))
	a.clock = a.clock.Add(time.Hour)
	told := a.told()
	a.could(a.officer(), asked)
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "[p0 p1]") {
		t.Errorf("recorded %q", got)
	}
}
