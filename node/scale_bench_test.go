package node

import (
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

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/aceso-health/aceso/node/nodetest"
)

// BenchmarkScale measures whether requests stay as fast when the data grow: the
// same requests at 32,000 and at 320,000 resources. It takes minutes, so it only
// runs if ACESO_BENCH_SCALE is set: to 1, or to sizes of one's own as in
// ACESO_BENCH_SCALE=3000,30000.
func BenchmarkScale(b *testing.B) {
	sizes := scaleSizes(b)
	onEachStore(b, func(b *testing.B, n *testNode) { benchmarkScale(b, n, sizes) })
}

func benchmarkScale(b *testing.B, n *testNode, sizes []int) {
	w := &ward{n: n}
	smallest := map[string]float64{}
	for _, size := range sizes {
		w.fill(b, size)
		for _, c := range w.requests() {
			b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
				p50 := median(b, n, c.request)
				b.ReportMetric(p50, "p50-us")
				if size == sizes[0] {
					smallest[c.name] = p50
				} else if smallest[c.name] > 0 { // not if only this size was asked for
					b.ReportMetric(p50/smallest[c.name], "p50-ratio")
				}
			})
		}
	}
}

func scaleSizes(b *testing.B) []int {
	b.Helper()
	asked := os.Getenv("ACESO_BENCH_SCALE")
	switch asked {
	case "":
		b.Skip("SKIPPED: set ACESO_BENCH_SCALE=1 to load 320,000 resources")
	case "1":
		return []int{32_000, 320_000}
	}
	var sizes []int
	for text := range strings.SplitSeq(asked, ",") {
		size, err := strconv.Atoi(text)
		if err != nil || size < perPatient {
			b.Fatalf("ACESO_BENCH_SCALE: %q is no size from %d", text, perPatient)
		}
		sizes = append(sizes, size)
	}
	slices.Sort(sizes)
	return sizes
}

// median sends b.N requests over all nodetest.Connections; the result is in microseconds.
func median(b *testing.B, n *testNode, request func(int64) string) float64 {
	b.Helper()
	var sent atomic.Int64
	var all sync.Mutex
	var latencies []time.Duration
	var wg sync.WaitGroup
	for range nodetest.Connections {
		wg.Go(func() {
			own, err := nodetest.Drive(&n.Node, int64(b.N), &sent, request)
			if err != nil {
				b.Error(err)
			}
			all.Lock()
			defer all.Unlock()
			latencies = append(latencies, own...)
		})
	}
	wg.Wait()
	if len(latencies) == 0 {
		return 0
	}
	slices.Sort(latencies)
	return float64(latencies[len(latencies)/2].Nanoseconds()) / 1000
}

// What a patient of the ward has: every patient the same, so that an answer is as
// long in a large ward as in a small one.
const (
	visits     = 9
	perVisit   = 10
	perPatient = 1 + visits + visits*perVisit
)

// ward is a growing hospital of made-up patients. Ids are spread like random
// ones, as those of real clients are.
type ward struct {
	n        *testNode
	patients int
	created  atomic.Int64
}

func wardID(parts ...any) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, parts...)).String()
}

// fill adds patients until there are size resources, one transaction for each.
func (w *ward) fill(b *testing.B, size int) {
	b.Helper()
	system := w.n.as("system", "HOPERAT")
	start, before := time.Now(), w.patients
	var group errgroup.Group
	group.SetLimit(4)
	for ; w.patients < size/perPatient; w.patients++ {
		bundle := wardBundle(w.patients)
		group.Go(func() error {
			r, err := system.Try(http.MethodPost, "", bundle)
			if err == nil && r.Status != http.StatusOK {
				err = fmt.Errorf("status %d: %s", r.Status, r.Body)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	added := (w.patients - before) * perPatient
	b.Logf("%d resources, %d of them added with %.0f/s", w.patients*perPatient, added, float64(added)/time.Since(start).Seconds())
}

// wardBundle is all that a patient has.
func wardBundle(patient int) string {
	id := wardID(patient)
	entries := []string{putEntry("Patient/"+id, fmt.Sprintf(`{"resourceType":"Patient","id":"%s","identifier":[{"system":"urn:ward","value":"%d"}],"active":true,`+
		`"name":[{"family":"Family%d","given":["Given%d"]}],"telecom":[{"system":"phone","value":"555-%d"}],"gender":"%s","birthDate":"%d-0%d-1%d","address":[{"city":"Town%d","postalCode":"%05d"}]}`,
		id, patient, patient%9973, patient%311, patient, []string{"male", "female"}[patient%2], 1930+patient%80, 1+patient%9, patient%10, patient%100, patient%100_000))}
	for v := range visits {
		visit := wardID(patient, "visit", v)
		at := time.Date(2014+v, time.Month(1+patient%12), 1+patient%28, patient%24, 0, 0, 0, time.UTC)
		entries = append(entries, putEntry("Encounter/"+visit, fmt.Sprintf(`{"resourceType":"Encounter","id":"%s","status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},`+
			`"type":[{"coding":[{"system":"http://snomed.info/sct","code":"%d"}]}],"subject":{"reference":"Patient/%s"},"period":{"start":"%s","end":"%s"}}`,
			visit, 185345009+patient%50, id, at.Format(time.RFC3339), at.Add(time.Hour).Format(time.RFC3339))))
		for o := range perVisit {
			observation := wardID(patient, "visit", v, "observation", o)
			entries = append(entries, putEntry("Observation/"+observation, wardObservation(observation, id, visit, v*perVisit+o, at)))
		}
	}
	return `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`
}

func putEntry(url, resource string) string {
	return fmt.Sprintf(`{"fullUrl":"http://127.0.0.1/fhir/%s","resource":%s,"request":{"method":"PUT","url":"%s"}}`, url, resource, url)
}

// wardCode is one of thirty LOINC codes: each patient has each three times.
func wardCode(number int) string { return fmt.Sprintf("%d-%d", 8302+number%30, number%10) }

func wardObservation(id, patient, visit string, number int, at time.Time) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":"%s","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],`+
		`"code":{"coding":[{"system":"http://loinc.org","code":"%s","display":"Measurement %d"}],"text":"Measurement %d"},"subject":{"reference":"Patient/%s"},"encounter":{"reference":"Encounter/%s"},`+
		`"effectiveDateTime":"%s","issued":"%s","valueQuantity":{"value":%d.%d0,"unit":"cm","system":"http://unitsofmeasure.org","code":"cm"}}`,
		id, wardCode(number), number%30, number%30, patient, visit, at.Format(time.RFC3339), at.Format("2006-01-02T15:04:05.000Z07:00"), 60+number, number%10)
}

// requests are what is measured; each request concerns another patient, all over the ward.
func (w *ward) requests() []namedRequest {
	doctors := staff(w.n)
	patient := func(i int64) int { return int(i * 2_654_435_761 % int64(w.patients)) }
	return []namedRequest{
		{"GET by id", func(i int64) string {
			v, o := int(i)%visits, int(i)%perVisit
			return nodetest.GetRequest(doctors(i), "/Observation/"+wardID(patient(i), "visit", v, "observation", o))
		}},
		{"search patient and code", func(i int64) string {
			return nodetest.GetRequest(doctors(i), "/Observation?patient=Patient/"+wardID(patient(i))+"&code=http://loinc.org|"+wardCode(int(i)))
		}},
		{"create", func(i int64) string {
			number := int(w.created.Add(1))
			p := patient(i)
			body := wardObservation("x", wardID(p), wardID(p, "visit", number%visits), number%30, time.Date(2025, 1, 1+number%300, 0, 0, 0, 0, time.UTC))
			body = strings.Replace(body, `"id":"x",`, "", 1)
			return nodetest.PostRequest(doctors(i), "/Observation", body)
		}},
	}
}

type namedRequest struct {
	name    string
	request func(i int64) string
}
