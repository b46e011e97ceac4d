package access

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// fixed are resources that no change touches: what the codes of the throng mean, and
// medications.
var fixed = []string{
	`{"resourceType":"CodeSystem","id":"letters","url":"urn:s","status":"active","content":"complete","hierarchyMeaning":"is-a","concept":[{"code":"a","concept":[{"code":"b","concept":[{"code":"c"}]},{"code":"x"}]},{"code":"y"}]}`,
	`{"resourceType":"CodeSystem","id":"hidden","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}]},"url":"urn:hidden","status":"active","content":"complete","concept":[{"code":"a"}]}`,
	`{"resourceType":"ValueSet","id":"enum","url":"urn:set:enum","status":"active","compose":{"include":[{"system":"urn:s","concept":[{"code":"a"},{"code":"x"}]}]}}`,
	`{"resourceType":"ValueSet","id":"isa","url":"urn:set:isa","status":"active","compose":{"include":[{"system":"urn:s","filter":[{"property":"concept","op":"is-a","value":"b"}]}]}}`,
	`{"resourceType":"ValueSet","id":"closed","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}]},"url":"urn:set:closed","status":"active","compose":{"include":[{"system":"urn:s","concept":[{"code":"a"}]}]}}`,
	`{"resourceType":"Medication","id":"meda","code":{"coding":[{"system":"urn:s","code":"a"}]}}`,
	`{"resourceType":"Medication","id":"medb","code":{"coding":[{"system":"urn:s","code":"b"}],"text":"bitter pills"}}`,
}

// ownParameters are search parameters of the server's own: some are like R4's, others FHIRPath.
var ownParameters = []string{
	`{"resourceType":"SearchParameter","id":"born","url":"urn:born","name":"n","description":"d","status":"active","code":"x-born","base":["Patient"],"type":"date","expression":"Patient.birthDate.where(true)"}`,
	`{"resourceType":"SearchParameter","id":"names","url":"urn:names","name":"n","description":"d","status":"active","code":"x-names","base":["Patient"],"type":"number","expression":"Patient.name.given.count()"}`,
	`{"resourceType":"SearchParameter","id":"about","url":"urn:about","name":"n","description":"d","status":"active","code":"x-about","base":["Observation","Condition"],"type":"reference","target":["Patient"],"expression":"Observation.subject | Condition.subject"}`,
	`{"resourceType":"SearchParameter","id":"code","url":"urn:code","name":"n","description":"d","status":"active","code":"x-code","base":["Observation"],"type":"token","expression":"Observation.code.where(coding.exists())"}`,
	`{"resourceType":"SearchParameter","id":"much","url":"urn:much","name":"n","description":"d","status":"active","code":"x-much","base":["Observation"],"type":"quantity","expression":"Observation.value.ofType(Quantity)"}`,
}

// indexing gives a store that tests watch what it has for custom parameters.
type indexing struct {
	store.Store
	store.Indexer
}

// define stores search parameters over the resources that are there, and makes their keys.
func (c *differ) define() {
	c.Helper()
	c.write(ownParameters...)
	c.relabel(labelRules[0])
	for more, err := true, error(nil); more; {
		if more, err = c.Gate.Rekey(c.Context()); err != nil {
			c.Fatal(err)
		}
	}
	for _, one := range c.Gate.Indexed() {
		if one.State != "ready" {
			c.Fatalf("%+v", one)
		}
	}
	for _, ref := range c.refs {
		c.learn(ref)
	}
}

// indexOf is what a document can be found by.
func (c *differ) indexOf(body []byte) *search.Index {
	c.Helper()
	index, _, err := c.Gate.Customs(c.Context()).Describe(c.parse(string(body)), base)
	if err != nil {
		c.Fatal(err)
	}
	return index
}

// more are elements that forms of search need.
func (c *differ) more(typ string) (parts []string) {
	maybe := func(oneIn int, text string) {
		if c.IntN(oneIn) == 0 {
			parts = append(parts, text)
		}
	}
	words := c.one("Fell off a <b>bicycle</b>", "Slept well", "A bicycle, red") + " " + c.one("today", "twice", "in Köln")
	if slices.Contains([]string{"Observation", "Condition", "Encounter", "Patient"}, typ) {
		maybe(3, `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">`+words+`</div>"}`)
	}
	identifier := fmt.Sprintf(`{"type":{"coding":[{"system":"urn:t","code":"%s"}]},"system":"urn:i","value":"%d"}`, c.one("MR", "PI"), c.IntN(12))
	switch typ {
	case "Observation":
		maybe(2, `"identifier":[`+identifier+`]`)
		maybe(2, fmt.Sprintf(`"component":[{"code":{"coding":[{"system":"urn:s","code":"%s"}]},"valueQuantity":{"value":%d,"system":"http://unitsofmeasure.org","code":"g"}},{"code":{"coding":[{"system":"urn:s","code":"%s"}]},"valueCodeableConcept":{"coding":[{"system":"urn:s","code":"y"}]}}]`,
			c.one("a", "b"), 1000*c.IntN(30), c.one("a", "b")))
		maybe(4, `"note":[{"text":"`+c.one("likes her bicycle", "sleeps")+`"}]`)
	case "Condition":
		maybe(2, `"asserter":{"identifier":`+identifier+`}`)
		maybe(4, `"note":[{"text":"`+c.one("likes her bicycle", "sleeps")+`"}]`)
	case "Patient":
		maybe(2, `"identifier":[`+identifier+`]`)
		maybe(4, `"link":[{"other":`+c.to("Patient")+`,"type":"seealso"}]`)
	case "Location":
		parts = append(parts, `"name":"`+c.one("Ward", "Door")+`"`)
		maybe(1, fmt.Sprintf(`"position":{"longitude":%s,"latitude":%s}`, c.one("13.40", "13.41", "13.6", "179.99", "-179.99"), c.one("52.52", "52.53", "52.6", "-17.7")))
		maybe(2, `"partOf":`+c.to("Location"))
	case "MedicationRequest":
		parts = append(parts, `"status":"active","intent":"order","subject":`+c.to("Patient"))
		if c.IntN(2) == 0 {
			parts = append(parts, `"contained":[{"resourceType":"Medication","id":"m","status":"`+c.one("active", "inactive")+`","code":{"coding":[{"system":"urn:s","code":"`+c.one("a", "b")+`"}],"text":"bitter drops"}}],"medicationReference":{"reference":"#m"}`)
		} else {
			parts = append(parts, `"medicationReference":{"reference":"Medication/med`+c.one("a", "b")+`"}`)
		}
	}
	return parts
}

// forms are more criteria of each type: what R4 has besides plain values.
func (c *differ) forms(typ string) []string {
	day := c.day()[:7]
	set := c.one("enum", "enum", "isa", "isa", "closed", "none")
	code := "urn:s|" + c.one("a", "b", "c", "x", "y")
	coded := func(param string) []string {
		return []string{param + ":in=urn:set:" + set, param + ":not-in=urn:set:" + set, param + ":below=" + code, param + ":above=" + code, param + ":below=urn:hidden|a", param + ":in=ValueSet/" + set}
	}
	words := c.one("bicycle", "slept", "bicycle today", "red", "koln", "tw", "sleeps")
	texts := []string{"_text=" + words, "_content=" + words, "_list=" + c.id("List")}
	item := fmt.Sprint(c.IntN(12))
	return slices.Concat(map[string][]string{
		"Patient": slices.Concat(texts, []string{"_filter=" + c.one("gender eq male and birthdate lt 1980", "not(gender eq male) or family sw b", "name co er and given ne anna", "birthdate pr false", "organization.name sw wa", "x-born ge 1980"),
			"identifier:of-type=urn:t|MR|" + item, "identifier=urn:i|" + item, "x-born=" + c.one("1950", "lt1980", "ge1950-06"), "x-born:missing=true", "x-names=" + c.one("1", "gt0", "0"),
			"_has:Observation:patient:_has:List:item:status=current", "_has:Observation:x-about:x-code=a", "_has:Condition:patient:encounter.class=AMB", "link:Patient.gender=male", "_has:Patient:link:family=berg",
			"gender:in=http://hl7.org/fhir/ValueSet/administrative-gender", "gender:not-in=http://hl7.org/fhir/ValueSet/administrative-gender"}),
		"Encounter": slices.Concat(texts, []string{"patient._has:Condition:patient:code=" + c.one("a", "x"), "_filter=" + c.one("status eq finished and patient.gender eq male", "patient[birthdate lt 1980].gender eq female", "date ge 2024 or class eq IMP"),
			"patient.x-born=lt1980", "class:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|_ActEncounterCode"}),
		"Observation": slices.Concat(texts, coded("code"), coded("combo-code")[:4], coded("x-code")[:4], []string{"identifier:of-type=urn:t|" + c.one("MR", "PI") + "|" + item, "code-value-quantity=" + c.one("a", "urn:s|b", "|c") + "$" + c.one("gt", "le") + item,
			"component-code-value-quantity=" + c.one("a", "urn:s|b") + "$" + c.one("gt", "lt") + item + "|http://unitsofmeasure.org|kg", "combo-code-value-quantity=a$lt" + item, "component-code-value-concept=a$y,b$y",
			"patient._has:Condition:patient:code=" + c.one("a", "x"), "encounter._has:Condition:encounter:code:missing=false", "encounter.patient.birthdate=lt1980", "encounter.patient._has:Condition:patient:onset-date=ge" + day,
			"_has:List:item:subject.gender=male", "_filter=" + c.one("code eq a and patient.gender eq male", "patient[gender eq male].birthdate lt 1990", "not(code in urn:set:isa)", "code ss \"urn:s|b\"", "value-quantity gt 5 or date lt 2024",
				"encounter pr true and (status eq final or code ne b)", "x-much ge 10 and x-code eq a"),
			"x-about=Patient/" + c.id("Patient"), "x-about.x-born=lt1980", "x-about:Patient.gender:not=male", "x-much=gt" + item + "|http://unitsofmeasure.org|kg", "x-code:missing=false", "patient:identifier=urn:i|" + item}),
		"Condition": slices.Concat(texts, coded("code"), []string{"asserter:identifier=urn:i|" + item, "asserter:identifier=" + item, "x-about.x-names=1", "patient._has:Observation:patient:_has:List:item:status=current",
			"_filter=" + c.one("code eq a or onset-date ge 2024", "patient.gender eq male and not(code pr true)", "asserter pr true")}),
		"Location":          {"near=52.52|13.40|" + c.one("1", "5", "30") + "|km", "near=52.52|13.40", "near=-17.7|180|5", "near=52.52|13.40|900|m,-17.7|179.9|50", "near:missing=true", "partof.near=52.52|13.40|5|km", "_has:Location:partof:near=52.52|13.40|5", "name=ward"},
		"MedicationRequest": slices.Concat(coded("medication.code"), []string{"medication.code=a", "medication:Medication.code:not=a", "medication.status=active", "medication.code:text=bitter", "medication.code=urn:s|b&patient.gender=male", "patient._has:Observation:patient:code=a"}),
		"List":              {"item:Observation.patient.gender=male", "item:Patient._has:Condition:patient:code=a", "_filter=" + c.one("status eq current and subject pr true", "subject.gender eq male")},
	}[typ], nil)
}

// includes are what is asked with the matches.
func (c *differ) includes(typ string) (all []string) {
	of := map[string][]string{
		"Patient":           {"_revinclude=Observation:patient", "_revinclude=List:item", "_include:iterate=Patient:link", "_revinclude:iterate=Condition:encounter", "_revinclude=Encounter:patient", "_include=Patient:organization"},
		"Observation":       {"_include=Observation:patient", "_include:iterate=Observation:has-member", "_include=Observation:encounter", "_include:iterate=Encounter:patient", "_include:iterate=Patient:link", "_include=Observation:*", "_revinclude=List:item", "_revinclude:iterate=Observation:has-member"},
		"Encounter":         {"_include=Encounter:subject:Patient", "_revinclude=Observation:encounter", "_revinclude=*", "_include:iterate=Patient:organization"},
		"Condition":         {"_include=*", "_include=Condition:encounter", "_include:iterate=Encounter:patient"},
		"List":              {"_include=List:item", "_include=List:item:Patient", "_include:iterate=Observation:patient", "_include:iterate=Patient:link"},
		"MedicationRequest": {"_include=MedicationRequest:medication", "_include=MedicationRequest:patient", "_include:iterate=Patient:link"},
		"Location":          {"_include:iterate=Location:partof", "_revinclude:iterate=Location:partof"},
	}[typ]
	for len(of) > 0 && (len(all) == 0 || c.IntN(2) == 0) {
		all = append(all, of[c.IntN(len(of))])
	}
	return all
}

// included are what includes add to matches, by every row that the caller sees.
func (s *seen) included(matches []fhir.Ref, all []search.Include) map[fhir.Ref]bool {
	at := map[fhir.Ref]search.Holder{}
	for _, h := range s.holders {
		at[h.Ref] = h
	}
	added := map[fhir.Ref]bool{}
	for round, from := 0, matches; len(from) > 0; round++ {
		var next []fhir.Ref
		for _, ref := range from {
			for _, inc := range all {
				if round > 0 && !inc.Iterate {
					continue
				}
				for _, to := range s.holders {
					if follows(at[ref], to, inc) && !added[to.Ref] && !slices.Contains(matches, to.Ref) {
						added[to.Ref] = true
						next = append(next, to.Ref)
					}
				}
			}
		}
		from = next
	}
	return added
}

// follows says whether an include leads from one row to another.
func follows(from, to search.Holder, inc search.Include) bool {
	if inc.Reverse {
		from, to = to, from
	}
	if inc.Source != "*" && from.Ref.Type != inc.Source || inc.Target != "" && to.Ref.Type != inc.Target || from.Index == nil {
		return false
	}
	if inc.Param != "*" {
		return from.Refers(inc.Param, to)
	}
	return slices.ContainsFunc(search.CapabilityParams(from.Ref.Type), func(p fhir.CapabilityParam) bool {
		return p.Type == "reference" && search.LeadsOut(from.Ref.Type, p.Name) && from.Refers(p.Name, to)
	})
}

// compareIncluded compares what a page includes.
func (w *differWalk) compareIncluded(q *search.Query, res *Result) {
	w.Helper()
	if len(q.Include) == 0 || q.Summary == "count" {
		return
	}
	var matches []fhir.Ref
	for _, v := range res.Matches {
		matches = append(matches, v.Ref)
	}
	want, got := w.sees.included(matches, q.Include), map[fhir.Ref]bool{}
	for _, v := range res.Included {
		got[v.Ref] = true
	}
	if w.all.included += len(got); !maps.Equal(got, want) || len(got) != len(res.Included) {
		w.Errorf("of %v are included\n got %v\nwant %v", matches, got, want)
	}
}

// meanings say what codes mean to one caller, by tables and by who may read them.
type meanings struct {
	*differ
	who  string
	call *Call
}

var errNotThere = errors.New("not there")

// Members implements search.Codes.
func (m meanings) Members(set string) (codes []search.Code, err error) {
	if set == "http://hl7.org/fhir/ValueSet/administrative-gender" {
		return inSystem("http://hl7.org/fhir/administrative-gender", "male", "female", "other", "unknown"), nil
	}
	id := strings.TrimPrefix(strings.TrimPrefix(set, "urn:set:"), "ValueSet/")
	if codes = map[string][]search.Code{"enum": inSystem("urn:s", "a", "x"), "isa": inSystem("urn:s", "b", "c"), "closed": inSystem("urn:s", "a")}[id]; codes == nil || !m.reads("ValueSet/"+id) {
		return nil, errNotThere
	}
	if id == "isa" && !m.reads("CodeSystem/letters") {
		return nil, errNotThere
	}
	return codes, nil
}

// Below implements search.Codes.
func (m meanings) Below(c search.Code) ([]search.Code, error) {
	return m.line(c, map[string][]string{"a": {"a", "b", "c", "x"}, "b": {"b", "c"}, "c": {"c"}, "x": {"x"}, "y": {"y"}})
}

// Above implements search.Codes.
func (m meanings) Above(c search.Code) ([]search.Code, error) {
	return m.line(c, map[string][]string{"a": {"a"}, "b": {"a", "b"}, "c": {"a", "b", "c"}, "x": {"a", "x"}, "y": {"y"}})
}

func (m meanings) line(c search.Code, of map[string][]string) ([]search.Code, error) {
	switch {
	case c.System == "http://terminology.hl7.org/CodeSystem/v3-ActCode":
		return inSystem(c.System, "AMB", "IMP"), nil // and others that nobody has
	case c.System == "urn:hidden" && m.reads("CodeSystem/hidden"):
		return []search.Code{c}, nil
	case c.System == "urn:s" && m.reads("CodeSystem/letters"):
		return inSystem(c.System, of[c.Code]...), nil
	}
	return nil, errNotThere
}

func inSystem(system string, codes ...string) (all []search.Code) {
	for _, c := range codes {
		all = append(all, search.Code{System: system, Code: c})
	}
	return all
}

// reads says whether the caller may read a resource.
func (m meanings) reads(text string) bool {
	m.Helper()
	plain := m.plain
	m.plain = true
	defer func() { m.plain = plain }()
	v := m.rows[ref(text)].Version
	v.Epoch = m.epoch
	r := m.begun(m.who, m.call, m.epoch)
	return m.judge(r, question{"read", "r", v.Ref.Type}, []string{"access"}, &v)
}
