package search

import (
	"bytes"
	"maps"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/fhir/fhirtest"

	"github.com/aceso-health/aceso/fhir"
)

// indexWith indexes a document with a given extractor.
func indexWith(t *testing.T, x *extractor, data []byte) *Index {
	t.Helper()
	tape, err := fhir.ReadTape(data)
	if err != nil {
		t.Fatal(err)
	}
	defer tape.Close()
	x.reset(tape, "")
	x.resource(0, false)
	x.nested()
	index, err := x.index()
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// Earlier documents must not influence an extractor.
func TestExtractorForgets(t *testing.T) {
	docs, golden := syntheaDocs(t), goldenDocuments(t)
	for _, file := range fhirtest.Corpus(t, "r4-examples") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, data)
	}
	for _, file := range slices.Sorted(maps.Keys(golden)) {
		docs = append(docs, golden[file])
	}
	old := &extractor{d: fhir.R4(), roles: rolesOf()}
	for round := range 3 { // seen once, remembered, recalled
		recalled := 0
		for i, doc := range docs {
			got := indexWith(t, old, doc)
			if round == 0 || i%7 != round { // fresh extractors are slow: compare some
				continue
			}
			recalled++
			if want := indexWith(t, &extractor{d: fhir.R4(), roles: rolesOf()}, doc); !reflect.DeepEqual(got, want) {
				t.Errorf("round %d, document %d: %v\nwant %v", round, i, got, want)
			}
		}
		if round > 0 && recalled < 100 {
			t.Errorf("only %d documents compared", recalled)
		}
	}
}

// The same text means different things to different parameters and types.
func TestMemoKeepsUsesApart(t *testing.T) {
	x := &extractor{d: fhir.R4(), roles: rolesOf()}
	docs := []string{
		`{"resourceType":"Observation","status":"unknown","code":{"text":"a"},"meta":{"tag":[{"system":"s","code":"c"}]}}`,
		`{"resourceType":"Encounter","status":"unknown","class":{"system":"s","code":"c"},"meta":{"tag":[{"system":"s","code":"c"}]}}`,
		`{"resourceType":"Patient","gender":"unknown","meta":{"tag":[{"system":"s","code":"c"}],"security":[{"system":"s","code":"c"}]}}`,
		`{"resourceType":"Patient","meta":{"tag":[{"system":"s","code":"c"},{"system":"s","code":"b"},{"system":"s","code":"c"}]}}`,
	}
	for range 4 {
		for _, doc := range docs {
			got, want := indexWith(t, x, []byte(doc)), indexWith(t, &extractor{d: fhir.R4(), roles: rolesOf()}, []byte(doc))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %v\nwant %v", doc, got, want)
			}
		}
	}
}

func FuzzWordsOfASCII(f *testing.F) {
	for _, text := range []string{"", "Hemoglobin A1c/Hemoglobin.total in Blood", "a\x7fb", " a\t\n b  ", "ÄÖ ä", "a-b_c d", string(bytes.Repeat([]byte("x9"), 70))} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !plainASCII(text) {
			return
		}
		var want []string
		for word := range bytes.FieldsFuncSeq(appendFolded(nil, text), betweenWords) {
			want = append(want, "p~"+string(appendCut(nil, word)))
		}
		x := &extractor{}
		x.plainWords(&planParam{name: "p"}, text)
		var got []string
		for _, k := range x.keys {
			got = append(got, string(x.span(k.key)))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	})
}
