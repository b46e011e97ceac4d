package search

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir/fhirtest"

	"github.com/aceso-health/aceso/fhir"
)

var update = flag.Bool("update", false, "write the golden files of the index keys anew")

// render writes an index, one value per line.
func render(x *Index, f fhir.Facts) string {
	var b strings.Builder
	for _, k := range x.Keys {
		fmt.Fprintf(&b, "%s\n", strings.ReplaceAll(k, string(hashMark), "[cut]"))
	}
	for _, d := range x.Dates {
		fmt.Fprintf(&b, "date   %s  %s .. %s\n", d.Param, instantOf(d.Lo), instantOf(d.Hi))
	}
	for _, n := range x.Numbers {
		fmt.Fprintf(&b, "number %s  %s .. %s\n", n.Param, n.Lo, n.Hi)
	}
	for _, s := range x.Sorts {
		fmt.Fprintf(&b, "sort   %s  %s .. %s\n", s.Param, s.Lo, s.Hi)
	}
	fmt.Fprintf(&b, "facts  %s/%s patients %v labels %v codes %v\n", f.Type, f.ID, f.Patients, f.Labels, f.Codes)
	fmt.Fprintf(&b, "facts  profiles %v references %v authors %v time %s .. %s\n", f.Profiles, f.References, f.Authors, instantOf(f.Start), instantOf(f.End))
	if len(f.Contents)+len(f.Logical) > 0 {
		fmt.Fprintf(&b, "facts  contents %v logical %v\n", f.Contents, f.Logical)
	}
	for _, in := range f.Inside {
		fmt.Fprintf(&b, "inside %s/%s labels %v codes %v references %v authors %v\n", in.Type, in.ID, in.Labels, in.Codes, in.References, in.Authors)
	}
	return b.String()
}

func instantOf(v int64) string {
	switch v {
	case dateMin:
		return "open"
	case dateMax:
		return "open"
	}
	return time.UnixMilli(v).UTC().Format("2006-01-02T15:04:05.000Z")
}

// goldenDocuments are the documents whose keys testdata/index keeps, by file.
func goldenDocuments(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/index/*.json")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	documents := map[string][]byte{}
	for _, file := range files {
		if documents[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return documents
}

func TestIndexGolden(t *testing.T) {
	for file, data := range goldenDocuments(t) {
		r, err := fhir.Parse(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		const base = "https://hospital.example/fhir/"
		x, err := IndexOf(r, base)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		got, golden := render(x, factsOf(r, base)), strings.TrimSuffix(file, ".json")+".keys"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
		}
	}
}

func TestEveryPlanCompiles(t *testing.T) {
	params := 0
	for _, typ := range fhir.ResourceTypes() {
		p := compilePlan(fhir.R4(), typ)
		if p.err != nil {
			t.Errorf("%s: %v", typ, p.err)
		}
		params += len(p.params)
	}
	if params < 2000 {
		t.Errorf("only %d parameters of all types", params)
	}
}

func TestUnknownExpressionsAreErrors(t *testing.T) {
	for _, e := range []string{
		"Patient.name.first()", "Patient.name | Patient.name.where(use = 'official' and x = 1).select(y)", "Patient.name[1]", "(Patient.name)",
		"Patient.name.where(exists())", "iif(true, 1, 2)", "Patient.deceased.exists()", "", "Patient.", "Patient.name + 'x'", "(Patient.a as B", "Patient.name.as(x.y)",
	} {
		paths, err := parseExpression(e)
		if err == nil {
			for _, p := range paths {
				err = (&state{low: -1}).insert(fhir.R4(), []int32{fhir.R4().TypeIndex("Patient")}, p.steps, sink{})
			}
		}
		if err == nil {
			t.Errorf("%q was understood", e)
		}
	}
}

// The expressions of a union are exactly those of its members.
func TestUnionsAreThoseOfTheDefinitions(t *testing.T) {
	for name, parts := range unions {
		if got, want := alternatives(t, parts...), alternatives(t, name); !slices.Equal(got, want) {
			t.Errorf("%s: %v is not %v", name, got, want)
		}
	}
}

func alternatives(t *testing.T, names ...string) []string {
	t.Helper()
	var all []string
	for _, name := range names {
		p, ok := findParam("Observation", name)
		if !ok {
			t.Fatal("no parameter", name)
		}
		var parts []string
		for _, c := range p.Components {
			parts = append(parts, c.Kind+":"+c.Expression)
		}
		for _, a := range splitOutside(p.Expression, '|') {
			if a = strings.TrimSpace(a); strings.Contains(a, "Observation.") || a == "Observation" {
				all = append(all, a+strings.Join(parts, "+"))
			}
		}
	}
	return unique(all)
}

func TestEveryExampleIsIndexed(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range fhirtest.Corpus(t, "r4-examples") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Open(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		x, err := IndexOf(r, "")
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		checkIndex(t, filepath.Base(file), x)
		for _, k := range x.Keys {
			if name, present := strings.CutSuffix(k, string(opPresent)); present {
				seen[r.Type()+"."+name] = true
			}
		}
	}
	if len(seen) < 1200 {
		t.Errorf("only %d parameters have a value in some example", len(seen))
	}
}

// checkIndex checks the properties that stores rely on.
func checkIndex(t *testing.T, name string, x *Index) {
	t.Helper()
	if !slices.IsSorted(x.Keys) || len(slices.Compact(slices.Clone(x.Keys))) != len(x.Keys) {
		t.Errorf("%s: keys are not sorted and unique", name)
	}
	for _, n := range x.Numbers {
		if n.Lo > n.Hi {
			t.Errorf("%s: %v", name, n)
		}
	}
	for _, d := range x.Dates {
		if d.Lo > d.Hi {
			t.Errorf("%s: %v", name, d)
		}
	}
	for i, s := range x.Sorts {
		if s.Lo > s.Hi || i > 0 && x.Sorts[i-1].Param >= s.Param {
			t.Errorf("%s: %v", name, s)
		}
	}
}

func TestTooManyKeys(t *testing.T) {
	r, err := fhir.Open([]byte(`{"resourceType":"Patient","name":[` + list(MaxKeys, `{"family":"f%d"}`) + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := IndexOf(r, ""); kindOf(err) != fhir.Unprocessable {
		t.Error(err)
	}
}

func TestNumbersTooLongForSearch(t *testing.T) {
	r, err := fhir.Open([]byte(`{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":0.` + strings.Repeat("1", 80) + `}]}`))
	if err != nil {
		t.Skip("refused earlier:", err)
	}
	if _, err := IndexOf(r, ""); kindOf(err) != fhir.Unprocessable {
		t.Error(err)
	}
}

func kindOf(err error) fhir.Kind {
	if e, ok := err.(*fhir.Error); ok {
		return e.Kind
	}
	return fhir.Internal
}

func TestExtractorAllocatesNothing(t *testing.T) {
	for _, name := range []string{"observation", "bloodpressure", "patient", "careplan"} {
		data, err := os.ReadFile("testdata/index/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		tape, err := fhir.ReadTape(data)
		if err != nil {
			t.Fatal(err)
		}
		x := &extractor{d: fhir.R4(), roles: rolesOf()}
		n := testing.AllocsPerRun(100, func() {
			x.reset(tape, "https://hospital.example/fhir")
			x.resource(0, false)
			x.nested()
			x.order()
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		tape.Close()
	}
}

// Periods and ranges with swapped ends are invalid, but no store may lose them.
func TestIndexOrdersEnds(t *testing.T) {
	doc, err := fhir.Parse([]byte(`{"resourceType":"Condition","subject":{"reference":"Patient/1"},
		"onsetPeriod":{"start":"2020-02-01T10:00:00Z","end":"2020-02-01T09:00:00Z"},
		"abatementRange":{"low":{"value":9,"code":"a"},"high":{"value":2,"code":"a"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	x, err := IndexOf(doc, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Dates) == 0 || len(x.Numbers) == 0 || len(x.Sorts) < 2 {
		t.Fatalf("not all is indexed: %+v", x)
	}
	for _, d := range x.Dates {
		if d.Lo > d.Hi {
			t.Errorf("%s from %d to %d", d.Param, d.Lo, d.Hi)
		}
	}
	for _, n := range x.Numbers {
		if n.Lo > n.Hi {
			t.Errorf("%s from %s to %s", n.Param, n.Lo, n.Hi)
		}
	}
	for _, s := range x.Sorts {
		if s.Lo > s.Hi {
			t.Errorf("sort by %s from %q to %q", s.Param, s.Lo, s.Hi)
		}
	}
}
