package node

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// BenchmarkValidatedCreate tells the CPU of a create, policy and record included, at each
// level, and as a share of that without constraints. The levels take turns.
func BenchmarkValidatedCreate(b *testing.B) {
	patient, err := os.ReadFile("../fhir/testdata/patient.json")
	if err != nil {
		b.Fatal(err)
	}
	observation := `{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],` +
		`"code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}],"text":"Blood pressure"},"subject":{"reference":"Patient/p1"},"effectiveDateTime":"2026-01-02T03:04:05Z",` +
		`"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":107,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},` +
		`{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":60,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`
	levels := []string{"structure", "base", "profiles"}
	for name, document := range map[string]string{"Patient": string(patient), "Observation": observation} {
		b.Run(name, func(b *testing.B) {
			creates := make([]func(), len(levels))
			for i, level := range levels {
				n := startNode(b, b.TempDir(), atLevel(level))
				twoPatients(n)
				creates[i] = creator(b, n, name, document)
			}
			cpu := make([]time.Duration, len(levels))
			rounds := 0
			for b.Loop() {
				for i := range creates {
					_, used := fhirtest.Cost(creates[i])
					cpu[i] += used
				}
				rounds++
			}
			each := func(i int) float64 { return float64(cpu[i].Microseconds()) / float64(rounds*batchOfCreates) }
			for i, level := range levels {
				b.ReportMetric(each(i), level+"-us/create")
			}
			b.ReportMetric(100*(each(1)/each(0)-1), "base-%")
			b.ReportMetric(100*(each(2)/each(0)-1), "profiles-%")
		})
	}
}

const batchOfCreates = 256

// creator sends a batch of creates, 16 at a time, without a network.
func creator(b *testing.B, n *testNode, typ, document string) func() {
	token := n.as("system", "HOPERAT").Token
	return func() {
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				for range batchOfCreates / 16 {
					r := httptest.NewRequest(http.MethodPost, "/fhir/"+typ, strings.NewReader(document))
					r.Header.Set("Authorization", "Bearer "+token)
					r.Header.Set("Content-Type", "application/fhir+json")
					w := httptest.NewRecorder()
					if n.node.handler.ServeHTTP(w, r); w.Code != http.StatusCreated {
						b.Errorf("%d %s", w.Code, w.Body)
					}
				}
			})
		}
		all.Wait()
	}
}
