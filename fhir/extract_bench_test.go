package fhir

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
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

// BenchmarkExtract scans and walks documents up to their sorted keys. The rate
// is to be compared with BenchmarkDecodeUseNumber on the same bytes.
func BenchmarkExtract(b *testing.B) {
	docs, size := benchDocs(b)
	b.SetBytes(size)
	b.ReportAllocs()
	keys := 0
	for b.Loop() {
		keys = 0
		for _, doc := range docs {
			s, err := openTape(doc)
			if err != nil {
				b.Fatal(err)
			}
			x := extract(&s.tape, "")
			x.order()
			keys += len(x.keys) + len(x.dates) + len(x.numbers)
			x.release()
			s.close()
		}
	}
	b.ReportMetric(float64(keys)/float64(len(docs)), "keys/doc")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(docs)), "ns/doc")
}

func BenchmarkDecodeUseNumber(b *testing.B) {
	docs, size := benchDocs(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, doc := range docs {
			d := json.NewDecoder(bytes.NewReader(doc))
			d.UseNumber()
			var v any
			if err := d.Decode(&v); err != nil {
				b.Fatal(err)
			}
		}
	}
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
