package node

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir/fhirtest"
	"github.com/aceso-health/aceso/node/nodetest"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// BenchmarkHTTP measures whole requests over loopback, policy and record included,
// with the load generator on the same cores.
func BenchmarkHTTP(b *testing.B) { onEachStore(b, benchmarkHTTP) }

// onEachStore measures a node with a folder and, where there is a real MongoDB, one
// with a database: the stand-in says nothing about speed.
func onEachStore(b *testing.B, measure func(*testing.B, *testNode)) {
	usual := func(_ *Node, o *Options) { o.Rate = UsualRate }
	b.Run("SQLite", func(b *testing.B) { measure(b, startNode(b, b.TempDir(), usual)) })
	b.Run("MongoDB", func(b *testing.B) {
		c := newCluster(b, 1)
		if c.standIn != nil {
			fmt.Printf("%s SKIPPED: %s is not set and there is no mongod on PATH\n", b.Name(), mongotest.ServerVariable)
			b.SkipNow()
		}
		measure(b, c.nodes[0])
	})
}

func benchmarkHTTP(b *testing.B, n *testNode) {
	const patients = 100
	system := n.as("system", "HOPERAT")
	for i := range patients {
		id := fmt.Sprintf("p%d", i)
		system.Put("/Patient/"+id, patientJSON(id, "Family"+id)).Want(201)
		for j := range 10 {
			o := fmt.Sprintf("o%d-%d", i, j)
			system.Put("/Observation/"+o, observationJSON(o, id, float64(60+j))).Want(201)
		}
	}
	doctors := staff(n)
	for _, c := range []struct {
		name    string
		request func(i int64) string
	}{
		{"GET by id", func(i int64) string {
			return nodetest.GetRequest(doctors(i), fmt.Sprintf("/Observation/o%d-%d", i%patients, i%10))
		}},
		{"search patient and code", func(i int64) string {
			return nodetest.GetRequest(doctors(i), fmt.Sprintf("/Observation?patient=Patient/p%d&code=http://loinc.org|8867-4", i%patients))
		}},
		{"create", func(i int64) string {
			body := strings.Replace(observationJSON("x", fmt.Sprintf("p%d", i%patients), float64(i)), `"id":"x",`, "", 1)
			return postRequest(doctors(i), "/Observation", body)
		}},
		{"create patient", func(i int64) string { return postRequest(doctors(i), "/Patient", newPatient(i)) }},
	} {
		b.Run(c.name, func(b *testing.B) { load(b, n, c.request) })
	}
}

// postRequest is a request that creates a resource.
func postRequest(u user, path, body string) string {
	return fmt.Sprintf("POST /fhir%s HTTP/1.1\r\nHost: aceso\r\nAuthorization: Bearer %s\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n%s", path, u.Token, len(body), body)
}

// newPatient is a Patient of whom the records know nothing yet.
func newPatient(i int64) string {
	return fmt.Sprintf(`{"resourceType":"Patient","identifier":[{"system":"urn:ward","value":"%d"}],"active":true,"name":[{"family":"Family%d","given":["Given%d"]}],`+
		`"telecom":[{"system":"phone","value":"555-%d"}],"gender":"%s","birthDate":"%d-0%d-1%d","address":[{"city":"Town%d","postalCode":"%05d"}]}`,
		i, i%9973, i%311, i, []string{"male", "female"}[i%2], 1930+i%80, 1+i%9, i%10, i%100, i%100_000)
}

// staff are so many doctors that each stays within the usual rate.
func staff(n *testNode) func(i int64) user {
	const doctors = 400
	var all [doctors]user
	for i := range all {
		all[i] = n.as("practitioner", "TREAT", func(g *Grant) { g.Subject = fmt.Sprintf("Practitioner/d%d", i) })
	}
	return func(i int64) user { return all[i%doctors] }
}

// load sends b.N requests over all nodetest.Connections and reports rate and latencies.
func load(b *testing.B, n *testNode, request func(int64) string) {
	var sent atomic.Int64
	var all sync.Mutex
	var latencies []time.Duration
	var wg sync.WaitGroup
	b.ResetTimer()
	before := fhirtest.CPUTime()
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
	b.StopTimer()
	b.ReportMetric(float64((fhirtest.CPUTime()-before).Microseconds())/float64(b.N), "cpu-us/req")
	slices.Sort(latencies)
	if len(latencies) > 0 {
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
		b.ReportMetric(float64(latencies[len(latencies)/2].Microseconds()), "p50-us")
		b.ReportMetric(float64(latencies[len(latencies)*99/100].Microseconds()), "p99-us")
	}
}
