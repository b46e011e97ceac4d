package ledgerbridge_test

import (
	"context"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// One read of one resource of one patient, as the gate records it.
func BenchmarkPrepareRead(b *testing.B) {
	s, _ := newSealer(b)
	d := search()
	d.Patients, d.Others, d.Query, d.Target = d.Patients[:1], nil, "", "Observation/7"
	b.ReportAllocs()
	for b.Loop() {
		prepare(b, s, d)
	}
}

func BenchmarkSeal(b *testing.B) {
	s, _ := newSealer(b)
	p := prepare(b, s, search())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Seal(source, 1, noon); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAudit(b *testing.B) {
	const rows = 2000
	n := newNode(b)
	n.add(rows)
	j := n.journal()
	checkpoint(b, j)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := j.Audit(context.Background(), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkParseEntry(b *testing.B) {
	s, _ := newSealer(b)
	row, err := prepare(b, s, search()).Seal(source, 1, noon)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ledgerbridge.ParseEntry(row.Entry); err != nil {
			b.Fatal(err)
		}
	}
}
