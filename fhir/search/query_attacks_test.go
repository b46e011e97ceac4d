package search

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
	"github.com/aceso-health/aceso/fhir/ucum"
)

// queryAttacks are parameters whose cost could grow faster than they do.
var queryAttacks = map[string]func(n int) fhir.Param{
	"paths above": func(n int) fhir.Param { return fhir.Param{Name: "url:above", Value: "http://h" + repeat(n, "/a")} },
	"long paths": func(n int) fhir.Param {
		return fhir.Param{Name: "url:above", Value: "http://h" + repeat(240, "/"+repeat(n/120, "a"))}
	},
	"words":           func(n int) fhir.Param { return fhir.Param{Name: "code:text", Value: repeat(n, "a ")} },
	"elements":        func(n int) fhir.Param { return fhir.Param{Name: "_elements", Value: list(n, "a")} },
	"alternatives":    func(n int) fhir.Param { return fhir.Param{Name: "code:not", Value: list(min(n, 450), "a%d")} },
	"many values":     func(n int) fhir.Param { return fhir.Param{Name: "code", Value: list(n, "a")} },
	"every target":    func(n int) fhir.Param { return fhir.Param{Name: "focus", Value: list(min(n, 500), "a%d")} },
	"a chain":         func(n int) fhir.Param { return fhir.Param{Name: "focus.code", Value: repeat(n*2, "x")} },
	"a chain of many": func(n int) fhir.Param { return fhir.Param{Name: "focus.identifier", Value: list(min(n, 500), "s|a%d")} },
	"escapes":         func(n int) fhir.Param { return fhir.Param{Name: "code", Value: repeat(n, `\\,`)} },
	"bars":            func(n int) fhir.Param { return fhir.Param{Name: "code", Value: repeat(n*2, "|")} },
	"digits":          func(n int) fhir.Param { return fhir.Param{Name: "value-quantity", Value: repeat(n*2, "1")} },
	"zeros": func(n int) fhir.Param {
		return fhir.Param{Name: "value-quantity", Value: "0." + repeat(n*2, "0") + "1"}
	},
	"an exponent": func(n int) fhir.Param { return fhir.Param{Name: "value-quantity", Value: "1e999999999"} },
	"a unit": func(n int) fhir.Param {
		return fhir.Param{Name: "value-quantity", Value: "1|" + ucum.System + "|" + repeat(n, "m.")}
	},
	"a deep chain": func(n int) fhir.Param { return fhir.Param{Name: repeat(n/4, "subject."), Value: "a"} },
	"deep _has":    func(n int) fhir.Param { return fhir.Param{Name: repeat(n/12, "_has:Observation:patient:"), Value: "a"} },
	"a long text":  func(n int) fhir.Param { return fhir.Param{Name: "name", Value: repeat(n*2, "é")} },
	"includes":     func(n int) fhir.Param { return fhir.Param{Name: "_include:iterate", Value: repeat(n, "*:")} },
	"sorts":        func(n int) fhir.Param { return fhir.Param{Name: "_sort", Value: list(n, "date")} },
}

// holders are some indexed resources.
func holders(t testing.TB) (all []Holder) {
	t.Helper()
	golden := goldenDocuments(t)
	for _, file := range slices.Sorted(maps.Keys(golden)) {
		x, err := indexed(string(golden[file]))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Holder{fhir.Ref{Type: "Patient", ID: filepath.Base(file)}, x})
	}
	return all
}

// ask parses a query for several types, and evaluates it.
func ask(t testing.TB, param fhir.Param, all []Holder) {
	for _, typ := range []string{"Observation", "Patient", "ValueSet"} {
		q, err := ParseQuery(typ, []fhir.Param{param}, testOptions)
		if err == nil {
			Match(q.Where, all[0], all)
		} else if _, ok := err.(*fhir.Error); !ok {
			t.Fatalf("%T", err)
		}
	}
}

// Parameters of 100 KB to 250 KB cost what they weigh, with one evaluation.
func TestQueriesCostWhatTheyWeigh(t *testing.T) {
	bound := fhirtest.Bound{Bytes: 8 << 20, BytesPerByte: 500, CPU: 20 * time.Millisecond, CPUPerByte: time.Microsecond}
	all := holders(t)
	for name, attack := range queryAttacks {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{1000, 40_000, 120_000} {
				param := attack(n)
				bound.Check(t, len(param.Name)+len(param.Value), func() { ask(t, param, all) })
			}
		})
	}
}

// A search is bounded in its parts before any of it is evaluated.
func TestQueriesAreBounded(t *testing.T) {
	for _, test := range []struct {
		typ   string
		param fhir.Param
		kind  fhir.Kind
	}{
		{"ValueSet", queryAttacks["paths above"](1000), fhir.Invalid},
		{"Observation", queryAttacks["words"](6000), fhir.TooCostly},
		{"Patient", queryAttacks["elements"](101), fhir.Invalid},
		{"Observation", queryAttacks["every target"](500), fhir.TooCostly},
		{"Observation", queryAttacks["many values"](501), fhir.Invalid},
		{"Observation", fhir.Param{Name: "code", Value: repeat(maxSize, "x")}, fhir.TooLarge},
	} {
		if _, err := ParseQuery(test.typ, []fhir.Param{test.param}, testOptions); kindOf(err) != test.kind {
			t.Errorf("%s: %v", test.param.Name, err)
		}
	}
	if _, err := ParseQuery("Patient", []fhir.Param{queryAttacks["elements"](100)}, testOptions); err != nil {
		t.Error(err)
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("name:exact", `a\,b|c$d`)
	f.Add("subject:Patient.name", "x")
	f.Add("_has:Observation:patient:code", "s|c")
	f.Add("code-value-quantity", "s|c$gt5|http://unitsofmeasure.org|mg")
	f.Add("date", "ap2024-01-01T10:00:00+02:00")
	f.Add("_include:iterate", "Patient:link:Patient")
	for _, attack := range queryAttacks {
		param := attack(500)
		f.Add(param.Name, param.Value)
	}
	all := holders(f)
	f.Fuzz(func(t *testing.T, name, value string) {
		fhirtest.Linear.Check(t, len(name)+len(value), func() { ask(t, fhir.Param{Name: name, Value: value}, all) })
	})
}
