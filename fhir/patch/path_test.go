package patch

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// pathCase is one official case of FHIRPath Patch, as fhir/fhirpath/gen writes it.
type pathCase struct {
	Name                string
	Input, Diff, Output json.RawMessage
}

func pathCases(t testing.TB) (cases []pathCase) {
	t.Helper()
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestOfficialPathCases(t *testing.T) {
	cases := pathCases(t)
	if len(cases) < 33 {
		t.Errorf("only %d cases", len(cases))
	}
	for _, c := range cases {
		got, err := patched(string(c.Input), string(c.Diff))
		if string(c.Output) == "null" {
			if err == nil {
				t.Errorf("%s: no error, but %s", c.Name, got)
			}
			continue
		}
		if err != nil || !sameJSON(got, string(c.Output)) {
			t.Errorf("%s: %v\ngot  %s\nwant %s", c.Name, err, got, c.Output)
		}
	}
}

func patched(document, patch string) (string, error) {
	p, err := ParsePath([]byte(patch))
	if err != nil {
		return "", err
	}
	got, err := p.Apply([]byte(document), new(int64))
	return string(got), err
}

// op is a patch of one operation, from the JSON of its parts without braces.
func op(parts ...string) string { return ops(strings.Join(parts, "},{")) }

func ops(operations ...string) string {
	return `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{` + strings.Join(operations, `}]},{"name":"operation","part":[{`) + `}]}]}`
}

func typed(kind string) string { return `"name":"type","valueCode":"` + kind + `"` }

func at(path string) string { return `"name":"path","valueString":"` + path + `"` }

const patient = `{ "resourceType" : "Patient",  "id":"p",
	"name":[ {"given":["A",null,"C"] ,"_given":[null,{"id":"b"},{"id":"c"}], "family" : "F"}, {"text":"\u00dc"} ],
	"_active":{"extension":[{"url":"urn:x","valueDecimal":1.50}]}, "active":true,
	"deceasedBoolean":false , "multipleBirthInteger":2,
	"extension":[{"url":"urn:y","valueDecimal":1.50e1}],
	"contact":[{"telecom":[{"value":"1"}]},{"gender":"male"}]
}`

// What an operation does not touch keeps its bytes. was and is tell how the document
// changes.
func TestPathPatchKeepsWhatItDoesNotTouch(t *testing.T) {
	for name, c := range map[string]struct{ patch, was, is string }{
		"replace":                       {op(typed("replace"), at("name[0].family"), `"name":"value","valueString":"G"`), `: "F"}`, `: "G"}`},
		"replace both sides":            {op(typed("replace"), at("active"), `"name":"value","valueBoolean":false`), "\n\t\"_active\":{\"extension\":[{\"url\":\"urn:x\",\"valueDecimal\":1.50}]}, \"active\":true", ` "active":false`},
		"replace a choice by its type":  {op(typed("replace"), at("deceased"), `"name":"value","valueDateTime":"2020"`), `"deceasedBoolean":false`, `"deceasedDateTime":"2020"`},
		"replace an item":               {op(typed("replace"), at("name[0].given[2]"), `"name":"value","valueString":"D"`), `"C"] ,"_given":[null,{"id":"b"},{"id":"c"}]`, `"D"] ,"_given":[null,{"id":"b"},null]`},
		"replace with an extension":     {op(typed("replace"), at("name[0].given[0]"), `"name":"value","valueString":"D","_valueString":{"id":"d"}`), `["A",null,"C"] ,"_given":[null,`, `["D",null,"C"] ,"_given":[{"id":"d"},`},
		"delete an item":                {op(typed("delete"), at("name[0].given[0]")), `["A",null,"C"] ,"_given":[null,`, `[null,"C"] ,"_given":[`},
		"delete what has only one side": {op(typed("delete"), at("name[0].given[1]")), `["A",null,"C"] ,"_given":[null,{"id":"b"},`, `["A","C"] ,"_given":[null,`},
		"delete what is empty without":  {op(typed("delete"), at("contact[0].telecom.value")), `{"telecom":[{"value":"1"}]},`, ``},
		"delete nothing":                {op(typed("delete"), at("photo")), "", ""},
		"delete an extension of a primitive": {op(typed("delete"), at("active.extension")),
			"\n\t\"_active\":{\"extension\":[{\"url\":\"urn:x\",\"valueDecimal\":1.50}]}, \"active\"", ` "active"`},
		"insert on both sides": {op(typed("insert"), at("name[0].given"), `"name":"index","valueInteger":1`, `"name":"value","valueString":"B"`), `["A",null,"C"] ,"_given":[null,{"id":"b"}`, `["A","B",null,"C"] ,"_given":[null,null,{"id":"b"}`},
		"insert at the end":    {op(typed("insert"), at("name"), `"name":"index","valueInteger":2`, `"name":"value","valueHumanName":{"text":"X"}`), `{"text":"\u00dc"} ]`, `{"text":"\u00dc"},{"text":"X"} ]`},
		"move on both sides":   {op(typed("move"), at("name[0].given"), `"name":"source","valueInteger":0`, `"name":"destination","valueInteger":2`), `["A",null,"C"] ,"_given":[null,{"id":"b"},{"id":"c"}]`, `[null,"C","A"] ,"_given":[{"id":"b"},{"id":"c"},null]`},
		"add to a filter":      {op(typed("add"), at("name.where(text.exists())"), `"name":"name","valueString":"use"`, `"name":"value","valueCode":"usual"`), `{"text":"\u00dc"}`, `{"text":"\u00dc","use":"usual"}`},
		"add a choice":         {op(typed("add"), at("extension[0]"), `"name":"name","valueString":"id"`, `"name":"value","valueString":"e"`), `1.50e1}`, `1.50e1,"id":"e"}`},
		"add a resource":       {op(typed("add"), at("Patient"), `"name":"name","valueString":"contained"`, `"name":"value","resource":{"resourceType":"Basic","code":{"text":"x"}}`), "\n}", ",\"contained\":[{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}]\n}"},
		"add parts": {op(typed("add"), at("Patient"), `"name":"name","valueString":"link"`, `"name":"value","part":[{"name":"other","valueReference":{"reference":"Patient/1"}},{"name":"type","valueCode":"refer"}]`),
			"\n}", ",\"link\":[{\"other\":{\"reference\":\"Patient/1\"},\"type\":\"refer\"}]\n}"},
		"each operation sees those before": {ops(strings.Join([]string{typed("delete"), at("name[0]")}, "},{"), strings.Join([]string{typed("replace"), at("name[0].text"), `"name":"value","valueString":"U"`}, "},{")),
			` {"given":["A",null,"C"] ,"_given":[null,{"id":"b"},{"id":"c"}], "family" : "F"}, {"text":"\u00dc"} ]`, ` {"text":"U"} ]`},
	} {
		got, err := patched(patient, c.patch)
		if want := strings.Replace(patient, c.was, c.is, 1); err != nil || got != want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", name, err, got, want)
		}
	}
}

const costly = "descendants().select(%resource.descendants().select(%resource.descendants().select(%resource.descendants())))"

// What cannot be done is refused with the number of the operation, its path and a reason,
// and nothing of the document.
func TestPathPatchesSayWhatIsWrong(t *testing.T) {
	value := `"name":"value","valueString":"x"`
	for name, c := range map[string]struct{ patch, path, says string }{
		"no Parameters":                    {`{"resourceType":"Basic","code":{"text":"x"}}`, "", "Parameters resource"},
		"not valid":                        {`{"resourceType":"Parameters","x":1}`, "Parameters.x", "not valid FHIR R4"},
		"another parameter":                {`{"resourceType":"Parameters","parameter":[{"name":"x","valueString":"y"}]}`, "", "Operation 1 of the patch: the parameter is not named operation"},
		"no type":                          {op(at("name")), "", "its part type must be the code"},
		"an unknown type":                  {op(typed("frob"), at("name")), "", "its part type must be the code"},
		"no path":                          {op(typed("delete")), "", "its part path is missing"},
		"a part twice":                     {op(typed("delete"), at("name"), at("name")), "", "it has a part twice"},
		"no value":                         {op(typed("replace"), at("name")), "", "its part value is missing"},
		"an empty value":                   {op(typed("replace"), at("name"), `"name":"value"`), "", "either a value[x], a resource or parts"},
		"no name":                          {op(typed("add"), at("Patient"), value), "", "its part name is missing"},
		"an index below zero":              {op(typed("insert"), at("name"), value, `"name":"index","valueInteger":-1`), "", "integer from 0"},
		"an index beyond the end":          {op(typed("insert"), at("name"), `"name":"value","valueHumanName":{"text":"x"}`, `"name":"index","valueInteger":3`), "name", "there are 2 items"},
		"a source beyond the end":          {op(typed("move"), at("name"), `"name":"source","valueInteger":2`, `"name":"destination","valueInteger":0`), "name", "there are 2 items"},
		"a path that cannot be read":       {op(typed("delete"), at("name.")), "name.", "a name or value is missing"},
		"a path that cannot be followed":   {op(typed("delete"), at("name.single()")), "name.single()", "single() finds 2 items"},
		"a path to nothing":                {op(typed("replace"), at("photo"), value), "photo", "selects nothing"},
		"a path to several":                {op(typed("delete"), at("name")), "name", "selects 2 elements instead of one"},
		"a path to a value":                {op(typed("delete"), at("name.count()")), "name.count()", "no element of the resource"},
		"the whole resource":               {op(typed("delete"), at("Patient")), "Patient", "use PUT or DELETE"},
		"several lists":                    {op(typed("insert"), at("name | contact"), value, `"name":"index","valueInteger":0`), "name | contact", "several lists"},
		"no list":                          {op(typed("insert"), at("active"), value, `"name":"index","valueInteger":0`), "active", "no element that repeats"},
		"an element that R4 does not know": {op(typed("add"), at("Patient"), value, `"name":"name","valueString":"nickname"`), "Patient", "has no element with the name"},
		"what is there already":            {op(typed("add"), at("name[0]"), value, `"name":"name","valueString":"family"`), "name[0]", "there already"},
		"what is there as another type":    {op(typed("add"), at("Patient"), value, `"name":"name","valueString":"deceased"`), "Patient", "there already"},
		"a child of a primitive":           {op(typed("add"), at("name[0].family"), value, `"name":"name","valueString":"id"`), "name[0].family", "selects a primitive"},
		"another type":                     {op(typed("add"), at("Patient"), value, `"name":"name","valueString":"contact"`), "Patient", "has the type Patient.contact, not string"},
		"another type of a choice":         {op(typed("replace"), at("deceased"), value), "deceased", "no value of the type string"},
		"parts of a type with a name":      {op(typed("replace"), at("name[0].family"), `"name":"value","part":[{"name":"x","valueString":"y"}]`), "name[0].family", "send its value as value[x]"},
		"parts that R4 does not know":      {op(typed("add"), at("Patient"), `"name":"name","valueString":"contact"`, `"name":"value","part":[{"name":"x","valueString":"y"}]`), "Patient", "no element with the name of a part"},
		"parts twice":                      {op(typed("add"), at("Patient"), `"name":"name","valueString":"contact"`, `"name":"value","part":[{"name":"gender","valueCode":"male"},{"name":"gender","valueCode":"male"}]`), "Patient", "given twice"},
		"a costly path":                    {op(typed("delete"), at(costly)), costly, "more than"},
	} {
		got, err := patched(patient, c.patch)
		var f *fhir.Error
		if !errors.As(err, &f) {
			t.Errorf("%s: %v %s", name, err, got)
			continue
		}
		place := f.Expression
		if len(f.Issues) > 0 {
			place = f.Issues[0].Expression
		}
		if !strings.Contains(f.Error(), c.says) || place != c.path {
			t.Errorf("%s: %v at %q does not say %q at %q", name, f, f.Expression, c.says, c.path)
		}
	}
}

func TestOperationsOfAPathPatchAreBounded(t *testing.T) {
	one := typed("delete") + "},{" + at("photo")
	many := make([]string, mostPathOperations+1)
	for i := range many {
		many[i] = one
	}
	if _, err := patched(patient, ops(many...)); err == nil || !strings.Contains(err.Error(), "at most 1000 operations") {
		t.Errorf("%d operations: %v", len(many), err)
	}
	if got, err := patched(patient, ops(many[1:]...)); err != nil || got != patient {
		t.Errorf("%d operations: %v", len(many)-1, err)
	}
	long := strings.Replace(patient, `"F"`, `"`+strings.Repeat("x", 200_000)+`"`, 1)
	if _, err := patched(long, ops(many[1:]...)); err == nil || !strings.Contains(err.Error(), "100 MB") {
		t.Errorf("a long document: %v", err)
	}
}

// FuzzPathPatch applies what nobody expects to resources that are stored. Nothing may
// panic, and what comes out is JSON.
func FuzzPathPatch(f *testing.F) {
	for _, c := range pathCases(f) {
		f.Add(string(c.Input), string(c.Diff))
	}
	f.Add(patient, op(typed("delete"), at("name[0].given[1]")))
	f.Add(patient, op(typed("move"), at("name[0].given"), `"name":"source","valueInteger":0`, `"name":"destination","valueInteger":2`))
	f.Add(patient, op(typed("replace"), at("deceased"), `"name":"value","valueDateTime":"2020"`))
	f.Fuzz(func(t *testing.T, document, patch string) {
		if _, err := fhir.Parse([]byte(document)); err != nil {
			return
		}
		fhirtest.Linear.Check(t, len(document)+len(patch), func() {
			if got, err := patched(document, patch); err == nil && !json.Valid([]byte(got)) {
				t.Errorf("the result is no JSON: %s", got)
			}
		})
	})
}

// What it costs to add to a list grows with the list, not with its square.
func TestAddingToLongListsIsLinear(t *testing.T) {
	document := `{"resourceType":"Patient","id":"p","name":[{"given":["a"` + strings.Repeat(`,"a"`, 40_000) + `]}]}`
	add := op(typed("add"), at("Patient.name[0]"), `"name":"name","valueString":"given"`, `"name":"value","valueString":"b"`)
	fhirtest.Linear.Check(t, len(document), func() {
		if got, err := patched(document, add); err != nil || !strings.HasSuffix(got, `"a","b"]}]}`) {
			t.Errorf("%v", err)
		}
	})
}

// What was stored before it was checked, and what fails here, is refused as well.
func TestRefusalsOfOddDocuments(t *testing.T) {
	p, err := ParsePath([]byte(`{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"add"},{"name":"path","valueString":"Patient"},{"name":"name","valueString":"name"},{"name":"value","valueHumanName":{"text":"x"}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var spent int64
	_, odd := p.Apply([]byte(`{"resourceType":"Patient","name":{"text":"x"}}`), &spent)
	for sentence, err := range map[string]error{
		"Operation 1 of the patch: " + "the resource has no array where R4 has one.": odd,
		"The patch cannot be applied.": placed(errors.New("broken"), ""),
	} {
		var refusal *fhir.Error
		if !errors.As(err, &refusal) || refusal.Detail != sentence {
			t.Errorf("%v; want %s", err, sentence)
		}
	}
}
