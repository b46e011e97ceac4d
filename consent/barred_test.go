package consent

import (
	"slices"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	security "github.com/aceso-health/aceso/labels"
)

// Barred lists what Bars bars, and nothing else.
func TestBarredIsWhatBarsBars(t *testing.T) {
	systems := slices.Concat(secrecySystems, actCodeSystems, []string{"", "urn:other", "urn:own"})
	codes := slices.Concat(secrecyCodes, security.Sensitivities(), []string{"_InformationSensitivityPolicy", "x", "y"})
	tried := 0
	for _, system := range systems[:len(systems)-1] {
		for _, code := range codes {
			one := []string{system + "|" + code}
			listed := Barred(one)
			for _, s := range systems {
				for _, c := range codes {
					l := fhir.Coding{System: s, Code: c}
					if Bars(one, []fhir.Coding{l}) != slices.Contains(listed, l) {
						t.Fatalf("%v and %v", one, l)
					}
				}
			}
			if len(listed) > 1 {
				tried++
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d bar more than themselves", tried)
	}
}
