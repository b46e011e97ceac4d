package search

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// params reads a query string for a test.
func paramsOf(t *testing.T, query string) []fhir.Param {
	t.Helper()
	list, err := fhir.ParseParams(query)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var testOptions = QueryOptions{
	Base: "https://hospital.example/fhir",
	Now:  func() time.Time { return time.Date(2024, 1, 11, 0, 0, 0, 0, time.UTC) },
}

// spell writes a condition in one line.
func spell(c Condition) string {
	join := func(list []Condition, sep string) string {
		var parts []string
		for _, m := range list {
			parts = append(parts, spell(m))
		}
		return "(" + strings.Join(parts, sep) + ")"
	}
	names := []string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "co"}
	switch c := c.(type) {
	case All:
		return join(c, " & ")
	case Any:
		return join(c, " | ")
	case Not:
		return "!" + spell(c.C)
	case HasKey:
		return c.Key
	case KeyRange:
		return strings.TrimSuffix(c.To, keyEnd) + "..."
	case Contains:
		return c.Param + "*" + c.Needle + "*"
	case InDates:
		return fmt.Sprintf("%s %s[%s %s]", c.Param, names[c.Prefix], instantOf(c.Lo), instantOf(c.Hi))
	case InNumbers:
		return fmt.Sprintf("%s %s[%s %s]", c.Param, names[c.Prefix], c.Lo, c.Hi)
	case Chain:
		return fmt.Sprintf("%s->%v%s", c.Param, c.Types, spell(c.Where))
	case Reverse:
		return fmt.Sprintf("%s.%s<-%s", c.Type, c.Param, spell(c.Where))
	}
	return "?"
}

func TestQueryConditions(t *testing.T) {
	for _, c := range []struct{ typ, query, want string }{
		{"Patient", "", "()"},
		{"Patient", "name=M%C3%BCl", "(name^mul...)"},
		{"Patient", "name=a,b", "((name^a... | name^b...))"},
		{"Patient", `name=a%5C,b`, "(name^a,b...)"},
		{"Patient", "name:exact=M%C3%BCl", "(name!Mül)"},
		{"Patient", "name:contains=%C3%9CL", "(name*ul*)"},
		{"Patient", "name:missing=true", "(!name?)"},
		{"Patient", "name:missing=false", "(name?)"},
		{"Patient", "name=a&name=b", "(name^a... & name^b...)"},
		{"Patient", "gender=male", "(gender=male)"},
		{"Patient", "gender:not=male,female", "(!(gender=male | gender=female))"},
		{"Patient", "identifier=urn:x|7", "(identifier=urn:x|7)"},
		{"Patient", "identifier=|7", "(identifier=|7)"},
		{"Patient", "identifier=urn:x|", "(identifier=urn:x|...)"},
		{"Patient", `identifier=a%5C|b`, `(identifier=a\|b)`},
		{"Patient", `identifier=a%5C%5Cb`, `(identifier=a\\b)`},
		{"Patient", `identifier=a%5C$b`, `(identifier=a\$b)`},
		{"Patient", "identifier:of-type=urn:t|MR|12", "(identifier@urn:t|MR|12)"},
		{"Patient", "identifier:text=medical%20Rec", "((identifier~medical... & identifier~rec...))"},
		{"Patient", "_id=a,b", "((_id=a | _id=b))"},
		{"Patient", "_id:missing=true", "(!())"},
		{"Patient", "_tag=urn:x|t&_security=R", "(_tag=urn:x|t & _security=R)"},
		{"Patient", "_profile=http://a/b", "(_profile>http://a/b)"},
		{"Patient", "general-practitioner=Practitioner/p", "(general-practitioner>Practitioner/p)"},
		{"Patient", "general-practitioner:Practitioner=p", "(general-practitioner>Practitioner/p)"},
		{"Patient", "general-practitioner:identifier=urn:x|7", "(general-practitioner#urn:x|7)"},
		{"Patient", "organization=https://hospital.example/fhir/Organization/o/_history/2", "(organization>Organization/o)"},
		{"Patient", "organization=https://other.example/fhir/Organization/o", "(organization>https://other.example/fhir/Organization/o)"},
		{"Patient", "organization=o", "(organization>Organization/o)"},
		{"Observation", "subject=1", "((subject>Group/1 | subject>Device/1 | subject>Patient/1 | subject>Location/1))"},
		{"Observation", "code=1&subject=Patient/2", "(¤pt:code=Patient/2|1 & code=1 & subject>Patient/2)"},
		{"Observation", "patient=2&code=s|1,3", "((¤pt:code=Patient/2|s|1 | ¤pt:code=Patient/2|3) & patient>Patient/2 & (code=s|1 | code=3))"},
		{"Observation", "patient=2&code=|1", "(patient>Patient/2 & code=|1)"},
		{"Observation", "patient=2&code=s|", "(patient>Patient/2 & code=s|...)"},
		{"Observation", "patient=2&code:not=1", "(patient>Patient/2 & !code=1)"},
		{"Observation", "combo-code=1", "((code=1 | component-code=1))"},
		{"Observation", "combo-code:missing=true", "(!(code? | component-code?))"},
		{"Observation", "date=2024-01", "(date eq[2024-01-01T00:00:00.000Z 2024-01-31T23:59:59.999Z])"},
		{"Observation", "date=ge2024-01-01T10:00:00%2B02:00", "(date ge[2024-01-01T08:00:00.000Z 2024-01-01T08:00:00.999Z])"},
		{"Observation", "date=ap2024-01-01T00:00:00.000Z", "(date ap[2023-12-31T00:00:00.000Z 2024-01-02T00:00:00.000Z])"},
		{"Observation", "_lastUpdated=gt2024", "(_lastUpdated gt[2024-01-01T00:00:00.000Z 2024-12-31T23:59:59.999Z])"},
		{"RiskAssessment", "probability=0.8", "(probability eq[12000075 12000084~])"},
		{"RiskAssessment", "probability=gt0.8", "(probability gt[1200008 1200008])"},
		{"RiskAssessment", "probability=ne0.8", "(probability ne[12000075 12000084~])"},
		{"Observation", "value-quantity=5.4|http://unitsofmeasure.org|mg", "(value-quantity|http://unitsofmeasure.org|g eq[119998535 119998544~])"},
		{"Observation", "value-quantity=lt5.4||mg", "(value-quantity||mg lt[12000154 12000154])"},
		{"Observation", "value-quantity=ge5", "(value-quantity| ge[1200015 1200015])"},
		{"Observation", "value-quantity=5|urn:u|spoon", "(value-quantity|urn:u|spoon eq[12000145 12000154~])"},
		{"Observation", "code-value-quantity=l|8480-6$gt140", "(code-value-quantity|l|8480-6$| gt[12000314 12000314])"},
		{"Observation", "code-value-concept=a$s|b", "(code-value-concept=a$s|b)"},
		{"Observation", "code-value-string=a$Str", "(code-value-string=a$str...)"},
		{"Observation", "code-value-date=a$lt2024", "(code-value-date|a lt[2024-01-01T00:00:00.000Z 2024-12-31T23:59:59.999Z])"},
		{"DocumentReference", "relationship=replaces$DocumentReference/1", "(relationship=replaces$DocumentReference/1)"},
		{"MolecularSequence", "chromosome-window-coordinate=7$lt20$gt10", "(chromosome-window-coordinate|7 ap[1200021! 1200021~])"},
		{"MolecularSequence", "chromosome-window-coordinate=7$10$20", "(chromosome-window-coordinate=7$1200021$1200022)"},
		{"ValueSet", "url:below=http://a/b/", "((url>http://a/b | url>http://a/b/ | url/http://a/b))"},
		{"ValueSet", "url:above=http://a/b/c", "((url>http://a/b/c | url>http://a | url>http://a/ | url>http://a/b | url>http://a/b/))"},
		{"Observation", "subject:Patient.name=x", "((subject->[Patient]name^x... | subject.Patient.name^x...))"},
		{"Observation", "subject:Patient.name:exact=x", "((subject->[Patient]name!x | subject.Patient.name!x))"},
		{"Observation", "subject:Patient._id=3", "(subject->[Patient]_id=3)"},
		{"Observation", "subject.identifier=x", "((subject->[Group Device Patient Location]identifier=x | subject.Group.identifier=x | subject.Device.identifier=x | subject.Patient.identifier=x | subject.Location.identifier=x))"},
		{"Observation", "subject.birthdate=2000", "((subject->[Patient]birthdate eq[2000-01-01T00:00:00.000Z 2000-12-31T23:59:59.999Z] | subject.Patient.birthdate eq[2000-01-01T00:00:00.000Z 2000-12-31T23:59:59.999Z]))"},
		{"Patient", "_has:Observation:patient:code=1", "(Observation.patient<-code=1)"},
		{"Patient", "_has:Observation:patient:_has:Provenance:target:recorded:missing=true", "(Observation.patient<-Provenance.target<-!recorded?)"},
		{"Patient", "_has:Observation:patient:encounter.status=x", "(Observation.patient<-(encounter->[Encounter EpisodeOfCare]status=x | encounter.Encounter.status=x | encounter.EpisodeOfCare.status=x))"},
		{"Observation", "subject:Patient.organization.name=x", "((subject->[Patient](organization->[Organization]name^x... | organization.Organization.name^x...) | (subject.Patient> & subject.Patient.organization->[Organization]name^x...)))"},
		{"Observation", "subject:Patient.gender:not=x", "((subject->[Patient]!gender=x | (subject.Patient> & !subject.Patient.gender=x)))"},
		{"Bundle", "composition.title=x", "(composition.Composition.title^x...)"},
		{"Bundle", "composition._id=x", "(())"},
		{"Questionnaire", "version=V1", "(version=v1)"},
		{"QuestionnaireResponse", "questionnaire=http://a/b%7CV1", "(questionnaire>http://a/b|v1)"},
		{"QuestionnaireResponse", "questionnaire:below=http://a/b%7C1", "((questionnaire>http://a/b|1 | questionnaire>http://a/b|1.... | questionnaire>http://a/b|1-...))"},
		{"Patient", "_profile:below=http://a/b%7C1", "((_profile>http://a/b|1 | _profile>http://a/b|1.... | _profile>http://a/b|1-...))"},
		{"Patient", "_list=1,2", "(List.item<-(_id=1 | _id=2))"},
		{"ValueSet", "url=http://a/b|1", "((url>http://a/b|1 | (url>http://a/b & version=1)))"},
		{"Patient", "_has:Observation:subject:code:not=1", "(Observation.subject<-!code=1)"},
	} {
		q, err := ParseQuery(c.typ, paramsOf(t, c.query), testOptions)
		if err != nil {
			t.Errorf("%s?%s: %v", c.typ, c.query, err)
			continue
		}
		if got := spell(q.Where); got != c.want {
			t.Errorf("%s?%s: got %s, want %s", c.typ, c.query, got, c.want)
		}
	}
}

func TestQueryErrors(t *testing.T) {
	long := strings.Repeat("x", 1025)
	for _, c := range []struct{ typ, query, at string }{
		{"Patient", "nonsense=1", "nonsense"},
		{"Patient", "Name=1", "Name"},
		{"Patient", "combo-code=1", "combo-code"},
		{"Patient", "_query=x", "_query"},
		{"Patient", "_filter=x", "_filter"},
		{"Location", "near=1|200|3", "near"},
		{"Patient", "name:not=x", "name:not"},
		{"Patient", "name:=x", "name:"},
		{"Patient", "gender:in=http://x", "gender:in"},
		{"Patient", "gender:not-in=http://x", "gender:not-in"},
		{"Patient", "gender:above=x", "gender:above"},
		{"Patient", "gender:exact=x", "gender:exact"},
		{"Patient", "birthdate:exact=2000", "birthdate:exact"},
		{"Patient", "organization:Patient=1", "organization:Patient"},
		{"Patient", "general-practitioner:Practitioner=Organization/1", "general-practitioner:Practitioner"},
		{"Patient", "name:missing=maybe", "name:missing"},
		{"Patient", "name=", "name"},
		{"Patient", "name=a,,b", "name"},
		{"Patient", "general-practitioner:below=Practitioner/1", "general-practitioner:below"},
		{"Patient", "_has:Bundle:composition:_id=1", "_has:Bundle:composition:_id"},
		{"Patient", "name=%20", "name"},
		{"Patient", "name=" + long, "name"},
		{"Patient", "identifier=a|b|c", "identifier"},
		{"Patient", "identifier=|", "identifier"},
		{"Patient", "identifier:of-type=a|b", "identifier:of-type"},
		{"Patient", "identifier:of-type=a||b", "identifier:of-type"},
		{"Patient", "identifier:text=--", "identifier:text"},
		{"Patient", "birthdate=yesterday", "birthdate"},
		{"Patient", "birthdate=2000-13", "birthdate"},
		{"Patient", "birthdate=xx2000", "birthdate"},
		{"Patient", "birthdate=2023-02-29", "birthdate"},
		{"Patient", "organization=Nonsense/1", "organization"},
		{"Patient", "organization=a%20b", "organization"},
		{"RiskAssessment", "probability=high", "probability"},
		{"RiskAssessment", "probability=1e99999", "probability"},
		{"RiskAssessment", "probability=gt", "probability"},
		{"Observation", "value-quantity=5|mg", "value-quantity"},
		{"Observation", "value-quantity=5|s|", "value-quantity"},
		{"Observation", "value-quantity=|s|mg", "value-quantity"},
		{"Observation", "code-value-quantity=a", "code-value-quantity"},
		{"Observation", "code-value-quantity=s|$5", "code-value-quantity"},
		{"Observation", "code-value-quantity=a$5$6", "code-value-quantity"},
		{"MolecularSequence", "chromosome-window-coordinate=7$gt1$lt2", "chromosome-window-coordinate"},
		{"Observation", "subject:Patient.nonsense=1", "subject:Patient.nonsense"},
		{"Observation", "subject:Organization.name=1", "subject:Organization.name"},
		{"Observation", "subject.nonsense.name=1", "subject.nonsense.name"},
		{"Observation", strings.Repeat("has-member.", 9) + "code=1", strings.Repeat("has-member.", 9) + "code"},
		{"Patient", "_list=$current-problems", "_list"},
		{"Patient", "_list=a%20b", "_list"},
		{"Patient", "_list=", "_list"},
		{"Patient", "_list:not=1", "_list:not"},
		{"Observation", "subject.nonsense=1", "subject.nonsense"},
		{"Observation", "code.text=1", "code.text"},
		{"Observation", "subject:Patient.birthdate=x", "subject:Patient.birthdate"},
		{"Patient", "_has:Observation:code:status=final", "_has:Observation:code:status"},
		{"Patient", "_has:Observation:encounter:status=final", "_has:Observation:encounter:status"},
		{"Patient", "_has:Observation:patient=final", "_has:Observation:patient"},
		{"Patient", "_has:Observation:patient:_has:Patient:link:name=2020", "_has:Observation:patient:_has:Patient:link:name"},
		{"Patient", "_has:Observation:patient:encounter.nonsense=x", "_has:Observation:patient:encounter.nonsense"},
		{"Patient", "_count=-1", "_count"},
		{"Patient", "_count=ten", "_count"},
		{"Patient", "_count=1&_count=2", "_count"},
		{"Patient", "_sort=nonsense", "_sort"},
		{"Patient", "_sort=", "_sort"},
		{"Patient", "_sort=name,family,given,gender,birthdate,_id", "_sort"},
		{"Observation", "_sort=code-value-quantity", "_sort"},
		{"Observation", "_sort=combo-code", "_sort"},
		{"Patient", "_total=some", "_total"},
		{"Patient", "_summary=maybe", "_summary"},
		{"Patient", "_elements=a%20b", "_elements"},
		{"Patient", "_include=Patient", "_include"},
		{"Patient", "_include=Patient:name", "_include"},
		{"Patient", "_include=Observation:subject", "_include"},
		{"Patient", "_include=Patient:organization:Patient", "_include"},
		{"Patient", "_include=Patient:organization:Nonsense", "_include"},
		{"Patient", "_revinclude=*:patient", "_revinclude"},
		{"Patient", "_sort=name,family&_sort=given&_sort=gender,birthdate,_id", "_sort"},
		{"Patient", "_revinclude=Observation:encounter", "_revinclude"},
		{"Patient", "_revinclude=Nonsense:subject", "_revinclude"},
		{"Patient", "_include:other=Patient:organization", "_include:other"},
		{"Nonsense", "", ""},
		{"", "", ""},
	} {
		_, err := ParseQuery(c.typ, paramsOf(t, c.query), testOptions)
		e, ok := err.(*fhir.Error)
		if !ok || e.Kind != fhir.Invalid || e.Expression != c.at || !strings.HasSuffix(e.Detail, ".") {
			t.Errorf("%s?%s: %#v, want Invalid at %q", c.typ, c.query, err, c.at)
		}
	}
}

func TestQueryLimits(t *testing.T) {
	many := strings.Repeat("x,", maxValues)
	for _, query := range []string{
		strings.Repeat("name=x&", maxParams+1),
		"name=" + many + "x",
		strings.Repeat("_include=Patient:organization&", maxIncludes+1),
	} {
		if _, err := ParseQuery("Patient", paramsOf(t, query), testOptions); kindOf(err) != fhir.Invalid {
			t.Errorf("%.40s...: %v", query, err)
		}
	}
	if _, err := ParseQuery("Provenance", paramsOf(t, "target="+many[:len(many)-1]), testOptions); kindOf(err) != fhir.TooCostly {
		t.Error(err)
	}
	if _, err := ParseQuery("Patient", paramsOf(t, "name="+many[:len(many)-1]), testOptions); err != nil {
		t.Error(err)
	}
}

// Each link of a chain may be of many types, of which the next link multiplies the number.
func TestChainsOfManyTypesAreBounded(t *testing.T) {
	if _, err := ParseQuery("Task", paramsOf(t, strings.Repeat("subject.", 5)+"nonsense=x"), testOptions); kindOf(err) != fhir.TooCostly {
		t.Error(err)
	}
}

func TestLenientHandling(t *testing.T) {
	o := testOptions
	o.Lenient = true
	q, err := ParseQuery("Patient", paramsOf(t, "nonsense=1&name:nonsense=2&subject.x=3&gender=male&_query=x"), o)
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, w := range q.Warnings {
		at = append(at, w.Expression)
		if !w.Warning || w.Detail == "" {
			t.Error(w)
		}
	}
	if want := []string{"nonsense", "name:nonsense", "subject.x", "_query"}; !slices.Equal(at, want) {
		t.Errorf("warnings at %v", at)
	}
	if q.Self != "gender=male" || spell(q.Where) != "(gender=male)" {
		t.Error(q.Self, spell(q.Where))
	}
	for _, query := range []string{"birthdate=never", "_count=-1", "_sort=nonsense", "name="} {
		if _, err := ParseQuery("Patient", paramsOf(t, query), o); kindOf(err) != fhir.Invalid {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestQueryControls(t *testing.T) {
	q, err := ParseQuery("Observation", paramsOf(t, "_sort=-date,_id&_count=5000&_total=accurate&_sort=-status&_summary=data&_elements=id,code&_format=json&_pretty=true&"+
		"_include=Observation:subject:Patient&_include:iterate=Patient:organization&_revinclude:recurse=Provenance:target&_include=*&status=final&code=a%26b%3Dc"), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	want := &Query{
		Type: "Observation", Where: All{HasKey{"status=final"}, HasKey{"code=a&b=c"}}, Count: 1000, Total: "accurate", Summary: "data",
		Sort: []SortBy{{"date", true}, {"_id", false}, {"status", true}}, Elements: []string{"id", "code"},
		Include: []Include{
			{Source: "Observation", Param: "subject", Target: "Patient"}, {Source: "Patient", Param: "organization", Iterate: true},
			{Reverse: true, Source: "Provenance", Param: "target", Iterate: true}, {Source: "Observation", Param: "*"},
		},
		Self: "code=a%26b%3Dc&status=final&_count=1000&_elements=id,code&_include=%2A&_include=Observation:subject:Patient&" +
			"_include:iterate=Patient:organization&_revinclude:recurse=Provenance:target&_sort=-date,_id,-status&_summary=data&_total=accurate",
	}
	want.Reads = q.Reads // see TestQueriesSayWhatTheyRead
	if !reflect.DeepEqual(q, want) {
		t.Errorf("got  %+v\nwant %+v", q, want)
	}
	again, err := ParseQuery("Observation", paramsOf(t, q.Self), testOptions)
	if err != nil || again.Self != q.Self {
		t.Errorf("the self link reads as %v: %v", again, err)
	}
}

func TestCountZeroCountsOnly(t *testing.T) {
	for _, query := range []string{"_count=0", "_count=0&_summary=data", "_summary=data&_count=0", "_summary=count"} {
		q, err := ParseQuery("Patient", paramsOf(t, query), testOptions)
		if err != nil || q.Summary != "count" {
			t.Errorf("%s: %+v %v", query, q, err)
		}
	}
}

func TestQueryPatients(t *testing.T) {
	o := testOptions
	o.Compartment = "Patient/9"
	q, err := ParseQuery("Observation", paramsOf(t, "subject=Patient/1,2&patient:Patient=3&subject:Patient._id=4&_has:Provenance:target:patient=Patient/1&encounter=5"), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(q.Patients, " "); got != "Patient/1 Patient/2 Patient/3 Patient/4 Patient/9" {
		t.Error(got)
	}
	if !strings.HasSuffix(spell(q.Where), " & ¤cpt=Patient/9)") {
		t.Error(spell(q.Where))
	}
	for _, bad := range []string{"Organization/1", "Patient", "Patient/", "x"} {
		o.Compartment = bad
		if _, err := ParseQuery("Observation", nil, o); kindOf(err) != fhir.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestSearchParamsAreKnown(t *testing.T) {
	for _, typ := range fhir.ResourceTypes() {
		known := 0
		for _, p := range fhir.SearchParams(typ) {
			if !supported(p) {
				continue
			}
			known++
			if _, err := ParseQuery(typ, []fhir.Param{{Name: p.Name + ":missing", Value: "true"}}, testOptions); err != nil {
				t.Errorf("%s.%s: %v", typ, p.Name, err)
			}
			if len(modifiers(p)) == 0 || strings.ContainsAny(p.Name, "=#@^!>/~?|$.: ") {
				t.Errorf("%s.%s %s", typ, p.Name, p.Kind)
			}
		}
		if known < 5 {
			t.Errorf("%s has only %d", typ, known)
		}
	}
}
