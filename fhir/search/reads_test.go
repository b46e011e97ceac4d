package search

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

func TestEveryParameterSaysWhatItReads(t *testing.T) {
	d, parameters := fhir.R4(), 0
	for _, typ := range fhir.ResourceTypes() {
		whole, err := fhir.R4().Mask([]string{typ + ".language"})
		if err != nil {
			t.Fatal(err)
		}
		for _, def := range fhir.SearchParams(typ) {
			if !supported(def) {
				continue
			}
			parameters++
			for _, path := range (Read{Type: typ, Param: def.Name}).Elements() {
				if len(path) == 0 || d.Element(d.TypeIndex(typ), path[0]) < 0 || whole.Hides(typ, path...) != (path[0] == "language") {
					t.Errorf("%s?%s reads %q, which is no element", typ, def.Name, path)
				}
			}
		}
	}
	if parameters < 1000 {
		t.Errorf("only %d parameters", parameters)
	}
}

func TestReadElements(t *testing.T) {
	for what, want := range map[string]string{
		"Patient.birthdate":                              "birthDate",
		"Patient.phone":                                  "telecom.system telecom",
		"Patient.deceased":                               "deceased",
		"Patient._id":                                    "id",
		"Patient._text":                                  "",
		"Patient.nothing":                                "",
		"Observation.value-quantity":                     "value value",
		"Observation.combo-code":                         "code component.code",
		"Observation.code-value-quantity":                "code value",
		"Observation.component-code-value-quantity":      "component.code component.value",
		"Observation.patient":                            "subject",
		"Location.near":                                  "position",
		"Bundle.composition":                             "entry.resource",
		"MolecularSequence.chromosome-window-coordinate": "referenceSeq.chromosome referenceSeq.windowStart referenceSeq.windowEnd",
	} {
		typ, param, _ := strings.Cut(what, ".")
		var got []string
		for _, path := range (Read{Type: typ, Param: param}).Elements() {
			got = append(got, strings.Join(path, "."))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s reads %q", what, got)
		}
	}
}

// reads are the parameters on which a query rests, and what it is compartment of.
func reads(t *testing.T, typ, query, compartment string) (all []string) {
	t.Helper()
	var params []fhir.Param
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name != "" {
			params = append(params, fhir.Param{Name: name, Value: value})
		}
	}
	o := QueryOptions{Compartment: compartment, Codes: noCodes{}}
	q, err := ParseQuery(typ, params, o)
	if typ == "" {
		q, err = ParseSystem(params, o)
	}
	if err != nil {
		t.Fatal(query, err)
	}
	for _, r := range q.Reads {
		all = append(all, r.Type+"."+r.Param)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

type noCodes struct{}

func (noCodes) Members(string) ([]Code, error) { return nil, nil }
func (noCodes) Below(Code) ([]Code, error)     { return nil, nil }
func (noCodes) Above(Code) ([]Code, error)     { return nil, nil }

func TestQueriesSayWhatTheyRead(t *testing.T) {
	for _, c := range []struct{ typ, query, compartment, want string }{
		{"Patient", "birthdate=2000", "", "Patient.birthdate"},
		{"Patient", "birthdate:missing=true&_sort=-family,_id&_count=3", "", "Patient._id Patient.birthdate Patient.family"},
		{"Observation", "subject:Patient.birthdate=2000", "", "Observation.subject Patient.birthdate"},
		{"Observation", "code:in=http://x", "", "Observation.code"},
		{"Patient", "_has:Observation:patient:value-quantity=3", "", "Observation.patient Observation.value-quantity"},
		{"Patient", "_has:Observation:patient:_has:Provenance:target:recorded=2020", "", "Observation.patient Provenance.recorded Provenance.target"},
		{"Patient", "_filter=birthdate eq 2000 and organization.name eq x", "", "Organization.name Patient.birthdate Patient.organization"},
		{"Patient", "_text=x", "", "Patient._text"},
		{"Patient", "_content=x", "", "Patient._content"},
		{"Patient", "_list=x", "", "List.item"},
		{"Observation", "_include=Observation:subject&_revinclude=Provenance:target", "", "Observation.subject Provenance.target"},
		{"Observation", "_include=*", "", "Observation.*"},
		{"Observation", "_include:iterate=*", "", "*.*"},
		{"Observation", "", "Patient/1", "Observation.patient Observation.performer Observation.subject"},
		{"Observation", "", "Device/1", "Observation.device Observation.subject"},
		{"", "_type=Patient,Person&birthdate=2000", "", "Patient.birthdate Person.birthdate"},
		{"ValueSet", "url=http://x|1", "", "ValueSet.url ValueSet.version"},
		{"CarePlan", "instantiates-canonical:PlanDefinition.name=x", "", "CarePlan.instantiates-canonical PlanDefinition.name PlanDefinition.url PlanDefinition.version"},
		{"Observation", "combo-code=x", "", "Observation.combo-code"},
	} {
		if got := strings.Join(reads(t, c.typ, c.query, c.compartment), " "); got != c.want {
			t.Errorf("%s?%s of %q\n got %s\nwant %s", c.typ, c.query, c.compartment, got, c.want)
		}
	}
	if got := fmt.Sprint(ConstraintReads("Patient", []fhir.Param{{Name: "birthdate:missing", Value: "true"}})[0].Elements()); got != "[[birthDate]]" {
		t.Error("a constraint reads", got)
	}
	if got := References("Person"); len(got) < 4 {
		t.Error("a Person refers by", got)
	}
}
