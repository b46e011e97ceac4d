package fhir

import (
	"bytes"
	"errors"
	"sync"
	"testing"
)

// TestParseInParallel shares the scanners among documents that leave different
// state behind: tapes, contained resources, findings and faults.
func TestParseInParallel(t *testing.T) {
	docs := append(seeds(t), []byte(`{"resourceType":"Patient","name":[{}],"gender":"x"}`), []byte(`{"resourceType":"Patient","contained":[`))
	want := make([]string, len(docs))
	for i, d := range docs {
		_, err := Parse(d)
		want[i] = errorText(err)
	}
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 200 {
				n := (i + worker) % len(docs)
				before := bytes.Clone(docs[n])
				_, err := Parse(docs[n])
				if errorText(err) != want[n] || !bytes.Equal(before, docs[n]) {
					t.Errorf("document %d: %v, want %s", n, err, want[n])
					return
				}
			}
		})
	}
	wait.Wait()
}

func errorText(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Error()
}
