package consent

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// set replaces all Consents of a patient.
func (s *shelf) set(patient string, bodies ...[]byte) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.written[patient] = s.epoch
	var list []Found
	for i, b := range bodies {
		list = append(list, Found{Ref: fhir.Ref{Type: "Consent", ID: fmt.Sprint(i, "-", strings.ReplaceAll(patient, "/", "-"))}, Version: s.epoch, Body: b})
	}
	s.consents[patient] = list
	return s.epoch
}

// bodies makes Consents of a patient; some name persons.
func (d dice) bodies(patient string) (bodies [][]byte) {
	for range d.IntN(3) {
		c := d.consent()
		if d.chance(30) {
			c["dateTime"] = d.one("2020-06-15T11:59:59Z", "2020-06-15T12:00:01Z", "2020-06-15T12:00:02Z")
		}
		b, err := json.Marshal(c)
		if err != nil {
			panic(err)
		}
		person := d.one(patient, "RelatedPerson/"+patient[8:], "Practitioner/2")
		bodies = append(bodies, []byte(strings.ReplaceAll(string(b), `"Practitioner/2"`, `"`+person+`"`)))
	}
	return bodies
}

// hall is a registry and what it should say.
type hall struct {
	*testing.T
	dice
	shelf    *shelf
	registry *Registry
	names    map[string][]string // the patients of each bucket that was ever shown
	kept     []Bucket            // all that were ever shown
	seen     map[string]int
}

// agrees compares the shapes with each patient's own rules.
func (h *hall) agrees(epoch int64, now time.Time) {
	h.Helper()
	all, known, err := h.registry.Shapes(context.Background(), epoch, now)
	if err != nil {
		h.Fatal(err)
	}
	if !known {
		h.seen["unknown"]++
		return
	}
	for _, b := range h.kept {
		if !slices.Equal(b.Patients, h.names[b.Name]) {
			h.Fatalf("%s has changed", b.Name)
		}
	}
	in := map[string]*Shape{}
	for _, shape := range all {
		for _, b := range shape.Buckets {
			if old, again := h.names[b.Name]; again && !slices.Equal(old, b.Patients) {
				h.Fatalf("%s had %v and has %v", b.Name, old, b.Patients)
			}
			if _, again := h.names[b.Name]; !again {
				h.names[b.Name] = slices.Clone(b.Patients)
				h.kept = append(h.kept, b)
			}
			if !slices.IsSorted(b.Patients) {
				h.Fatalf("%v are not sorted", b.Patients)
			}
			for _, patient := range b.Patients {
				if in[patient] != nil {
					h.Fatalf("%s is in two shapes", patient)
				}
				in[patient] = shape
			}
		}
	}
	for patient, list := range h.shelf.consents {
		if h.chance(70) {
			continue
		}
		h.agree(patient, in[patient], h.registry.compile(list), now)
	}
}

func (h *hall) agree(patient string, shape *Shape, rules []*Rules, now time.Time) {
	h.Helper()
	s := h.subject()
	s.Now = now
	if h.chance(20) {
		s.Actors = []string{h.one("Patient/1", "Patient/2", "RelatedPerson/3")}
	}
	typ := h.one("Observation", "Condition", "Patient")
	want := Foresee(rules, s, typ)
	if shape == nil {
		if h.seen["rest"]++; want != 1<<Silent {
			h.Fatalf("%s is in no shape, and %04b is foreseen", patient, want)
		}
		return
	}
	switch got := shape.Foresee(s, typ); {
	case got == want:
		h.seen["exact"]++
	case got == anyVerdict && shape.persons && s.person():
		h.seen["person"]++
	default:
		h.Fatalf("%s: %04b is foreseen by her shape, %04b by her Consents\n%+v", patient, got, want, s)
	}
}

// A patient is always in the shape that her Consents have by now, whatever is written and
// whatever periods begin and end, and nobody else is where she was.
func TestShapesFollow(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(4) {
		s := newShelf()
		h := &hall{T: t, dice: newDice(100 + seed), shelf: s, registry: NewRegistry(s), names: map[string][]string{}, seen: seen}
		now := time.Date(2020, 6, 15, 11, 59, 58, 0, time.UTC)
		epoch := int64(0)
		for round := range 80 {
			for range h.IntN(4) {
				patient := fmt.Sprint("Patient/", h.IntN(60))
				epoch = s.set(patient, h.bodies(patient)...)
			}
			if round%8 == 4 {
				now = now.Add(time.Duration(h.IntN(2000)) * time.Millisecond)
			}
			at := now
			if h.chance(25) { // a request that began earlier
				at = now.Add(-2 * time.Second)
			}
			h.agrees(epoch, at)
		}
		if s.reads.Load() > 1000 {
			t.Errorf("%d patients were read again", s.reads.Load())
		}
	}
	t.Log(seen)
	for _, which := range []string{"exact", "person", "rest", "unknown"} {
		if seen[which] < 10 {
			t.Errorf("%s %d times: hardly tried", which, seen[which])
		}
	}
}

// Patients who are changed while the roll is filled are read again.
func TestShapesFollowWhatIsWrittenMeanwhile(t *testing.T) {
	s := newShelf()
	s.write("Patient/1", allow)
	s.write("Patient/2", allow)
	var once sync.Once
	s.during = func() { once.Do(func() { s.write("Patient/1", refuse) }) }
	r := NewRegistry(s)
	if _, _, err := r.Shapes(t.Context(), 2, noon); err != nil {
		t.Fatal(err)
	}
	all, known, err := r.Shapes(t.Context(), 3, noon)
	if err != nil || !known || len(all) != 2 {
		t.Fatalf("%d shapes, known %v, %v", len(all), known, err)
	}
	for _, shape := range all {
		want := map[string]Verdicts{"Patient/1": 1 << Deny, "Patient/2": 1 << Permit}[shape.Buckets[0].Patients[0]]
		if got := shape.Foresee(clinician, "Observation"); got != want {
			t.Errorf("%s: %04b, want %04b", shape.Buckets[0].Patients, got, want)
		}
	}
}

// What is foreseen of a shape stays when the Consent ends that it was made of: the others'
// say the same as before.
func TestShapesOutliveTheirFirstConsent(t *testing.T) {
	s := newShelf()
	denyUntil := func(patient, end string) int64 {
		return s.write(patient, `'type':'deny','period':{'start':'2020','end':'`+end+`'}`)
	}
	at := denyUntil("Patient/1", "2026-03-10T12:00:10Z")
	r := NewRegistry(s)
	if all, _, err := r.Shapes(t.Context(), at, noon); err != nil || len(all) != 1 {
		t.Fatalf("%d shapes, %v", len(all), err)
	}
	at = denyUntil("Patient/2", "2030")
	if all, _, err := r.Shapes(t.Context(), at, noon); err != nil || len(all) != 1 {
		t.Fatalf("%d shapes, %v", len(all), err)
	}
	c := clinician
	c.Now = noon.Add(time.Minute)
	all, known, err := r.Shapes(t.Context(), at, c.Now)
	if err != nil || !known {
		t.Fatal(known, err)
	}
	for _, shape := range all {
		if got := shape.Foresee(c, "Observation"); slices.Equal(shape.Buckets[0].Patients, []string{"Patient/2"}) != (got == 1<<Deny) {
			t.Errorf("%04b is foreseen of %v", got, shape.Buckets[0].Patients)
		}
	}
}

// What cannot be read, or is older than the row, is no answer; the next one is right.
func TestShapesFail(t *testing.T) {
	s := newShelf()
	r := NewRegistry(s)
	at := s.write("Patient/1", refuse)
	s.err = context.DeadlineExceeded
	if _, _, err := r.Shapes(t.Context(), at, noon); err == nil {
		t.Error("unread Consents are known")
	}
	s.err, s.lag = nil, 1
	if _, _, err := r.Shapes(t.Context(), at, noon); err == nil {
		t.Error("Consents of an older snapshot are known")
	}
	s.lag = 0
	if all, known, err := r.Shapes(t.Context(), at, noon); err != nil || !known || len(all) != 1 {
		t.Errorf("%d shapes, known %v, %v", len(all), known, err)
	}
	at = s.write("Patient/1", allow)
	s.err = context.DeadlineExceeded
	if _, _, err := r.Shapes(t.Context(), at, noon); err == nil {
		t.Error("unread changes are known")
	}
	s.err = nil
	if all, _, err := r.Shapes(t.Context(), at, noon); err != nil || all[0].Foresee(clinician, "Observation") != 1<<Permit {
		t.Errorf("%+v, %v", all, err)
	}
}

// Beyond 5,000 shapes nothing is foreseen, and nobody is lost.
func TestShapesAreBounded(t *testing.T) {
	s := newShelf()
	const patients = mostShapes + 1000
	var at int64
	for i := range patients {
		at = s.write(fmt.Sprint("Patient/", i), fmt.Sprintf(`'type':'deny','actor':[{'role':{'coding':[{'code':'PRCP'}]},'reference':{'reference':'Practitioner/%d'}}]`, i+100))
	}
	all, _, err := NewRegistry(s).Shapes(t.Context(), at, noon)
	if err != nil {
		t.Fatal(err)
	}
	found, unclear := 0, 0
	for _, shape := range all {
		for _, b := range shape.Buckets {
			found += len(b.Patients)
			if shape.unclear {
				unclear += len(b.Patients)
				if v := shape.Foresee(clinician, "Observation"); v != anyVerdict {
					t.Fatalf("%04b is foreseen", v)
				}
			}
		}
	}
	if len(all) != mostShapes+1 || found != patients || unclear != 1000 {
		t.Errorf("%d shapes of %d patients, %d unclear", len(all), found, unclear)
	}
}

// Consents of one model foresee the same; small Consents often differ in one thing alone.
func TestModelsTellConsentsApart(t *testing.T) {
	d := newDice(31)
	known := map[[32]byte]*Rules{}
	shared := 0
	for range cases(t) / 4 {
		c := d.consent()
		root, _ := c["provision"].(object)
		for name := range root {
			if name != "type" && name != "provision" && d.chance(60) {
				delete(root, name)
			}
		}
		if d.chance(80) {
			delete(root, "provision")
		}
		_, all := compileAll([]object{c})
		is := newStanding(everyCode)
		if is.add(all[0], noon.UnixMilli(), nil); len(is.models) == 0 || is.models[0].persons {
			continue
		}
		one := known[is.models[0].key]
		if known[is.models[0].key] = all[0]; one == nil {
			continue
		}
		shared++
		for range 20 {
			s, typ := d.subject(), d.one("Observation", "Condition", "Patient", "Encounter")
			s.Now = noon
			if a, b := Foresee([]*Rules{one}, s, typ), Foresee(all, s, typ); a != b {
				t.Fatalf("one model foresees %04b and %04b\n%+v\n%+v\n%+v", a, b, one.root, all[0].root, s)
			}
		}
	}
	if t.Log(shared, "of", len(known), "models"); shared < 1000 {
		t.Errorf("only %d share a model: hardly tried", shared)
	}
}
