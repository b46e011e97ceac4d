package search

import (
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
)

func filtered(typ, text string) (Condition, error) {
	o := testOptions
	o.Codes = alphabet{}
	q, err := ParseQuery(typ, []fhir.Param{{Name: "_filter", Value: text}}, o)
	if err != nil {
		return nil, err
	}
	return q.Where, nil
}

func TestFiltersCompile(t *testing.T) {
	for _, c := range []struct{ typ, text, want string }{
		{"Patient", `name co "pet"`, "(name*pet*)"},
		{"Patient", `given eq "Peter" and birthdate ge 2014-10-10`, "(given^peter & birthdate ge[2014-10-10T00:00:00.000Z 2014-10-10T23:59:59.999Z])"},
		{"Observation", "code eq http://loinc.org|1234-5", "(code=http://loinc.org|1234-5)"},
		{"Observation", "code eq loinc|1234-5", "(code=http://loinc.org|1234-5)"},
		{"Observation", "subject.name co pet", "((subject->[Patient Location]name*pet* | subject.Patient.name*pet* | subject.Location.name*pet*))"},
		{"Observation", "patient.name sw pet", "((patient->[Patient]name^pet... | patient.Patient.name^pet...))"},
		{"Observation", "patient[gender eq male and active eq true].name sw pet", "((patient->[Patient](gender=male & active=true & name^pet...) | (patient.Patient> & (patient.Patient.gender=male & patient.Patient.active=true & patient.Patient.name^pet...))))"},
		{"Encounter", "patient.general-practitioner[name sw a].name sw b", "((patient->[Patient](general-practitioner->[Practitioner Organization](name^a... & name^b...) | " +
			"(general-practitioner.Practitioner> & (general-practitioner.Practitioner.name^a... & general-practitioner.Practitioner.name^b...)) | " +
			"(general-practitioner.Organization> & (general-practitioner.Organization.name^a... & general-practitioner.Organization.name^b...))) | " +
			"(patient.Patient> & patient.Patient.general-practitioner->[Practitioner Organization](name^a... & name^b...))))"},
		{"Observation", "subject re Patient/1", "(subject>Patient/1)"},
		{"Observation", "code-value-quantity eq loinc$gt5", "(code-value-quantity|loinc$| gt[5 5])"},
		{"Patient", "a eq b", ""},
		{"Patient", "gender eq a and gender eq b or gender eq c", "(((gender=a & gender=b) | gender=c))"},
		{"Patient", "gender eq a or gender eq b and gender eq c", "((gender=a | gender=b) & gender=c)"},
		{"Patient", "gender eq a or (gender eq b and gender eq c)", "((gender=a | (gender=b & gender=c)))"},
		{"Patient", "not(gender eq a)", "(!gender=a)"},
		{"Patient", "not ( gender eq a or ((gender eq b)) )", "(!(gender=a | gender=b))"},
		{"Patient", "gender pr true", "(gender?)"},
		{"Patient", "gender pr false", "(!gender?)"},
		{"Patient", "gender ne male", "(gender? & !gender=male)"},
		{"Patient", `family ew "son"`, "(family*son*)"},
		{"Patient", `family eq "a \"b\", (c)"`, `(family^a "b", (c))`},
		{"Patient", "address-city eq X", "(address-city^x)"},
		{"Observation", "code in urn:2", "((code=urn:a|0 | code=urn:a|1))"},
		{"Observation", "code ni urn:1", "(!code=urn:a|0)"},
		{"Observation", "code ss urn:a|x", "((code=urn:a|x | code=urn:a|xb))"},
		{"Observation", "code sb urn:a|x", "(code=urn:a|x)"},
		{"Observation", "date po 2024", "(date ap[2024-01-01T00:00:00.000Z 2024-12-31T23:59:59.999Z])"},
		{"Observation", "combo-code eq 1", "((code=1 | component-code=1))"},
		{"ValueSet", "url eq http://x/y", "(url>http://x/y)"},
	} {
		got, err := filtered(c.typ, c.text)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: %s", c.text, spell(got))
			}
			continue
		}
		if err != nil || spellNumbers(spell(got)) != c.want {
			t.Errorf("%s: %v %v, want %s", c.text, got, err, c.want)
			if err == nil {
				t.Log(spell(got))
			}
		}
	}
}

// spellNumbers lets a number in its encoding read as in the tests above.
func spellNumbers(text string) string {
	var d decimal
	d.parse([]byte("5"))
	return strings.ReplaceAll(text, d.encode(exact), "5")
}

func TestMalformedFiltersAreRefused(t *testing.T) {
	for text, at := range map[string]string{
		"":                                     "character 1",
		"gender":                               "character 7",
		"gender eq":                            "character 10",
		"gender eq ":                           "character 11",
		"gender is male":                       "character 8",
		"gender eq male gender":                "character 16",
		"gender eq male and":                   "character 19",
		"(gender eq male":                      "character 16",
		"gender eq male)":                      "character 15",
		`name co "x`:                           "character 11",
		`name co "\x"`:                         "character 9",
		"ä eq 1":                               "character 1",
		"general-practitioner[name":            "character 26",
		"general-practitioner[name eq x] eq y": "character 32",
		"gender:not eq male":                   "character 7",
		"gender co male":                       "kind token",
		"name in urn:1":                        "kind string",
		"general-practitioner gt 1":            "kind reference",
		"birthdate ss 2000":                    "kind date",
		"gender pr maybe":                      "true or false",
		"gender.name eq x":                     "reference parameter",
		"nonsense eq x":                        "not known",
		"birthdate eq never":                   "A date is",
		`name eq ""`:                           "blank",
		`name co " "`:                          "blank",
		strings.Repeat("(", 21) + "gender eq a" + strings.Repeat(")", 21): "20 deep",
		"gender eq a" + strings.Repeat(" or gender eq a", 500):            "500 comparisons",
		strings.Repeat("link.", 9) + "gender eq a":                        "8 references",
	} {
		_, err := filtered("Patient", text)
		e, ok := err.(*fhir.Error)
		if !ok || e.Kind != fhir.Invalid || e.Expression != "_filter" || !strings.Contains(e.Detail, at) {
			t.Errorf("%.60s: %v, want %s", text, err, at)
		}
	}
	for _, text := range []string{
		strings.Repeat("(", 20) + "gender eq a" + strings.Repeat(")", 20), "gender eq a" + strings.Repeat(" or gender eq a", 499), strings.Repeat("link.", 8) + "gender eq a",
	} {
		if _, err := filtered("Patient", text); err != nil {
			t.Errorf("%.60s: %v", text, err)
		}
	}
	if _, err := filtered("Task", strings.Repeat("subject.", 5)+"nonsense eq x"); kindOf(err) != fhir.TooCostly {
		t.Errorf("a path over all types: %v", err)
	}
	f := &filterParser{queryParser: &queryParser{q: &Query{}}}
	if _, _, err := f.targets(slices.Repeat([]scope{{"Observation", nil}}, 251), "subject"); kindOf(err) != fhir.TooCostly {
		t.Errorf("1004 types: %v", err)
	}
	if _, _, err := f.targets(slices.Repeat([]scope{{"Observation", nil}}, 250), "subject"); err != nil {
		t.Error(err)
	}
	if _, err := ParseQuery("AuditEvent", []fhir.Param{{Name: "_filter", Value: "action eq C"}}, QueryOptions{Alone: true}); kindOf(err) != fhir.Invalid {
		t.Errorf("a filter of AuditEvents: %v", err)
	}
}

func TestFiltersMatch(t *testing.T) {
	person := func(id, rest string) string { return `{"resourceType":"Patient","id":"` + id + `",` + rest + `}` }
	all := held(t,
		person("a", `"name":[{"family":"Peterson","given":["Anna","Zoé"]}],"gender":"female","birthDate":"1970-05"`),
		person("b", `"name":[{"family":"Ander","given":["Peter"]}],"gender":"male","birthDate":"1980-01-02"`),
		person("c", `"active":true`),
	)
	for text, want := range map[string]string{
		"name co PETER": "a b", "name sw peter": "a b", "family sw peter": "a", "family ew son": "a", "given ew zoe": "a", "family eq peter": "", "given eq peter": "b", "given ne anna": "a b",
		"family ne ander": "a", "family lt b": "b", "family le ander": "b", "family gt ander": "a", "family ge ander": "a b", "gender ne male": "a", "gender pr false": "c",
		"not(gender eq male)": "a c", "birthdate lt 1975": "a", "birthdate co 1970-05-17": "a", "birthdate co 1970": "", "birthdate po 1970": "a", "birthdate po 1980-01": "b", "birthdate eq 1980": "b",
		"gender eq male or gender eq female and birthdate gt 1975": "b", "gender eq male or (gender eq female and birthdate lt 1975)": "a b",
		"_id eq c": "c", "_id eq a or _id eq b": "a b",
	} {
		where, err := filtered("Patient", text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for _, h := range all {
			if Match(where, h, all) {
				got = append(got, h.Ref.ID)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", text, got, want)
		}
	}
}

// The filter in brackets and the rest of the path hold for the same resource.
func TestFiltersCorrelateWhatAReferenceLeadsTo(t *testing.T) {
	doctor := func(id, family, gender string) string {
		return `{"resourceType":"Practitioner","id":"` + id + `","gender":"` + gender + `","name":[{"family":"` + family + `"}]}`
	}
	patient := func(id string, doctors ...string) string {
		var refs []string
		for _, d := range doctors {
			refs = append(refs, `{"reference":"Practitioner/`+d+`"}`)
		}
		return `{"resourceType":"Patient","id":"` + id + `","generalPractitioner":[` + strings.Join(refs, ",") + `]}`
	}
	all := held(t, doctor("1", "Ab", "male"), doctor("2", "Cd", "female"), patient("x", "1", "2"), patient("y", "2"))
	for text, want := range map[string]string{
		"general-practitioner[gender eq male].family sw c": "", "general-practitioner[gender eq female].family sw c": "x y",
		"general-practitioner.gender eq male and general-practitioner.family sw c": "x", "not(general-practitioner.family sw a)": "y",
	} {
		where, err := filtered("Patient", text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for _, h := range all {
			if h.Ref.Type == "Patient" && Match(where, h, all) {
				got = append(got, h.Ref.ID)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", text, got, want)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, text := range []string{
		`name co "pet" and not(gender eq male)`, "general-practitioner[name eq x].name sw \"a\\u0041\"", "((birthdate po 2020-01-01T10:00:00Z) or link.link.gender pr true)", "_id eq a]", "gender in urn:3",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fhirtest.Linear.Check(t, len(text), func() {
			if where, err := filtered("Patient", text); err == nil {
				_ = spell(where)
			} else if kindOf(err) != fhir.Invalid && kindOf(err) != fhir.TooCostly && kindOf(err) != fhir.TooLarge {
				t.Errorf("%q: %v", text, err)
			}
		})
	})
}
