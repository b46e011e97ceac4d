package mongo

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

// The benchmarks say what a real server can do, and are skipped on the stand-in. On
// two cores that server and benchmark share, with records and without HTTP, these are
// the least that a node needs to reach its targets over HTTP:
//
//	BenchmarkGet                3,000 reads/s, each with its record
//	BenchmarkCreate             1,200 creates/s, 64 clients
//	BenchmarkSearchPatientCode    700 searches/s, each with its record
//	BenchmarkImport             2,500 resources/s
//
// With ACESO_TEST_MONGODB=mongodb://...: go test ./store/mongo -run '^$' -bench .
const (
	benchClients  = 64
	benchPatients = 40
	perPatient    = 150 // observations of 25 codes
)

// populated is a store on a real server with patients and their observations.
func populated(b *testing.B) *author {
	server := newServer(b)
	if server.standIn != nil {
		fmt.Printf("%s SKIPPED: the stand-in says nothing about speed; set %s or put mongod on PATH\n", b.Name(), serverVariable)
		b.SkipNow()
	}
	a := newAuthor(b, server.open(b, testOptions("")))
	for i := range benchPatients {
		a.commit(a.patientBundle(i)...)
	}
	return a
}

func (a *author) patientBundle(i int) []store.Write {
	writes := []store.Write{a.document(fmt.Sprint(i), 0, fmt.Sprintf(`{"resourceType":"Patient","name":[{"family":"Smith%d"}],"birthDate":"1940-02"}`, i))}
	for j := range perPatient {
		writes = append(writes, a.document(fmt.Sprintf("%d-%d", i, j), 0, observation(i, j)))
	}
	return writes
}

func observation(patient, n int) string {
	return fmt.Sprintf(`{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"vital-signs"}]}],`+
		`"code":{"coding":[{"system":"http://loinc.org","code":"code-%d","display":"Some measurement of the body"}],"text":"Some measurement"},"subject":{"reference":"Patient/%d"},`+
		`"encounter":{"reference":"Encounter/%d"},"effectiveDateTime":"2020-%02d-%02dT10:00:00Z","issued":"2020-01-02T10:00:00.123Z",`+
		`"valueQuantity":{"value":%d.50,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`,
		n%25, patient, patient, n%12+1, n%28+1, n+20)
}

// together runs do by many clients and reports how many a second.
func together(b *testing.B, clients int, what string, each int, do func(i int) error) {
	b.ResetTimer()
	var next atomic.Int64
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				if err := do(int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	b.ReportMetric(float64(b.N*each)/b.Elapsed().Seconds(), what+"/s")
}

func (a *author) recorded(interaction string) error {
	p, err := storetest.Record(a.sealer, interaction, "R", 200, "Patient/1")
	if err == nil {
		_, err = a.Record(context.Background(), p, store.Judged{})
	}
	return err
}

func BenchmarkGet(b *testing.B) {
	a := populated(b)
	together(b, benchClients, "reads", 1, func(i int) error {
		_, err := a.Get(context.Background(), fhir.Ref{Type: "Observation", ID: fmt.Sprintf("%d-%d", i%benchPatients, i%perPatient)})
		if err != nil {
			return err
		}
		return a.recorded("read")
	})
}

func BenchmarkSearchPatientCode(b *testing.B) {
	a := populated(b)
	var queries []*search.Query
	for i := range 100 {
		q, err := search.ParseQuery("Observation", []fhir.Param{
			{Name: "patient", Value: fmt.Sprint(i % benchPatients)}, {Name: "code", Value: fmt.Sprintf("http://loinc.org|code-%d", i%25)},
		}, search.QueryOptions{Base: testBase})
		a.must(err)
		queries = append(queries, q)
	}
	together(b, benchClients, "searches", 1, func(i int) error {
		page, err := a.Search(context.Background(), store.Search{Query: queries[i%100], Limit: 50, Visible: func(store.Row) (bool, error) { return true, nil }})
		if err != nil || len(page.Matches) != perPatient/25 {
			return fmt.Errorf("%d matches: %w", len(page.Matches), err)
		}
		return a.recorded("search-type")
	})
}

func BenchmarkCreate(b *testing.B) {
	a := populated(b)
	writes := make([]store.Write, b.N)
	for i := range writes {
		writes[i] = a.document(fmt.Sprintf("new-%d", i), 0, observation(i%benchPatients, i%perPatient))
	}
	together(b, benchClients, "creates", 1, func(i int) error { return a.tryCommit(writes[i]) })
}

// BenchmarkImport commits a patient with all observations in each change.
func BenchmarkImport(b *testing.B) {
	a := populated(b)
	bundles := make([][]store.Write, b.N)
	for i := range bundles {
		bundles[i] = a.patientBundle(benchPatients + i)
	}
	together(b, 4, "resources", perPatient+1, func(i int) error { return a.tryCommit(bundles[i]...) })
}

func (a *author) tryCommit(writes ...store.Write) error {
	entry, err := storetest.Record(a.sealer, "create", "C", 201, "Patient/1")
	if err == nil {
		_, err = a.Commit(context.Background(), store.Change{Writes: writes, Entry: entry})
	}
	return err
}
