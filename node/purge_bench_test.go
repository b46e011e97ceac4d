package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/purge"
)

// BenchmarkPurge removes a patient with 5,000 resources, from the approval to the certificate.
func BenchmarkPurge(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		n := startNode(b, b.TempDir())
		h := &purgeHouse{testNode: n}
		h.users()
		h.put("Patient/p-zyxomma", fmt.Sprintf(quagmire, 60))
		for i := range 10 {
			var entries []string
			for j := range 500 {
				id := fmt.Sprintf("o%d-%d", i, j)
				entries = append(entries, fmt.Sprintf(`{"resource":{"resourceType":"Observation","id":%q,"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}]},"subject":{"reference":"Patient/p-zyxomma"},"effectiveDateTime":"2026-01-02T03:04:05Z","valueQuantity":{"value":%d,"unit":"/min"}},"request":{"method":"PUT","url":"Observation/%s"}}`, id, j, id))
			}
			h.system.Post("", `{"resourceType":"Bundle","type":"transaction","entry":[`+strings.Join(entries, ",")+`]}`).Want(200)
		}
		p := h.ask()
		b.StartTimer()
		began := time.Now()
		h.approve(p).Want(200)
		h.until(p.ID, purge.Done)
		b.ReportMetric(time.Since(began).Seconds(), "s/purge")
		b.StopTimer()
		n.stop()
		b.StartTimer()
	}
}
