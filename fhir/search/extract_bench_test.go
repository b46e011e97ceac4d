package search

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir/fhirtest"

	"github.com/aceso-health/aceso/fhir"
)

// benchSets are a hospital's documents and the official examples of every type,
// indented as in the corpus and without white space.
var benchSets = []struct {
	name string
	docs func(testing.TB) [][]byte
}{
	{"synthea", syntheaDocs},
	{"synthea-compact", func(t testing.TB) [][]byte { return compacted(t, syntheaDocs(t)) }},
	{"examples", exampleDocs},
	{"examples-compact", func(t testing.TB) [][]byte { return compacted(t, exampleDocs(t)) }},
}

// syntheaDocs are the resources of some bundles.
func syntheaDocs(t testing.TB) (docs [][]byte) {
	t.Helper()
	for _, file := range fhirtest.Corpus(t, "synthea-r4-100")[:10] {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var bundle struct {
			Entry []struct{ Resource json.RawMessage }
		}
		if err := json.Unmarshal(data, &bundle); err != nil {
			t.Fatal(err)
		}
		for _, e := range bundle.Entry {
			docs = append(docs, e.Resource)
		}
	}
	return docs
}

// exampleDocs are the official examples, except collections of definitions.
func exampleDocs(t testing.TB) (docs [][]byte) {
	t.Helper()
	for _, file := range fhirtest.Corpus(t, "r4-examples") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) < 64<<10 {
			docs = append(docs, data)
		}
	}
	return docs
}

func compacted(t testing.TB, docs [][]byte) [][]byte {
	t.Helper()
	for i, doc := range docs {
		var small bytes.Buffer
		if err := json.Compact(&small, doc); err != nil {
			t.Fatal(err)
		}
		docs[i] = small.Bytes()
	}
	return docs
}

// BenchmarkExtract scans documents and extracts their sorted keys. It reports how
// many times more CPU time encoding/json with UseNumber takes for the same bytes:
// the median of many short turns.
func BenchmarkExtract(b *testing.B) {
	for _, set := range benchSets {
		b.Run(set.name, func(b *testing.B) { benchmarkExtract(b, set.docs(b)) })
	}
}

func benchmarkExtract(b *testing.B, docs [][]byte) {
	size := 0
	for _, doc := range docs {
		extractOnce(b, doc)
		size += len(doc)
	}
	var ratios, scans, all []float64
	for b.Loop() {
		for turn := range slices.Chunk(docs, 256) {
			scan := cpuTime(func() { each(turn, func(doc []byte) { scanOnce(b, doc) }) })
			ours := cpuTime(func() { each(turn, func(doc []byte) { extractOnce(b, doc) }) })
			theirs := cpuTime(func() { each(turn, func(doc []byte) { decodeOnce(b, doc) }) })
			ratios = append(ratios, float64(theirs)/float64(ours))
			scans = append(scans, float64(theirs)/float64(scan))
			all = append(all, float64(ours)/turns/float64(len(turn)))
		}
	}
	b.ReportMetric(0, "ns/op") // meaningless for the three together
	b.ReportMetric(float64(size)/float64(len(docs)), "bytes/doc")
	b.ReportMetric(median(all), "ns/doc")
	b.ReportMetric(median(ratios), "x-encoding/json")
	b.ReportMetric(median(scans), "x-scan-alone")
}

// turns is how often one measurement repeats its documents.
const turns = 4

func each(docs [][]byte, do func([]byte)) {
	for range turns {
		for _, doc := range docs {
			do(doc)
		}
	}
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// cpuTime is the CPU time that f takes.
func cpuTime(f func()) time.Duration {
	start := fhirtest.CPUTime()
	f()
	return fhirtest.CPUTime() - start
}

func decodeOnce(b *testing.B, doc []byte) {
	if err := fhirtest.Decode(doc); err != nil {
		b.Fatal(err)
	}
}

func scanOnce(b *testing.B, doc []byte) {
	tape, err := fhir.ReadTape(doc)
	if err != nil {
		b.Fatal(err)
	}
	tape.Close()
}

func extractOnce(b *testing.B, doc []byte) {
	tape, err := fhir.ReadTape(doc)
	if err != nil {
		b.Fatal(err)
	}
	defer tape.Close()
	x := extract(tape, "", limitsOf(len(doc)))
	defer x.release()
	x.order()
}

// BenchmarkKeys only scans and extracts, for profiles.
func BenchmarkKeys(b *testing.B) {
	for _, set := range benchSets {
		b.Run(set.name, func(b *testing.B) {
			docs := set.docs(b)
			each(docs, func(doc []byte) { extractOnce(b, doc) })
			b.ReportAllocs()
			for b.Loop() {
				for _, doc := range docs {
					extractOnce(b, doc)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(docs)), "ns/doc")
		})
	}
}

// BenchmarkWrite takes the steps of a write in fhir and this package.
func BenchmarkWrite(b *testing.B) {
	when := time.Unix(1700000000, 0)
	for _, set := range benchSets[:2] {
		b.Run(set.name, func(b *testing.B) {
			docs := set.docs(b)
			b.ReportAllocs()
			start := fhirtest.CPUTime()
			for b.Loop() {
				for _, doc := range docs {
					if err := writeOnce(doc, when); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(fhirtest.CPUTime()-start)/float64(b.N*len(docs)), "cpu-ns/doc")
		})
	}
}

func writeOnce(doc []byte, when time.Time) error {
	r, err := fhir.Parse(doc)
	if err != nil {
		return err
	}
	if r, err = r.MapReferences(func(string) (string, bool) { return "", false }); err != nil {
		return err
	}
	if r, err = r.Stamp("example", 1, when); err != nil {
		return err
	}
	_, _, err = Describe(r, "")
	return err
}
