package access

import (
	"fmt"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir/fhirtest"
	"github.com/aceso-health/aceso/store/sqlite"
)

// BenchmarkScopedPage is a page of 50 with a whole scope, and with one that has a parameter
// which half, and which most, of the resources satisfy.
func BenchmarkScopedPage(b *testing.B) {
	s, err := sqlite.Open(b.Context(), b.TempDir(), sqlite.Options{Organization: "hospital", Node: "n1", Base: base})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	h := houseOver(b, s)
	for i := range 40 {
		documents := []string{patientDoc(fmt.Sprint(i))}
		for n := range 150 {
			category := []string{"laboratory", "vital-signs"}[n%2]
			tag := []string{"usual", "usual", "usual", "usual", "usual", "usual", "usual", "usual", "usual", "rare"}[n%10]
			documents = append(documents, fmt.Sprintf(`{"resourceType":"Observation","id":"o%d-%d","meta":{"tag":[{"system":"urn:t","code":"%s"}]},"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"%s"}]}],`+
				`"code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}],"text":"Heart rate"},"subject":{"reference":"Patient/%d"},"effectiveDateTime":"2021-%02d-%02dT10:00:00Z","valueQuantity":{"value":%d.5,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}`,
				i, n, tag, category, i, 1+n%12, 1+n%28, 50+n))
		}
		h.putAll(documents)
	}
	for _, query := range []string{"", "patient=Patient/7", "_sort=-date", "code=8867-4"} {
		for _, scope := range []string{"user/Observation.rs", "user/Observation.rs?_tag=urn:t|usual", "user/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory", "user/Observation.rs?_tag=rare"} {
			b.Run(query+"/"+scope[len("user/Observation."):], func(b *testing.B) {
				shown, before := 0, fhirtest.CPUTime()
				for b.Loop() {
					call := h.with(h.as(agent.Practitioner, "TREAT"), scope)
					res, err := h.Search(b.Context(), call, SearchRequest{Type: "Observation", Params: params("_count=50&" + query)})
					if err != nil {
						b.Fatal(err)
					}
					shown = len(res.Matches)
				}
				b.ReportMetric(float64(shown), "shown")
				b.ReportMetric(float64((fhirtest.CPUTime()-before).Microseconds())/float64(b.N), "cpu-us/op")
			})
		}
	}
}
