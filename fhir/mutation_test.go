package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func seeds(t testing.TB) [][]byte {
	all := [][]byte{
		[]byte(`{"resourceType":"Patient","name":[{"given":[null,"a"],"_given":[{"id":"x","extension":[{"url":"u","valueCode":"c"}]},null]}]}`),
		[]byte(`{"id":"\ud83d\ude00\u00e9\\","resourceType":"Basic","code":{"text":"\"x\""},"created":"2020"}`),
		[]byte(`{"resourceType":"Observation","status":"final","code":{"text":"c"},"valueQuantity":{"value":-1.50e+3}}`),
	}
	for _, name := range []string{"observation.json", "patient.json", "bundle.json"} {
		all = append(all, readTestdata(t, name))
	}
	return all
}

// TestMutationsAgreeWithEncodingJSON makes small changes to documents, with a fixed
// seed, and compares the scanner with encoding/json.
func TestMutationsAgreeWithEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	docs := seeds(t)
	outcomes := map[string]int{}
	for range 8000 {
		outcomes[checkAgreement(t, mutate(r, docs[r.IntN(len(docs))]))]++
		if t.Failed() {
			return
		}
	}
	for _, o := range []string{"accepted", "not JSON", "not R4", "stricter"} {
		if outcomes[o] < 20 {
			t.Errorf("only %d mutations ended %s: %v", outcomes[o], o, outcomes)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkAgreement(t, data) })
}

func mutate(r *rand.Rand, doc []byte) []byte {
	const pieces = `{ } [ ] , : " \ null true 0 1e5 -1 .5 "id":"a", \ud800 \u0000 [] {} "a" _ é` + " \x01 \xff \n"
	bits := strings.Split(pieces, " ")
	out := bytes.Clone(doc)
	for range 1 + r.IntN(2) {
		at := r.IntN(len(out))
		end := min(len(out), at+r.IntN(6))
		switch r.IntN(5) {
		case 0:
			out[at] = byte(r.IntN(256))
		case 1:
			out = append(out[:at:at], out[end:]...)
		case 2, 3:
			out = append(out[:at:at], append([]byte(bits[r.IntN(len(bits))]), out[at:]...)...)
		default:
			end = min(len(out), at+r.IntN(60))
			out = append(out[:end:end], out[at:]...) // a part twice
		}
		if len(out) == 0 {
			return out
		}
	}
	return out
}

// checkAgreement must hold for any bytes.
func checkAgreement(t *testing.T, data []byte) string {
	t.Helper()
	r, err := Parse(data)
	valid := json.Valid(data) && utf8.Valid(data)
	if err == nil {
		checkAccepted(t, data, r, valid)
		return "accepted"
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%T", err)
	}
	switch {
	case e.Kind != Malformed && e.Kind != Unprocessable:
		t.Errorf("%s: kind %d", data, e.Kind)
	case !valid && e.Kind != Malformed:
		t.Errorf("not JSON, but said to be not R4: %s: %v", data, err)
	case valid && e.Kind == Malformed:
		if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && !hasDuplicate(data) && !bytes.Contains(data, []byte(`\u`)) && !bytes.Contains(data, []byte(strings.Repeat("[", 20))) {
			t.Errorf("JSON, but refused: %s: %v", data, err)
		}
		return "stricter"
	case !valid:
		return "not JSON"
	}
	return "not R4"
}

// checkAccepted checks that an accepted document is JSON without duplicates, opens,
// and is still acceptable after a stamp.
func checkAccepted(t *testing.T, data []byte, r *Resource, valid bool) {
	t.Helper()
	if !valid || hasDuplicate(data) {
		t.Fatalf("accepted, but not JSON or with duplicates: %s", data)
	}
	o, err := Open(data)
	if err != nil || o.Type() != r.Type() || o.ID() != r.ID() {
		t.Fatalf("parsed, but not opened: %s: %v", data, err)
	}
	s, err := o.Stamp("a", 1, time.Unix(1, 0))
	if err != nil {
		t.Fatalf("not stamped: %s: %v", data, err)
	}
	if _, err := Parse(s.Bytes()); err != nil {
		t.Fatalf("not valid after the stamp: %s: %v", s.Bytes(), err)
	}
	if _, err := Subset(data, "true", nil); err != nil {
		t.Fatalf("no summary: %s: %v", data, err)
	}
}

// hasDuplicate finds an object with the same member twice.
func hasDuplicate(data []byte) bool {
	d := json.NewDecoder(bytes.NewReader(data))
	var walk func() bool
	walk = func() bool {
		tok, err := d.Token()
		if err != nil {
			return false
		}
		seen := map[string]bool{}
		for delim, ok := tok.(json.Delim); ok && d.More(); {
			if delim == '{' {
				name, _ := d.Token()
				s, _ := name.(string)
				if seen[s] {
					return true
				}
				seen[s] = true
			}
			if walk() {
				return true
			}
		}
		if _, ok := tok.(json.Delim); ok {
			_, _ = d.Token()
		}
		return false
	}
	return walk()
}
