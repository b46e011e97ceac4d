package fhir

import "testing"

func TestEveryKindHasAStatusAndACode(t *testing.T) {
	for _, kind := range Kinds() {
		if status := kind.Status(); status < 400 || (status == 500) != (kind == Internal) {
			t.Errorf("kind %d: status %d", kind, status)
		}
		if _, err := Outcome([]Issue{{Code: kind.Code()}}); err != nil {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
}
