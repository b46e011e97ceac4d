package sqlite

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/custom"
	"github.com/aceso-health/aceso/fhir/fhirtest"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// counting is a folder with ACESO_BENCH_PATIENTS patients (1000) of 150 observations each,
// which ACESO_BENCH_DIR keeps for the next run.
func counting(b *testing.B) (a *author, patients int) {
	patients = 1000
	if n, err := strconv.Atoi(os.Getenv("ACESO_BENCH_PATIENTS")); err == nil {
		patients = n
	}
	dir := os.Getenv("ACESO_BENCH_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	a = newAuthor(b, open(b, dir, options()))
	for i := range patients {
		if _, err := a.Get(b.Context(), fhir.Ref{Type: "Patient", ID: fmt.Sprint(i)}); err == nil {
			continue // from an earlier run
		}
		gender := []string{"male", "female", "other"}[min(i%3, 1+i%30/29)]
		writes := []store.Write{a.version(fmt.Sprint(i), 0, fmt.Sprintf(`{"resourceType":"Patient","gender":%q,"name":[{"family":"F%d"}]}`, gender, i))}
		for j := range 150 {
			writes = append(writes, a.version(fmt.Sprintf("%d-%d", i, j), 0, strings.Replace(observation(i, j), "2020-", fmt.Sprint(2016+(i+j)%8, "-"), 1)))
		}
		_, err := a.Commit(b.Context(), store.Change{Writes: writes, Entry: a.entry()})
		a.must(err)
	}
	return a, patients
}

// denying is a Sight for which every tenth patient denies.
func denying(patients int) store.Sights {
	g := store.Group{Name: "denying", Is: store.Hidden}
	for i := 0; i < patients; i += 10 {
		g.Patients = append(g.Patients, fmt.Sprint("Patient/", i))
	}
	slices.Sort(g.Patients)
	s := &store.Sight{Free: store.Shown, Rest: store.Shown, Groups: []store.Group{g}}
	return func(string, int64) (*store.Sight, error) { return s, nil }
}

// BenchmarkCount counts: everything, without and with Consents; by dates; through a chain;
// and by _has. cold gathers every set anew, new keeps what no value was asked for.
func BenchmarkCount(b *testing.B) {
	a, patients := counting(b)
	consents := denying(patients)
	shown := func(string, int64) (*store.Sight, error) {
		return &store.Sight{Free: store.Shown, Rest: store.Shown}, nil
	}
	for _, c := range []struct {
		name, typ string
		sight     store.Sights
		params    []fhir.Param
	}{
		{"all", "Observation", shown, nil},
		{"consents", "Observation", consents, nil},
		{"date", "Observation", consents, []fhir.Param{{Name: "date", Value: "ge2020"}}},
		{"chain", "Observation", consents, []fhir.Param{{Name: "patient.gender", Value: "male"}}},
		{"has", "Patient", consents, []fhir.Param{{Name: "_has:Observation:patient:code", Value: "http://loinc.org|code-7"}}},
	} {
		q, err := search.ParseQuery(c.typ, c.params, search.QueryOptions{})
		a.must(err)
		for _, how := range []string{"warm", "new", "cold"} {
			b.Run(c.name+"/"+how, func(b *testing.B) { a.count(b, q, c.sight, how) })
		}
	}
}

func (a *author) count(b *testing.B, q *search.Query, sight store.Sights, how string) {
	visible := func(r store.Row) (bool, error) {
		s, err := sight(r.Ref.Type, 0)
		return err == nil && s.Of(r.Facts, r.Owner) == store.Shown, err
	}
	ask := func(q *search.Query) int64 {
		page, err := a.Search(b.Context(), store.Search{Query: q, Visible: visible, Sight: sight, Count: true, NoBody: true, Most: 1 << 30})
		a.must(err)
		return page.Total
	}
	everything, err := search.ParseQuery("Observation", nil, search.QueryOptions{})
	a.must(err)
	total := ask(q)
	b.ResetTimer()
	cpu(b)
	for b.Loop() {
		if how != "warm" {
			b.StopTimer()
			a.sets = plan.UsualSets()
			if how == "new" {
				ask(everything)
			}
			b.StartTimer()
		}
		if ask(q) != total {
			b.Fatal("another total")
		}
	}
	b.ReportMetric(float64(total), "matches")
}

// BenchmarkRekey makes the keys of two custom parameters, one with the form of R4's own and
// one in FHIRPath, for 15,000 Observations.
func BenchmarkRekey(b *testing.B) {
	b.Setenv("ACESO_BENCH_PATIENTS", "100")
	a, _ := counting(b)
	var all []search.Custom
	for i, expression := range []string{"Observation.value.as(Quantity)", "Observation.code.coding.where(system.exists()).code"} {
		all = append(all, search.Custom{Key: fmt.Sprintf("¤%d_x", i+1), ID: fmt.Sprint(i), Code: fmt.Sprint("x", i), Kind: []string{"quantity", "token"}[i], Bases: []string{"Observation"}, Expression: expression})
	}
	done, began := int64(0), fhirtest.CPUTime()
	for round := 0; b.Loop(); round++ {
		p, err := a.Plan(b.Context())
		a.must(err)
		var params []store.Planned
		for _, c := range all {
			c.Key += strings.Repeat("x", round+1)
			params = append(params, store.Planned{Custom: c})
		}
		p, _ = p.Replan(params, "")
		a.must(a.Amend(b.Context(), p))
		customs, err := p.Customs(custom.Compile)
		a.must(err)
		for len(p.Passes) > 0 {
			p, err = a.Rekey(b.Context(), p, 500, customs.Keys)
			a.must(err)
		}
		done = int64(round+1) * 15_000
	}
	b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "resources/s")
	b.ReportMetric(float64((fhirtest.CPUTime()-began).Microseconds())/float64(done), "CPU-us/resource")
}
