package validate_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/validate"
)

// BenchmarkCheck measures a validation against everything: constraints, extensions,
// declared profiles, bindings, warnings. Its structure is parsed before.
func BenchmarkCheck(b *testing.B) {
	v, all := ips(b)
	patient, err := os.ReadFile("../testdata/patient.json")
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		data []byte
	}{{"patient", patient}, {"patient of IPS", all["Patient-patient-example-female"]}, {"observation of IPS", all["Observation-hemoglobin"]},
		{"bundle of 20 KB", []byte(collection(all, 20_000))}, {"document of IPS", all["Bundle-bundle-minimal"]}, {"large document of IPS", all["Bundle-bundle-ips-all-sections"]}} {
		for _, level := range []struct {
			name    string
			options validate.Options
		}{{"write", validate.Options{}}, {"all", validate.Options{Declared: true, Warnings: true}}} {
			r, err := fhir.Parse(c.data)
			if err != nil {
				b.Fatal(c.name, err)
			}
			b.Run(strings.ReplaceAll(c.name, " ", "-")+"/"+level.name, func(b *testing.B) {
				b.SetBytes(int64(len(c.data)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := v.Check(b.Context(), r, level.options); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// collection is a Bundle of resources of the guide, of about a size.
func collection(all map[string][]byte, size int) string {
	var entries []string
	for _, name := range []string{"Patient-patient-example-female", "Observation-hemoglobin", "Condition-eumfh-39-07-1", "MedicationStatement-eumfh-39-07-1", "Immunization-75680"} {
		entries = append(entries, `{"resource":`+string(all[name])+`}`)
	}
	for n := 0; size > 0; n++ {
		size -= len(entries[n%5])
		if n >= 5 {
			entries = append(entries, entries[n%5])
		}
	}
	return `{"resourceType":"Bundle","type":"collection","entry":[` + strings.Join(entries, ",") + `]}`
}
