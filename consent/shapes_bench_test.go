package consent

import (
	"fmt"
	"runtime"
	"testing"
)

// fifty is 100,000 patients with one Consent each, of 50 shapes.
func fifty(b *testing.B, patients int) (*shelf, int64) {
	d := newDice(50)
	var consents []object
	for range 50 {
		consents = append(consents, d.consent())
	}
	s := newShelf()
	var at int64
	for i := range patients {
		at = s.set(fmt.Sprintf("Patient/%036d", i), d.dressed(consents[i%50], i).Body)
	}
	return s, at
}

// BenchmarkShapes measures what it takes to know who consented to what: of all patients at
// first, after a change of one, and for one request.
func BenchmarkShapes(b *testing.B) {
	const patients = 100_000
	s, at := fifty(b, patients)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r := NewRegistry(s)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			r = NewRegistry(s)
			if _, _, err := r.Shapes(b.Context(), at, noon); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/patients, "us/patient")
	})
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.Run("change", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			at = s.write(fmt.Sprintf("Patient/%036d", i%patients), allow)
			s.written = map[string]int64{fmt.Sprintf("Patient/%036d", i%patients): at}
			if _, _, err := r.Shapes(b.Context(), at, noon); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/patients, "B/patient")
	})
	b.Run("request", func(b *testing.B) {
		for b.Loop() {
			all, _, err := r.Shapes(b.Context(), at, noon)
			if err != nil {
				b.Fatal(err)
			}
			for _, shape := range all {
				shape.Foresee(researcher, "Observation")
			}
		}
	})
}
