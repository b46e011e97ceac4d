package node

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// BenchmarkOperations measures operations over HTTP, one after the other on one connection:
// the median of their times, the CPU time of client and server together, and the documents
// shown in a second.
func BenchmarkOperations(b *testing.B) {
	n := startNode(b, b.TempDir(), func(_ *Node, o *Options) { o.Rate = 0 })
	system, doctor := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT")
	patient, err := os.ReadFile("../fhir/testdata/patient.json")
	if err != nil {
		b.Fatal(err)
	}
	file := fhirtest.Corpus(b, "synthea-r4-100")[0]
	record, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	made := system.Post("/", string(record)).Want(200)
	_, rest, _ := strings.Cut(string(made.Body), "/Patient/")
	id, _, _ := strings.Cut(rest, "/")
	var entries []string
	for i := range 14 {
		entries = append(entries, `{"fullUrl":"http://a.example/Observation/`+fmt.Sprint(i)+`","resource":`+withoutID(richObservation(), "x")+`}`)
	}
	bundle := `{"resourceType":"Bundle","type":"collection","entry":[` + strings.Join(entries, ",") + `]}`
	for _, c := range []struct {
		name string
		ask  func() int
	}{
		{"read", func() int { return len(doctor.Get("/Patient/" + id).Want(200).Body) }},
		{"validate/Patient", func() int { return len(doctor.Post("/Patient/$validate", string(patient)).Want(200).Body) }},
		{fmt.Sprintf("validate/Bundle-%dKB", len(bundle)>>10), func() int { return len(doctor.Post("/Bundle/$validate", bundle).Want(200).Body) }},
		{"everything", func() (size int) {
			for path := "/Patient/" + id + "/$everything"; path != ""; {
				a := doctor.Get(path).Want(200)
				size, path = size+len(a.Body), a.Next()
			}
			return size
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var times []time.Duration
			size, before := 0, fhirtest.CPUTime()
			for b.Loop() {
				start := time.Now()
				size += c.ask()
				times = append(times, time.Since(start))
			}
			used := fhirtest.CPUTime() - before
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-us")
			b.ReportMetric(float64(used.Microseconds())/float64(len(times)), "cpu-us/op")
			b.ReportMetric(float64(size)/1e6/used.Seconds(), "MB/cpu-s")
			b.ReportMetric(float64(size)/float64(len(times))/1e6/times[len(times)/2].Seconds(), "MB/s")
		})
	}
}

// richObservation is an Observation of 1.5 KB.
func richObservation() string {
	return `{"resourceType":"Observation","id":"x","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital Signs"}]}],` +
		`"code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel"}],"text":"Blood pressure"},"subject":{"reference":"Patient/p1"},"effectiveDateTime":"2026-01-02T03:04:05Z","issued":"2026-01-02T03:04:05.123Z",` +
		`"performer":[{"reference":"Practitioner/a","display":"` + strings.Repeat("Somebody ", 40) + `"}],` +
		`"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":107,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},` +
		`{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":60,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`
}
