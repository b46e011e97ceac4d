package fhir

import (
	"bytes"
	"reflect"
	"testing"
)

func TestDamagedFactsAreErrors(t *testing.T) {
	f := Facts{Type: "Observation", ID: "1", Patients: []string{"Patient/1"}, Labels: []Coding{{"s", "R"}}, Start: 5, End: 7}
	whole, _ := f.AppendBinary(nil)
	for i := range whole {
		if _, err := ParseFacts(whole[:i]); err == nil {
			t.Errorf("cut at %d was read", i)
		}
	}
	if _, err := ParseFacts(append(bytes.Clone(whole), 0)); err == nil {
		t.Error("more at the end was read")
	}
	huge := []byte{factsFormat, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}
	if _, err := ParseFacts(huge); err == nil {
		t.Error("a count beyond the end was read")
	}
}

func FuzzFacts(f *testing.F) {
	whole, _ := (&Facts{Type: "Observation", ID: "1", Patients: []string{"Patient/1"}, Codes: []Coding{{"s", "R"}}, Start: -5, End: 7}).AppendBinary(nil)
	f.Add(whole)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		facts, err := ParseFacts(b)
		if err != nil {
			return
		}
		again, _ := facts.AppendBinary(nil)
		if back, err := ParseFacts(again); err != nil || !reflect.DeepEqual(back, facts) {
			t.Fatalf("%+v %v", back, err)
		}
	})
}
