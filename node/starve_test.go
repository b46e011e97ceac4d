package node

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aceso-health/aceso/node/nodetest"
)

// BenchmarkStarvation measures what others feel of the worst searches that a generator
// finds: the GETs, small searches and creates of one agent while ten agents, or one agent
// ten times, send them without a pause. It only runs if ACESO_BENCH_STARVE is set: to the
// number of resources.
func BenchmarkStarvation(b *testing.B) {
	size, err := strconv.Atoi(os.Getenv("ACESO_BENCH_STARVE"))
	if err != nil || size < perPatient {
		b.Skip("SKIPPED: set ACESO_BENCH_STARVE=32000 to load so many resources")
	}
	onEachStore(b, func(b *testing.B, n *testNode) {
		w := &ward{n: n}
		w.fill(b, size)
		worst := w.worst(b)
		agents := make([]user, 10)
		for i := range agents {
			agents[i] = n.as("practitioner", "TREAT", func(g *Grant) { g.Subject = fmt.Sprintf("Practitioner/agent%d", i) })
		}
		alone := []user{agents[0], agents[0], agents[0], agents[0], agents[0], agents[0], agents[0], agents[0], agents[0], agents[0]}
		for _, c := range []struct {
			name   string
			agents []user
		}{{"nobody", nil}, {"ten agents", agents}, {"one agent ten times", alone}} {
			b.Run(c.name, func(b *testing.B) { w.besides(b, c.agents, worst) })
		}
	})
}

// costlySearch is a search by POST, and how long it takes alone.
type costlySearch struct {
	typ, form string
	took      time.Duration
	status    int
}

// post sends it.
func (s costlySearch) post(ctx context.Context, u user) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.Node.Server.URL+"/fhir/"+s.typ, strings.NewReader(s.form))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+u.Token)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := u.Node.Exchange("search", r)
	return a.Status, err
}

// many is a list of n values.
func many(n int, format string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(all, ",")
}

// again repeats a criterion.
func again(n int, criterion string) string {
	return strings.TrimSuffix(strings.Repeat(criterion+"&", n), "&")
}

// unselective are combinations of unselective criteria and of what has all matches read.
func unselective() (all []costlySearch) {
	criteria := map[string][]string{
		"Observation": {
			"", again(11, "code:not="+many(450, "absent%d")), again(10, "code:text="+many(490, "absent%d")), again(10, "patient:missing=false&code:not="+many(400, "http://loinc.org|x%d")),
			"date=ge1900", "date=ge1900&date=le2100", again(9, "date="+many(480, "eb19%02d")), "patient.gender=male", "patient.name:contains=a", "subject:Patient.birthdate=gt1900",
			"encounter.date=gt1900", "encounter:Encounter.subject:Patient.name:contains=a", "value-quantity=gt0", again(9, "value-quantity="+many(490, "lt-%d")),
			"combo-code:not=" + many(490, "absent%d"), "patient.family=" + many(490, "f%d"), again(5, "patient._has:Encounter:subject:date=gt1900"), "_lastUpdated=gt1900",
			again(10, "encounter.patient.family:contains="+many(49, "x%d")), "status=final&category=vital-signs&code:not=x",
		},
		"Patient": {
			"", "_has:Observation:patient:code:not=x", "_has:Encounter:subject:_has:Observation:encounter:code:not=x", again(10, "name:contains="+many(490, "zz%d")),
			again(10, "_has:Observation:patient:code:not="+many(400, "x%d")), "gender:not=x", "birthdate=ne1900", again(4, "_has:Observation:patient:value-quantity=lt0"),
			again(4, "address:contains="+many(490, "xx%d")), "_has:Observation:patient:date=eb1900",
		},
		"Encounter": {"", "patient.name:contains=zz", "_has:Observation:encounter:value-quantity=lt0", "_has:Observation:encounter:code:not=8302-0", again(9, "date="+many(490, "eb19%02d"))},
	}
	controls := map[string][]string{
		"Observation": {"_summary=count", "_sort=-date&_count=10", "_total=accurate&_count=1000&_include=*", "_sort=code,-value-quantity,date&_count=1000&_include=Observation:patient&_revinclude:iterate=Encounter:subject"},
		"Patient":     {"_summary=count", "_sort=-birthdate,name&_count=1000", "_count=1000&_revinclude=Observation:patient", "_total=accurate&_count=40&_revinclude=Observation:patient&_include:iterate=Observation:encounter"},
		"Encounter":   {"_summary=count", "_sort=-date&_count=1000&_revinclude=Observation:encounter"},
	}
	for typ, list := range criteria {
		for _, criterion := range list {
			for _, control := range controls[typ] {
				all = append(all, costlySearch{typ: typ + "/_search", form: strings.TrimPrefix(criterion+"&"+control, "&")})
			}
		}
	}
	return all
}

// worst are the ten that take longest.
func (w *ward) worst(b *testing.B) []costlySearch {
	b.Helper()
	all := unselective()
	for i := range all {
		s := &all[i]
		ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
		start := time.Now()
		s.status, _ = s.post(ctx, w.n.as("practitioner", "TREAT"))
		s.took = time.Since(start)
		cancel()
	}
	slices.SortFunc(all, func(a, b costlySearch) int { return cmp.Compare(b.took, a.took) })
	for _, s := range all[:10] {
		b.Logf("%6.2f s, status %d: POST %s %.120s", s.took.Seconds(), s.status, s.typ, s.form)
	}
	return all[:10]
}

// besides lets agents send the searches and measures another agent.
func (w *ward) besides(b *testing.B, agents []user, worst []costlySearch) {
	ctx, cancel := context.WithCancel(b.Context())
	var sending sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for i, u := range agents {
		sending.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				status, _ := worst[n%len(worst)].post(ctx, u)
				mu.Lock()
				statuses[status]++
				mu.Unlock()
			}
		})
	}
	time.Sleep(time.Second)
	doctor := w.n.as("practitioner", "TREAT")
	for _, request := range w.requests() {
		w.feel(b, request)
	}
	start := time.Now()
	sorted := costlySearch{typ: "Encounter/_search", form: "date=ge2012&_sort=-date&_count=10"}
	status, err := sorted.post(b.Context(), doctor)
	b.Logf("a sorted search of another agent: %v, status %d, %v", time.Since(start).Round(time.Millisecond), status, err)
	cancel()
	sending.Wait()
	b.Logf("answers to the searches: %v", statuses)
}

// feel sends requests one after the other.
func (w *ward) feel(b *testing.B, request namedRequest) {
	b.Helper()
	var sent atomic.Int64
	all, err := nodetest.Drive(&w.n.Node, 1000, &sent, func(i int64) string {
		time.Sleep(2 * time.Millisecond)
		return request.request(i)
	})
	if err != nil {
		b.Fatalf("%s: %v", request.name, err)
	}
	for i := range all {
		all[i] -= 2 * time.Millisecond
	}
	slices.Sort(all)
	b.Logf("%s: p50 %v, p99 %v, most %v", request.name, all[500].Round(10*time.Microsecond), all[990].Round(10*time.Microsecond), all[999].Round(10*time.Microsecond))
	b.ReportMetric(float64(all[990].Microseconds())/1000, "p99-ms/"+strings.ReplaceAll(request.name, " ", "-"))
}
