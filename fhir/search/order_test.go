package search

import (
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// Whatever a document of the golden files is sorted by is in the index where OrderOf says.
func TestOrdersFindEverySortValue(t *testing.T) {
	for file, data := range goldenDocuments(t) {
		r, err := fhir.Parse(data)
		if err != nil {
			continue
		}
		x, err := IndexOf(r, "https://hospital.example/fhir/")
		if err != nil {
			continue
		}
		for _, s := range x.Sorts {
			for _, value := range []string{s.Lo, s.Hi} {
				if !x.orders(OrderOf(r.Type(), s.Param), s.Param, value) {
					t.Errorf("%s: %s sorts by %q, which is not in %v", file, s.Param, value, OrderOf(r.Type(), s.Param))
				}
			}
		}
	}
}

// orders says whether a value is where an order says.
func (x *Index) orders(o Order, param, value string) bool {
	switch o.In {
	case InDateStarts:
		ms, ok := ParseTime(value)
		return ok && slices.ContainsFunc(x.Dates, func(d DateRange) bool { return d.Param == param && d.Lo == ms })
	case InNumberStarts:
		return slices.ContainsFunc(x.Numbers, func(n NumberRange) bool {
			return (n.Param == param || strings.HasPrefix(n.Param, param+"|")) && n.Lo == value
		})
	case InKeys:
		return slices.ContainsFunc([]byte(o.Signs), func(sign byte) bool {
			_, bare := Bare(sign, value)
			return bare && x.has(param+string(rune(sign))+value)
		})
	}
	return false
}

func TestPrincipalParameters(t *testing.T) {
	for typ, want := range map[string][2]string{
		"Patient": {"birthdate", "family"}, "Observation": {"date", ""}, "Encounter": {"date", ""}, "MedicationRequest": {"authoredon", ""},
		"ValueSet": {"date", "name"}, "Condition": {"onset-date", ""}, "Basic": {"created", ""}, "Binary": {},
	} {
		if date, name := Principal(typ); date != want[0] || name != want[1] {
			t.Errorf("%s: %q and %q, want %q", typ, date, name, want)
		}
	}
}

func TestBareTokens(t *testing.T) {
	for value, system := range map[string]string{"a": "", `a\|b`: "", "|a": "|", "http://x|a": "http://x|", `a\\|b`: `a\\|`} {
		if got, bare := Bare('=', value); got != system || bare != (system == "") {
			t.Errorf("%s: %q %v", value, got, bare)
		}
	}
	if _, bare := Bare('^', "a|b"); !bare {
		t.Error("a text has a system")
	}
}
