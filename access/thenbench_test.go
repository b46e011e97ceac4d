package access

import (
	"fmt"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// BenchmarkExplain is one question about one resource: of now, and of a time before the last
// of ten versions of its Consent, with 2,000 others in the store.
func BenchmarkExplain(b *testing.B) {
	h := newHouse(b)
	a := &ages{clock: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}
	h.Gate.Now = func() time.Time { a.clock = a.clock.Add(time.Millisecond); return a.clock }
	h.Gate.Then, a.population = a, &population{house: h}
	for some := range 20 {
		var documents []string
		for i := range 100 {
			p := fmt.Sprintf("b%d-%d", some, i)
			documents = append(documents, patientDoc(p), denialDoc("c-"+p, p))
		}
		h.putAll(documents)
	}
	h.put(patientDoc("x"))
	for i := range 10 {
		h.put(denialDoc("x", fmt.Sprint([]string{"x", "y"}[i%2])))
	}
	asked := CouldRead{Agent: h.as("practitioner", "TREAT").Agent, Patient: ref("Patient/x"), Ref: ref("Patient/x")}
	past := asked
	past.At = a.clock
	a.clock = a.clock.Add(time.Hour)
	for name, q := range map[string]CouldRead{"now": asked, "past": past} {
		b.Run(name, func(b *testing.B) {
			if _, err := h.CouldRead(b.Context(), h.officer(), q); err != nil { // reads what has left
				b.Fatal(err)
			}
			before := fhirtest.CPUTime()
			for b.Loop() {
				if _, err := h.CouldRead(b.Context(), h.officer(), q); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((fhirtest.CPUTime()-before).Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
}
