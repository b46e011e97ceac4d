package consent

import (
	"slices"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// web is a directory in which whatever is asked for belongs to somebody else.
type web struct{}

func (web) Stored(string) (Entry, bool) { return Entry{}, false }

func (web) Facts(ref string) *fhir.Facts {
	return &fhir.Facts{Type: "Observation", ID: "other", Patients: []string{"Patient/other"}, Labels: []fhir.Coding{{System: secretOf, Code: "R"}}}
}

func (web) Naming(string) []*fhir.Facts {
	return []*fhir.Facts{{Type: "DocumentReference", ID: "other", Patients: []string{"Patient/other"}}}
}

func (web) Identified(string) []string { return []string{"Patient/other"} }

// tangle makes facts that may lead to others in every way there is.
func (d dice) tangle() *fhir.Facts {
	f := &fhir.Facts{ID: "1", Type: d.one("Observation", "Patient", "Medication", "Basic", "Organization", "Library", "Binary", "Bundle", "Composition",
		"DocumentManifest", "List", "DocumentReference", "Provenance", "Group")}
	put := func(percent int, to *[]string, values ...string) {
		if d.chance(percent) {
			*to = d.some(values...)
			slices.Sort(*to)
		}
	}
	put(70, &f.Patients, "Patient/1", "Patient/2")
	put(50, &f.References, "Patient/1", "Binary/1", "Observation/2", "Organization/2", "Location/1", "Device/1", "https://elsewhere/Observation/1")
	put(10, &f.Contents, "Binary/1")
	put(10, &f.Logical, "s|other")
	put(10, &f.Blind, "Observation/2", "Binary/1")
	put(10, &f.Later, "Binary/1", "Observation/2", "Organization/1")
	f.Loose = d.chance(10)
	for d.chance(20) {
		f.Inside = append(f.Inside, fhir.Facts{Type: d.one("Medication", "Observation", "Practitioner", "Substance"), Labels: []fhir.Coding{{System: secretOf, Code: "R"}}})
	}
	return f
}

// What is apart leads to nobody, and shows nothing beside itself.
func TestWhatIsApartLeadsNowhere(t *testing.T) {
	d := newDice(11)
	apart, tied := map[string]int{}, 0
	for range cases(t) {
		f := d.tangle()
		found := Reach(web{}, f)
		alone := len(found.Patients)+len(found.Identified)+len(found.parts) == 0 && !found.More && len(f.Patients) < 2
		switch {
		case !f.Apart():
			if !alone {
				tied++
			}
		case !alone:
			t.Fatalf("%+v is apart and leads to %+v", f, found)
		default:
			apart[f.Type]++
		}
	}
	for _, typ := range []string{"Observation", "Patient", "Medication", "Basic", "Organization"} {
		if apart[typ] < 100 {
			t.Errorf("%d of %s are apart: hardly tried", apart[typ], typ)
		}
	}
	if tied < 1000 {
		t.Errorf("%d lead to others: hardly tried", tied)
	}
}
