package search

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// What fhir.ParseLoosely accepts is described, whatever stands where R4 has something else:
// searches find what is in its place.
func TestLooseDocumentsAreDescribed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	odd := []any{nil, true, -1e9, "", "x", "2020-13-45", []any{}, []any{"x", nil, 7.5}, map[string]any{}, map[string]any{"value": "x", "code": 7.0}}
	accepted := 0
	for i, file := range fhirtest.Corpus(t, "r4-examples") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 100_000 || testing.Short() && i%10 != 0 {
			continue
		}
		for range 20 {
			var document map[string]any
			if err := json.Unmarshal(data, &document); err != nil {
				t.Fatal(err)
			}
			spoil(r, document, odd)
			text, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			loose, err := fhir.ParseLoosely(text)
			if err != nil {
				continue
			}
			accepted++
			var known *fhir.Error
			if _, _, err := Describe(loose, "https://hospital.example/fhir"); err != nil && (!errors.As(err, &known) || known.Kind == fhir.Internal) {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	if accepted < 100 {
		t.Errorf("only %d documents were accepted", accepted)
	}
}

// spoil puts something odd at a random place.
func spoil(r *rand.Rand, in map[string]any, odd []any) {
	for name, value := range in {
		if name == "resourceType" || r.IntN(3) > 0 {
			continue
		}
		switch v := value.(type) {
		case map[string]any:
			spoil(r, v, odd)
		case []any:
			if inner, ok := v[r.IntN(len(v))].(map[string]any); ok {
				spoil(r, inner, odd)
				continue
			}
			in[name] = odd[r.IntN(len(odd))]
		default:
			in[name] = odd[r.IntN(len(odd))]
		}
	}
}
