package node

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/node/nodetest"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// TestMain lets the binary be the load generator of a benchmark, and a stand-in for MongoDB.
func TestMain(m *testing.M) {
	if os.Getenv(mongotest.ApartVariable) != "" {
		os.Exit(mongotest.ServeApart())
	}
	if os.Getenv(nodetest.GeneratorVariable) != "" {
		os.Exit(nodetest.Generate())
	}
	os.Exit(m.Run())
}

// BenchmarkHTTP measures whole requests over loopback, policy and record included. The load
// generator is another process on the same cores; the server's CPU is told without it.
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
	create := func(i int64) string {
		body := strings.Replace(observationJSON("x", fmt.Sprintf("p%d", i%patients), float64(i)), `"id":"x",`, "", 1)
		return nodetest.PostRequest(doctors(i), "/Observation", body)
	}
	for _, c := range []struct {
		name        string
		connections int
		request     func(i int64) string
	}{
		{"GET by id", nodetest.Connections, func(i int64) string {
			return nodetest.GetRequest(doctors(i), fmt.Sprintf("/Observation/o%d-%d", i%patients, i/7%10))
		}},
		{"search patient and code", nodetest.Connections, func(i int64) string {
			return nodetest.GetRequest(doctors(i), fmt.Sprintf("/Observation?patient=Patient/p%d&code=http://loinc.org|8867-4", i%patients))
		}},
		{"create", nodetest.Connections, create},
		{"create 64", 64, create},
		{"create patient", nodetest.Connections, func(i int64) string {
			return nodetest.PostRequest(doctors(i), "/Patient", newPatient(i))
		}},
	} {
		b.Run(c.name, func(b *testing.B) { load(b, n, c.connections, c.request) })
	}
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

// load sends each of 2,000 different requests once, and then b.N of them: rate, latencies
// and the CPU of the server are those of a server that knows its callers.
func load(b *testing.B, n *testNode, connections int, request func(int64) string) {
	l := nodetest.Load{Address: n.Server.Listener.Addr().String(), Connections: connections, Total: int64(b.N)}
	for i := range int64(2000) {
		l.Requests = append(l.Requests, request(i))
	}
	warm := l
	warm.Total = int64(len(l.Requests))
	if _, err := nodetest.Measure(warm, func() {}); err != nil {
		b.Fatal(err)
	}
	m, err := nodetest.Measure(l, b.ResetTimer)
	b.StopTimer()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(m.Rate(), "req/s")
	b.ReportMetric(m.PerRequest(), "cpu-us/op")
	b.ReportMetric(m.Percentile(50), "p50-us")
	b.ReportMetric(m.Percentile(99), "p99-us")
}
