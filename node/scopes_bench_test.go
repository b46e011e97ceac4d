package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/node/nodetest"
)

const (
	laboratory  = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
	pulse       = "http://loinc.org|8867-4"
	pulsesOfOne = 150
)

// fillWithPulses stores Observations of 40 patients: nine of ten have a usual tag, every second
// one is a laboratory's, and they are of all days of a year.
func fillWithPulses(n *testNode) {
	system := n.as("system", "TREAT")
	for i := range 40 {
		var entries []string
		put := func(id, document string) {
			entries = append(entries, fmt.Sprintf(`{"resource":%s,"request":{"method":"PUT","url":%q}}`, document, id))
		}
		put(fmt.Sprintf("Patient/%d", i), fmt.Sprintf(`{"resourceType":"Patient","id":"%d"}`, i))
		for k := range pulsesOfOne {
			tag, category := "usual", []string{"laboratory", "vital-signs"}[k%2]
			if k%10 == 9 {
				tag = "rare"
			}
			id := fmt.Sprintf("o%d-%d", i, k)
			put("Observation/"+id, fmt.Sprintf(`{"resourceType":"Observation","id":%q,"meta":{"tag":[{"system":"urn:t","code":%q}]},"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":%q}]}],`+
				`"code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}],"text":"Heart rate"},"subject":{"reference":"Patient/%d"},"performer":[{"reference":"Practitioner/%d"}],"effectiveDateTime":"2021-%02d-%02dT10:00:00Z","valueQuantity":{"value":%d.5,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}`,
				id, tag, category, i, k%2, 1+k*7%11, 1+k*5%27, 50+k))
		}
		system.Post("/", `{"resourceType":"Bundle","type":"batch","entry":[`+strings.Join(entries, ",")+`]}`).Want(200)
	}
}

// BenchmarkScopedPages is a page of 50 for a scope with a search parameter and, in turns, for the
// same scope without one: asked for the same, and for the same resources, by the parameter. It
// tells the CPU of the server for the first, and how many times that of each of the others.
func BenchmarkScopedPages(b *testing.B) {
	onEachStore(b, func(b *testing.B, n *testNode) {
		fillWithPulses(n)
		for _, query := range []string{"", "patient=Patient/7&", "code=" + strings.Replace(pulse, "|", "%7C", 1) + "&", "_sort=-date&"} {
			for name, scope := range map[string]string{
				"token, 90 of 100": "Observation.rs?_tag=urn:t|usual", "token, 50 of 100": "Observation.rs?category=" + laboratory, "token, 10 of 100": "Observation.rs?_tag=urn:t|rare",
				"date, 75 of 100": "Observation.rs?date=ge2021-04", "reference, 50 of 100": "Observation.rs?performer=Practitioner/0", "two scopes, 55 of 100": "Observation.rs?category=" + laboratory + " user/Observation.rs?_tag=urn:t|rare",
			} {
				b.Run(query+name, func(b *testing.B) {
					turns := []func() float64{turnsOf(b, n, "user/"+scope, query), turnsOf(b, n, "user/Observation.rs", query)}
					if _, param, one := strings.Cut(scope, "?"); one && !strings.Contains(param, " ") {
						turns = append(turns, turnsOf(b, n, "user/Observation.rs", query+strings.ReplaceAll(param, "|", "%7C")+"&"))
					}
					costs := make([]float64, len(turns))
					for b.Loop() {
						for i, turn := range turns {
							costs[i] += turn()
						}
					}
					b.ReportMetric(costs[0]/float64(b.N), "cpu-us/page")
					for i, against := range []string{"times", "times-alike"}[:len(costs)-1] {
						b.ReportMetric(costs[0]/costs[i+1], against)
					}
				})
			}
		}
	})
}

// turnsOf asks for some pages, and gives the CPU of the server for one of them. So many doctors
// ask that each stays within the usual rate.
func turnsOf(b *testing.B, n *testNode, scope, query string) func() float64 {
	l := nodetest.Load{Address: n.Server.Listener.Addr().String(), Connections: 2, Total: 100}
	for i := range 100 {
		u := n.as("practitioner", "TREAT", func(g *Grant) { g.Scope, g.Subject = scope, fmt.Sprintf("Practitioner/d%d", i) })
		l.Requests = append(l.Requests, nodetest.GetRequest(u, "/Observation?"+query+"_count=50"))
	}
	return func() float64 {
		m, err := nodetest.Measure(l, func() {})
		if err != nil {
			b.Fatal(err)
		}
		return m.PerRequest()
	}
}
