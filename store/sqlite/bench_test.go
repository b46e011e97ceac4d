package sqlite

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

// populated is a store with patients of 150 observations each, 25 codes.
func populated(b *testing.B, patients int) *author {
	a := newAuthor(b, open(b, b.TempDir(), options()))
	for i := range patients {
		writes := []store.Write{a.version(fmt.Sprint(i), 0, fmt.Sprintf(patientBody, fmt.Sprintf("Smith%d", i)))}
		for j := range 150 {
			writes = append(writes, a.version(fmt.Sprintf("%d-%d", i, j), 0, observation(i, j)))
		}
		_, err := a.Commit(b.Context(), store.Change{Writes: writes, Entry: a.entry()})
		a.must(err)
	}
	return a
}

func observation(patient, n int) string {
	return fmt.Sprintf(`{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"vital-signs"}]}],`+
		`"code":{"coding":[{"system":"http://loinc.org","code":"code-%d","display":"Some measurement of the body"}],"text":"Some measurement"},"subject":{"reference":"Patient/%d"},`+
		`"encounter":{"reference":"Encounter/%d"},"effectiveDateTime":"2020-%02d-%02dT10:00:00Z","issued":"2020-01-02T10:00:00.123Z",`+
		`"valueQuantity":{"value":%d.50,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`,
		n%25, patient, patient, n%12+1, n%28+1, n+20)
}

func BenchmarkGet(b *testing.B) {
	a := populated(b, 20)
	b.ResetTimer()
	cpu(b)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := a.Get(b.Context(), fhir.Ref{Type: "Observation", ID: fmt.Sprintf("%d-%d", i%20, i%150)}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkSearchPatientCode(b *testing.B) {
	for _, patients := range []int{20, 200} {
		b.Run(fmt.Sprint(patients*151), func(b *testing.B) {
			a := populated(b, patients)
			queries := make([]*search.Query, 100)
			for i := range queries {
				q, err := search.ParseQuery("Observation", []fhir.Param{
					{Name: "patient", Value: fmt.Sprint(i % patients)}, {Name: "code", Value: fmt.Sprintf("http://loinc.org|code-%d", i%25)},
				}, search.QueryOptions{})
				a.must(err)
				queries[i] = q
			}
			b.ResetTimer()
			cpu(b)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					page, err := a.Search(context.Background(), store.Search{Query: queries[i%100], Limit: 50, Visible: func(store.Row) (bool, error) { return true, nil }})
					if err != nil || len(page.Matches) != 6 {
						b.Error(len(page.Matches), err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkSearchPatient(b *testing.B) {
	a := populated(b, 20)
	q, err := search.ParseQuery("Observation", []fhir.Param{{Name: "patient", Value: "7"}}, search.QueryOptions{})
	a.must(err)
	b.ResetTimer()
	cpu(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			page, err := a.Search(context.Background(), store.Search{Query: q, Limit: 50, Visible: func(store.Row) (bool, error) { return true, nil }})
			if err != nil || len(page.Matches) != 50 {
				b.Error(len(page.Matches), err)
				return
			}
		}
	})
}

// BenchmarkHistory shows what a page of a history costs as the number of versions grows: the
// first, the twentieth and the last.
func BenchmarkHistory(b *testing.B) {
	for _, patients := range []int{20, 200} {
		a := populated(b, patients)
		for name, h := range map[string]store.History{
			"resource": {Type: "Observation", ID: "3-3", Limit: 10}, "type": {Type: "Observation", Limit: 20}, "system": {Limit: 20},
		} {
			b.Run(fmt.Sprintf("%d/%s/first", patients*151, name), func(b *testing.B) { readHistory(b, a, h) })
			if h.ID != "" {
				continue
			}
			for range 19 {
				page, err := a.History(b.Context(), h)
				a.must(err)
				h.After = page.Next
			}
			b.Run(fmt.Sprintf("%d/%s/twentieth", patients*151, name), func(b *testing.B) { readHistory(b, a, h) })
			h.After = []byte(fmt.Sprintf(`{"t":%d,"l":%d}`, int64(1)<<62, stampOf(b, a, 21)))
			b.Run(fmt.Sprintf("%d/%s/last", patients*151, name), func(b *testing.B) { readHistory(b, a, h) })
		}
	}
}

// stampOf is the stamp of the version that was written as number n.
func stampOf(b *testing.B, a *author, n int) (stamp int64) {
	rows := 0
	a.must(a.Versions(b.Context(), 0, func(v store.Stored) error {
		if rows++; rows == n {
			stamp = v.Stamp
		}
		return nil
	}))
	return stamp
}

func readHistory(b *testing.B, a *author, h store.History) {
	b.ReportAllocs()
	for b.Loop() {
		page, err := a.History(b.Context(), h)
		a.must(err)
		if len(page.Matches) == 0 {
			b.Fatal("finds nothing")
		}
	}
}

func BenchmarkCommit(b *testing.B) {
	a := populated(b, 5)
	together(b, 64, func(i int64) {
		w := a.version(fmt.Sprintf("new-%d", i), 0, observation(int(i%5), int(i%150)))
		if _, err := a.Commit(context.Background(), store.Change{Writes: []store.Write{w}, Entry: a.entry()}); err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkCommitBundle measures an import: 100 resources in each change.
func BenchmarkCommitBundle(b *testing.B) {
	a := populated(b, 5)
	together(b, 4, func(i int64) {
		writes := make([]store.Write, 100)
		for j := range writes {
			writes[j] = a.version(fmt.Sprintf("new-%d-%d", i, j), 0, observation(int(i%5), j))
		}
		if _, err := a.Commit(context.Background(), store.Change{Writes: writes, Entry: a.entry()}); err != nil {
			b.Error(err)
		}
	})
	b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "resources/s")
}

func BenchmarkRecord(b *testing.B) {
	a := populated(b, 1)
	together(b, 16, func(i int64) {
		p, err := storetest.Record(a.sealer, "read", "R", 200, fmt.Sprintf("Patient/%d", i%100))
		if err == nil {
			var r ledgerbridge.Receipt
			r, err = a.Record(context.Background(), p, store.Judged{})
			_ = r
		}
		if err != nil {
			b.Error(err)
		}
	})
}

// cpu reports the processor time of one operation, which other work on the
// machine disturbs less than the time by the clock.
func cpu(b *testing.B) {
	before := used()
	b.Cleanup(func() { b.ReportMetric(float64(used()-before)/1e3/float64(b.N), "cpu-us/op") })
}

func used() (ns int64) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// together runs b.N calls in n goroutines.
func together(b *testing.B, n int, call func(i int64)) {
	b.ResetTimer()
	cpu(b)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range n {
		wait.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				call(i)
			}
		})
	}
	wait.Wait()
	b.StopTimer()
}
