package consent

import (
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// markable makes a resource that may lead anywhere.
func (d dice) markable() *fhir.Facts {
	f := d.facts(true)
	f.Type = d.one("Observation", "List", "Binary", "Organization", "Provenance", "DocumentReference", "Composition", "Medication")
	f.Patients = [][]string{nil, {"Patient/1"}, {"Patient/1", "Patient/2"}}[d.IntN(3)]
	for range d.IntN(3) {
		f.References = append(f.References, d.one("Encounter/1", "Observation/1", "Binary/1", "Patient/1", "Patient/3", "Practitioner/1", "Organization/own", "http://elsewhere/x"))
	}
	if d.chance(20) {
		f.Contents = []string{"Binary/1"}
	}
	if d.chance(20) {
		f.Logical = []string{"s|1"}
	}
	if d.chance(20) {
		f.Inside = []fhir.Facts{{Type: d.one("Medication", "Condition", "Patient"), ID: "in"}}
	}
	return f
}

// leading is a directory in which everything leads to further patients.
type leading struct{ entries }

func (leading) Identified(string) []string { return []string{"Patient/7"} }

func (l leading) Facts(ref string) *fhir.Facts {
	return &fhir.Facts{Type: "Observation", ID: ref, Patients: []string{"Patient/8"}, Logical: []string{"s|2"}}
}

func (leading) Naming(string) []*fhir.Facts {
	return []*fhir.Facts{{Type: "Media", ID: "m", Patients: []string{"Patient/9"}}}
}

// A resource without the mark of what is judged by itself leads to nobody: it is one
// patient's, or nobody's.
func TestUnmarkedLeadsToNobody(t *testing.T) {
	d := newDice(41)
	unmarked := 0
	for range cases(t) / 4 {
		f := d.markable()
		mark := search.Mark(f)
		if mark == search.RowKey {
			continue
		}
		unmarked++
		if free := len(f.Patients) == 0; free != (mark == search.FreeKey) || len(f.Patients) > 1 {
			t.Fatalf("%v is marked %q", f.Patients, mark)
		}
		if r := Reach(leading{}, f); len(r.Patients)+len(r.Identified) > 0 || r.More {
			t.Fatalf("%+v leads to %+v", f, r)
		}
	}
	if unmarked < cases(t)/40 {
		t.Errorf("only %d without the mark", unmarked)
	}
}
