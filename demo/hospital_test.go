package demo

import (
	"bytes"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// Every transaction of the demonstration hospital is valid FHIR, says so before a
// server ever sees it, and is the same each time.
func TestDemoHospitalIsValid(t *testing.T) {
	bundles, err := Bundles()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Bundles()
	if err != nil {
		t.Fatal(err)
	}
	count, ids := map[string]int{}, map[fhir.Ref]bool{}
	for n, data := range bundles {
		if !bytes.Equal(data, again[n]) {
			t.Errorf("bundle %d differs the second time", n)
		}
		b, err := fhir.ParseBundle(data, "http://127.0.0.1/fhir")
		if err != nil {
			t.Fatalf("bundle %d: %v", n, err)
		}
		for _, e := range b.Entries {
			ref := fhir.Ref{Type: e.Resource.Type(), ID: e.Resource.ID()}
			if ids[ref] {
				t.Errorf("%s comes twice", ref)
			}
			ids[ref] = true
			count[ref.Type]++
			for _, to := range e.Resource.References() {
				if r, err := fhir.ParseRef(to); err != nil || !ids[r] && !laterInBundle(b, r) {
					t.Errorf("%s refers to %s, which does not exist yet", ref, to)
				}
			}
		}
	}
	want := map[string]int{
		"Organization": 2, "Practitioner": doctors, "PractitionerRole": doctors, "Patient": patients, "Encounter": 2 * patients,
		"Observation": 14 * patients, "Condition": patients, "MedicationRequest": patients, "Consent": 12,
	}
	for typ, n := range want {
		if count[typ] != n {
			t.Errorf("%d %s, want %d", count[typ], typ, n)
		}
	}
}

func laterInBundle(b *fhir.Bundle, ref fhir.Ref) bool {
	for _, e := range b.Entries {
		if e.Resource.Type() == ref.Type && e.Resource.ID() == ref.ID {
			return true
		}
	}
	return false
}
