package fhirpath

import (
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// document has what the official cases do not have: extensions of repeating primitives,
// contained resources, numbers as they were written.
const document = `{"resourceType":"Observation","id":"o","contained":[
	{"resourceType":"Patient","id":"p","name":[{"given":["A",null,"C"],"_given":[null,{"id":"b","extension":[{"url":"urn:b","valueDecimal":1.50}]},{"id":"c"}]}],"managingOrganization":{"reference":"#"}}],
	"status":"final","_status":{"id":"s"},"code":{"coding":[{"system":"urn:s","code":"c"}]},"subject":{"reference":"#p"},
	"effectiveDateTime":"2024-02-29T10:00:00.120+01:00","valueQuantity":{"value":1.50,"system":"http://unitsofmeasure.org","code":"g"},
	"component":[{"code":{"text":"a"},"valueQuantity":{"value":10,"comparator":"<","code":"g","system":"http://unitsofmeasure.org"}},{"code":{"text":"b"},"valueInteger":7}]}`

// Each expression is true of the document.
var truthsOfDocument = []string{
	"contained.name.given.count() = 3",
	"contained.name.given.hasValue() = false and contained.name.given.select(hasValue()) = (true).combine(false).combine(true)",
	"contained.name.given[1].extension('urn:b').value = 1.5",
	"contained.name.given[1].extension('urn:b').value.toString() = '1.50'",
	"contained.name.given.id = ('b' | 'c')",
	"contained.name.given[2].id = 'c' and contained.name.given[2] = 'C'",
	"status.id = 's' and status = 'final'",
	"subject.resolve().name.exists()",
	"subject.resolve() is Patient",
	"contained.managingOrganization.resolve().status = 'final'",
	"contained.name.select(%rootResource.status = 'final').allTrue()",
	"value = 1500 'mg'",
	"value.value.toString() = '1.50'",
	"value > 1 'g' and value < 1 'kg'",
	"(value < 1 'm').empty()",
	"(value = 1 'm').empty()",
	"effective.toString() = '2024-02-29T10:00:00.120+01:00'",
	"effective + 1 year = @2025-02-28T10:00:00.120+01:00",
	"component.value.ofType(Quantity).count() = 1",
	"(component[0].value = 10 'g') = false",
	"component.value.ofType(integer) + 1 = 8",
	"component.code.text.defineVariable('t').select(%t.count() = 2).allTrue()",
	"(1 | 2).defineVariable('x', 3).select(%x + $this) = (4 | 5)",
	"@2024-01-31 + 1 month = @2024-02-29",
	"@2024-03-31 - 1 month = @2024-02-29",
	"@2024 + 25 months = @2026",
	"@T23:30 + 45 minutes = @T00:15",
	"@2024-01-01T00:00:00.000Z - 1 millisecond = @2023-12-31T23:59:59.999Z",
	"37 'Cel' = 310.15 'K'",
	"(98.6 '[degF]') ~ 37 'Cel'",
	"1 'm' + 1 'cm' = 101 'cm'",
	"1 year = 12 months",
	"(1 year = 1 'a').empty() and 1 year ~ 1 'a'",
	"2 'g' / (4 'm.s') = 0.5 'g/m/s'",
	"1.5 'h'.toQuantity('min') = 90 'min'",
	"Observation.component.where(code.text = 'b').value = 7",
	"%resource.id = 'o' and %context.id = 'o'",
	"iif(true, 1, 1/0) = 1",
	"'a-1 b-2'.replaceMatches('([a-z])-([0-9])', '$2$1') = '1a 2b'",
	"10.log(10) = 1 and 2.0.ln().exp().round(15) = 2.0 and 2.power(-1) = 0.5 and 2.0.sqrt().round(10) = 1.4142135624",
	"1 / 3 * 3 ~ 1.0",
	"(5.5).truncate() = 5 and (-5.5).floor() = -6 and (-5.5).ceiling() = -5 and 2.5.round() = 3",
	"'{}'.escape('json') = '{}'",
	"descendants().where($this is Coding).code = 'c'",
	"coalesce({}, 2, 3) = 2",
	"'2024-02-30'.convertsToDate().not() and '2024-13'.convertsToDate().not() and '24:00'.convertsToTime().not()",
	"contained.first().conformsTo('http://hl7.org/fhir/StructureDefinition/DomainResource')",
	"hasTemplateIdOf('urn:x').not()",
	"component.value.as(integer) = 7 and (component.value as integer) = 7",
	"descendants().as(code).count() = 5",
}

func openDocument(t testing.TB) Node {
	t.Helper()
	tape, err := fhir.ReadTape([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return Root(tape)
}

func isTrue(c Collection) bool {
	if len(c) != 1 {
		return false
	}
	b, ok := c[0].Bool()
	return b && ok
}

func TestExpressionsThatHold(t *testing.T) {
	root := openDocument(t)
	for _, text := range truthsOfDocument {
		e, err := Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := e.Evaluate(nil, root); err != nil || !isTrue(got) {
			t.Errorf("%s: %v %v", text, texts(got), err)
		}
	}
}

// What is wrong is told with what and where, and never with a value of the document.
func TestErrorsSayWhat(t *testing.T) {
	root := openDocument(t)
	for text, says := range map[string]string{
		"":                                  "a name or value is missing (character 1)",
		"status = ":                         "a name or value is missing (character 10)",
		"status $ 1":                        "something follows",
		"status.frobnicate()":               "there is no function frobnicate() (character 8)",
		"status.where()":                    "where() takes one argument, not 0",
		"status.where(true, false)":         "where() takes one argument, not 2",
		"status is Paitent":                 "there is no type Paitent",
		"'abc":                              "a quote does not end (character 1)",
		`'\q'`:                              "an escape is none of",
		"@2024-02-30":                       "a date or time is none that exists",
		"99999999999":                       "larger than 2147483647",
		"%nobody":                           "there is no variable %nobody",
		"component.single()":                "single() finds 2 items",
		"component.value.memberOf('urn:v')": "memberOf() is applied to 2 items",
		"status.memberOf('urn:v')":          "there is none here",
		"'a'.matches('(')":                  "a regular expression cannot be read",
		"'a'.matches('(?=a)')":              "takes more than linear time",
		"status + 1":                        "cannot be added",
		"status < 1":                        "no common order",
		"-status":                           "no number",
	} {
		e, err := Compile(text)
		if err == nil {
			_, err = e.Evaluate(nil, root)
		}
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "final") {
			t.Errorf("%q: %v does not say %q", text, err, says)
		}
	}
}

// world answers what expressions ask beside the document.
type world struct{ asked []string }

func (w *world) Resolve(from Node, reference string) (Node, bool) {
	w.asked = append(w.asked, "resolve "+reference)
	return from, reference == "Patient/1"
}

func (w *world) MemberOf(codings []Coding, valueSet string) (bool, error) {
	w.asked = append(w.asked, "member "+codings[0].System+"|"+codings[0].Code+" "+valueSet)
	return true, nil
}

func (w *world) Subsumes(a, b Coding) (bool, error) {
	w.asked = append(w.asked, "subsumes "+a.Code+" "+b.Code)
	return a.Code == b.Code, nil
}

func (w *world) ConformsTo(_ Node, profile string) (conforms, known bool, err error) {
	return true, profile == "urn:profile", nil
}

func TestEnvironmentAnswers(t *testing.T) {
	root := openDocument(t)
	w := &world{}
	var traced []string
	env := &Env{
		Now: time.Date(2024, 2, 29, 1, 2, 3, 4e6, time.UTC), Resolver: w, Terminology: w, Profiles: w,
		Variables: map[string]Collection{"mine": {str("x")}},
		Trace:     func(name string, values Collection) { traced = append(traced, name+" "+values[0].Place()) },
	}
	for _, text := range []string{
		"now() = @2024-02-29T01:02:03.004Z and today() = @2024-02-29 and timeOfDay() = @T01:02:03.004",
		"%mine = 'x'", "'Patient/1'.resolve().exists() and 'Patient/2'.resolve().empty()",
		"code.memberOf('urn:v')", "code.coding.memberOf('urn:v')", "code.subsumes(code.coding) and code.coding.subsumedBy(code)",
		"conformsTo('urn:profile')", "component[1].value.trace('t').exists()",
	} {
		e, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Evaluate(env, root); err != nil || !isTrue(got) {
			t.Errorf("%s: %v %v", text, texts(got), err)
		}
	}
	if got := strings.Join(w.asked, ", "); got != "resolve Patient/1, resolve Patient/2, member urn:s|c urn:v, member urn:s|c urn:v, subsumes c c, subsumes c c" {
		t.Error(got)
	}
	if got := strings.Join(traced, ""); got != "t Observation.component[1].value" {
		t.Error(got)
	}
}

// What an expression selects has its type and its place: an index of a search parameter
// of one's own needs nothing else.
func TestSelectedNodesHaveTypeAndPlace(t *testing.T) {
	root := openDocument(t)
	var got []string
	for _, text := range []string{"contained.name.given", "component.value", "code.coding.code", "component[0]", "1 'g'"} {
		e, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		found, err := e.Evaluate(nil, root)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range found {
			got = append(got, strings.TrimSpace(v.Type()+" "+v.Place()))
		}
	}
	want := "string Observation.contained[0].name[0].given[0], string Observation.contained[0].name[0].given[1], string Observation.contained[0].name[0].given[2], " +
		"Quantity Observation.component[0].value, integer Observation.component[1].value, code Observation.code.coding[0].code, BackboneElement Observation.component[0], System.Quantity"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func TestCacheCompilesOnce(t *testing.T) {
	var c Cache
	a, err := c.Compile("name.given")
	b, _ := c.Compile("name.given")
	if err != nil || a != b {
		t.Errorf("%p %p %v", a, b, err)
	}
	if _, err := c.Compile("name."); err == nil {
		t.Error("no error")
	}
	for i := range mostKnown + 1 {
		if _, err := c.Compile(strings.Repeat(" ", i%MaxDepth) + "a" + strings.Repeat("b", i/MaxDepth)); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.known) > mostKnown {
		t.Errorf("%d expressions are kept", len(c.known))
	}
}

func TestCheckRefusesWhatNoTypeHas(t *testing.T) {
	for _, c := range []struct {
		text, says string
		of         []string
	}{
		{"Patient.name | Person.name", "", []string{"Patient", "Person"}},
		{"Patient.name | Person.name", "no element Person", []string{"Patient"}},
		{"name.where(given.exists() and use2 = 'x')", "HumanName has no element use2", []string{"Patient"}},
		{"contact.name.family", "", []string{"Patient"}},
		{"contained.anything.at.all", "", []string{"Patient"}},
		{"subject.resolve().anything", "", []string{"Observation"}},
		{"value.ofType(Quantity).code", "", []string{"Observation"}},
		{"value.ofType(Quantity).given", "no element given", []string{"Observation"}},
		{"descendants().first()", "no order", []string{"Patient"}},
		{"children()[0]", "no order", []string{"Patient"}},
		{"iif(active, 1, 2)", "", []string{"Patient"}},
		{"iif(gender, 1, 2)", "no boolean", []string{"Patient"}},
		{"a", "there is no type Paitent", []string{"Paitent"}},
	} {
		e, err := Compile(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Check(c.of...); (c.says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s of %v: %v does not say %q", c.text, c.of, err, c.says)
		}
	}
}
