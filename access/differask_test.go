package access

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// A throng is many resources of each of these types, most of them somebody's, with values of
// every kind that a page can be sorted by.
var throng = map[string]int{
	"Organization": 2, "Patient": 80, "Encounter": 40, "Observation": 120, "Condition": 50, "RiskAssessment": 20, "DocumentReference": 15, "List": 15, "ValueSet": 10,
	"Location": 12, "MedicationRequest": 25,
}

func short(typ string) string { return strings.ToLower(typ[:1]) }

func (c *differ) id(typ string) string { return fmt.Sprint(short(typ), c.IntN(throng[typ])) }

func (c *differ) to(typ string) string { return `{"reference":"` + typ + "/" + c.id(typ) + `"}` }

// document is a new state of a resource: with other patients, labels and values.
func (c *differ) document(typ, id string) string {
	parts := []string{`"resourceType":"` + typ + `"`, `"id":"` + id + `"`}
	maybe := func(oneIn int, text string) {
		if c.IntN(oneIn) > 0 {
			parts = append(parts, text)
		}
	}
	add := func(text string) { parts = append(parts, text) }
	if c.IntN(4) == 0 {
		add(`"meta":{"security":[{"system":"` + c.one(`http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R`, `http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V`, `http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY`, `http://hl7.org/fhir/v3/ActCode","code":"HIV`, `http://elsewhere.example","code":"R`) + `"}]}`)
	}
	switch typ {
	case "Patient":
		maybe(8, `"name":[{"family":"`+c.one("Adler", "Berg", "Berger", "Clausen", "Zoë")+`","given":["`+c.one("Anna", "Ben", "Carla")+`"]}]`)
		maybe(5, `"gender":"`+c.one("male", "female")+`"`)
		maybe(6, `"birthDate":"`+c.one("1950", "1950-06", "1950-06-15", "2001-02-03", "1980-12")+`"`)
		maybe(3, `"managingOrganization":`+c.to("Organization"))
	case "Encounter":
		add(`"status":"` + c.one("finished", "planned") + `","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"` + c.one("AMB", "IMP") + `"}`)
		maybe(12, `"subject":`+c.to("Patient"))
		maybe(5, `"period":{"start":"`+c.day()+`","end":"2027-01-01"}`)
	case "Observation":
		add(`"status":"` + c.one("final", "amended") + `","code":{"coding":[{"system":"urn:s","code":"` + c.one("a", "b", "c") + `"}]}`)
		maybe(15, `"subject":`+c.to("Patient"))
		maybe(3, `"encounter":`+c.to("Encounter"))
		maybe(4, `"effectiveDateTime":"`+c.day()+`"`)
		maybe(3, fmt.Sprintf(`"valueQuantity":{"value":%d.5,"system":"http://unitsofmeasure.org","code":"kg"}`, c.IntN(30)))
		switch c.IntN(8) {
		case 0: // perhaps a second patient's
			add(`"performer":[` + c.to("Patient") + `]`)
		case 1, 2, 3:
			add(`"performer":[{"reference":"Practitioner/doctor"}]`)
		}
		if c.IntN(8) == 0 {
			add(`"hasMember":[` + c.to("Observation") + `]`)
		}
	case "Condition":
		add(`"subject":` + c.to("Patient"))
		maybe(4, `"code":{"coding":[{"system":"urn:s","code":"`+c.one("a", "x", "y")+`"}]}`)
		maybe(4, `"onset`+c.one(`DateTime":"`+c.day()+`"`, `Period":{"start":"`+c.day()+`"}`, `String":"`+c.one("long ago", "after birth")+`"`))
		maybe(2, `"encounter":`+c.to("Encounter"))
		maybe(2, `"recorder":{"reference":"Practitioner/doctor"}`)
	case "RiskAssessment":
		add(`"status":"final","subject":` + c.to("Patient"))
		maybe(4, fmt.Sprintf(`"prediction":[{"probabilityDecimal":0.%d}]`, 1+c.IntN(9)))
	case "DocumentReference":
		add(`"status":"current","content":[{"attachment":{"url":"` + c.one("Binary/b1", "http://elsewhere.example/x") + `"}}]`)
		maybe(6, `"subject":`+c.to("Patient"))
		maybe(4, `"date":"`+c.day()+`T10:00:00Z"`)
	case "List":
		add(`"status":"current","mode":"working","entry":[{"item":` + c.to(c.one("Observation", "Patient", "Condition")) + `}]`)
		maybe(2, `"subject":`+c.to("Patient"))
	case "ValueSet":
		add(`"status":"` + c.one("active", "draft") + `"`)
		maybe(4, fmt.Sprintf(`"url":"http://codes.example/%d"`, c.IntN(30)))
	case "Organization":
		add(`"name":"` + c.one("House", "Ward") + `"`)
	}
	parts = append(parts, c.more(typ)...)
	return "{" + strings.Join(parts, ",") + "}"
}

func (c *differ) day() string {
	return fmt.Sprintf("20%d-%02d-1%d", 22+c.IntN(5), 1+c.IntN(12), c.IntN(9))
}

// criteria are what is asked of each type, without values that are drawn.
func (c *differ) criteria(typ string) []string {
	day, prefix := c.day()[:7], c.one("", "ge", "lt", "sa", "ne")
	of := func(typ string) string { return typ + "/" + c.id(typ) }
	common := []string{"_lastUpdated=" + c.one("ge", "lt") + "2026-05-04T12:0" + fmt.Sprint(c.IntN(9)), "_id=" + strings.Join([]string{c.id(typ), c.id(typ), c.id(typ), c.id(typ), c.id(typ)}, ","), "_security=" + c.one("R", "V", "PSY"), "_security:not=R"}
	return append(common, map[string][]string{
		"Organization": {"name=ho", "name:exact=Ward"},
		"Patient": {"gender=male", "gender=male,female", "gender:not=male", "gender:missing=true", "family=berg", "family=ad,cl", "name:contains=er", "given=anna", "birthdate=" + prefix + c.one("1950", "1980-12", "2000"),
			"birthdate:missing=false", "organization=" + of("Organization"), "organization.name=ward", "_has:Observation:patient:code=" + c.one("a", "b"), "_has:Observation:subject:date=ge" + day, "_has:Condition:patient:onset-date=" + prefix + day,
			"_has:Encounter:patient:status=finished", "_has:List:item:status=current"},
		"Encounter": {"status=finished", "status:not=finished", "class=AMB,IMP", "date=" + prefix + day, "date:missing=true", "patient=" + of("Patient"), "patient.gender=" + c.one("male", "female"), "subject:Patient.family=berg",
			"_has:Observation:encounter:code=a", "_has:Condition:encounter:code:missing=true", "patient.birthdate=lt1980"},
		"Observation": {"code=a", "code=urn:s|b,c", "code:not=a", "status=final", "date=" + prefix + day, "date=ge2023&date=lt2025-06", "date:missing=" + c.one("true", "false"), "patient=" + of("Patient"), "subject=" + of("Patient") + "," + of("Patient"),
			"encounter=" + of("Encounter"), "encounter:missing=true", "value-quantity=" + c.one("gt", "lt", "le") + fmt.Sprint(c.IntN(30)), "patient.gender=" + c.one("male", "female"), "patient.gender:not=male", "patient.family=berg", "subject:Patient.birthdate=lt1990",
			"encounter.status=finished", "encounter.date=ge" + day, "patient.organization=" + of("Organization"), "_has:Observation:has-member:code=b", "_has:List:item:status=current", "performer=" + of("Patient")},
		"Condition":         {"code=a,x", "code:not=y", "code:missing=true", "onset-date=" + prefix + day, "onset-info=long", "patient=" + of("Patient"), "patient.gender=female", "encounter.class=AMB", "encounter.date=lt" + day},
		"RiskAssessment":    {"probability=gt0." + fmt.Sprint(1+c.IntN(9)), "patient.gender=male", "patient=" + of("Patient"), "subject:missing=false"},
		"DocumentReference": {"status=current", "date=" + prefix + day, "patient.gender=male", "subject:missing=" + c.one("true", "false")},
		"List":              {"status=current", "item=" + of("Observation"), "item:Observation.code=a", "subject:missing=true", "patient.gender=male"},
		"ValueSet":          {"status=active", "url=http://codes.example/" + fmt.Sprint(c.IntN(30)), "url:below=http://codes.example", "url:missing=true"},
	}[typ]...)
}

// orders are the sort parameters of each type: dates, strings, tokens, numbers, quantities,
// references and URIs.
var orders = map[string][]string{
	"Organization": {"name"}, "Patient": {"family", "given", "birthdate", "gender", "organization", "x-born", "x-names"}, "Encounter": {"date", "status", "class", "patient"},
	"Observation": {"date", "date", "code", "value-quantity", "patient", "encounter", "status", "x-much", "x-about"}, "Condition": {"onset-date", "onset-info", "code", "patient"},
	"RiskAssessment": {"probability"}, "DocumentReference": {"date"}, "List": {"item", "subject"}, "ValueSet": {"url", "status"},
	"Location": {"name", "partof"}, "MedicationRequest": {"status", "medication", "subject"},
}

// query draws a question.
func (c *differ) query() (s SearchRequest, text string) {
	types := slices.Sorted(maps.Keys(throng))
	s.Type = types[c.IntN(len(types))]
	if c.IntN(3) == 0 {
		s.Type = "Observation"
	}
	var all []string
	for range []int{0, 0, 1, 1, 1, 2, 3}[c.IntN(7)] {
		list := c.criteria(s.Type)
		if forms := c.forms(s.Type); len(forms) > 0 && c.IntN(2) == 0 {
			list = forms
		}
		all = append(all, list[c.IntN(len(list))])
	}
	switch c.IntN(4) {
	case 0:
		all = append(all, "_total=accurate")
	case 1:
		all = append(all, "_summary=count")
	}
	if c.IntN(2) == 0 {
		by := []string{"_lastUpdated", "_id"}
		by = append(by, orders[s.Type]...)
		var keys []string
		for len(keys) == 0 || c.IntN(3) == 0 && len(keys) < 4 {
			keys = append(keys, c.one("", "-")+by[c.IntN(len(by))])
		}
		all = append(all, "_sort="+strings.Join(keys, ","))
	}
	if c.IntN(5) == 0 {
		all = append(all, c.includes(s.Type)...)
	}
	if c.IntN(12) == 0 && s.Type != "Patient" && fhir.CompartmentParams("Patient", s.Type) != nil {
		s.Compartment = "Patient/" + c.id("Patient")
	}
	all = append(all, fmt.Sprint("_count=", 1+c.IntN(1+c.IntN(40))))
	text = strings.Join(all, "&")
	values, err := url.ParseQuery(text)
	if err != nil || len(values) == 0 {
		c.Fatal(text, err)
	}
	s.Params = params(text)
	return s, s.Compartment + " " + s.Type + "?" + text
}
