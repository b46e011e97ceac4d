package fhir

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// benchDocs are resources as a hospital has them: those of some bundles.
func benchDocs(b *testing.B) (docs [][]byte, size int64) {
	b.Helper()
	for _, file := range corpus(b, "synthea-r4-100")[:10] {
		data, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		var bundle struct {
			Entry []struct{ Resource json.RawMessage }
		}
		if err := json.Unmarshal(data, &bundle); err != nil {
			b.Fatal(err)
		}
		for _, e := range bundle.Entry {
			docs, size = append(docs, e.Resource), size+int64(len(e.Resource))
		}
	}
	return docs, size
}

// BenchmarkExtract scans and walks documents up to their sorted keys, and says
// how many times faster that is than decoding the same bytes with encoding/json
// and UseNumber, both measured in turns.
func BenchmarkExtract(b *testing.B) {
	docs, size := benchDocs(b)
	b.SetBytes(size)
	b.ReportAllocs()
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		for _, doc := range docs {
			extractOnce(b, doc)
		}
		ours += time.Since(start)
		b.StopTimer()
		start = time.Now()
		for _, doc := range docs {
			if err := decode(doc); err != nil {
				b.Fatal(err)
			}
		}
		theirs += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N)/float64(len(docs)), "ns/doc")
	b.ReportMetric(float64(theirs)/float64(ours), "x-encoding/json")
}

func extractOnce(b *testing.B, doc []byte) {
	s, err := openTape(doc)
	if err != nil {
		b.Fatal(err)
	}
	defer s.close()
	x := extract(&s.tape, "", false)
	defer x.release()
	x.order()
}

// BenchmarkIndexAndFacts is what a write asks for.
func BenchmarkIndexAndFacts(b *testing.B) {
	docs, size := benchDocs(b)
	var list []*Resource
	for _, doc := range docs {
		r, err := Open(doc)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, r)
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range list {
			if _, err := r.Index(""); err != nil {
				b.Fatal(err)
			}
			r.Facts("")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(docs)), "ns/doc")
}
