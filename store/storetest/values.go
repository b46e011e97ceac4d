package storetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// author writes documents and queries from small sets of values, so that they
// meet. Among them are the difficult ones: special characters of the query language,
// values too long for a key, precisions, zones, units and open ends.
type author struct {
	*rand.Rand
	ids int // per type
}

func newAuthor(seed uint64, ids int) *author { return &author{rand.New(rand.NewPCG(seed, 11)), ids} }

// wards are the types that an author writes, and what their reference parameters
// point to.
var wards = map[string]map[string][]string{
	"Patient":           {"organization": {"Organization"}, "link": {"Patient"}},
	"Organization":      {"partof": {"Organization"}},
	"Encounter":         {"subject": {"Patient"}, "patient": {"Patient"}, "part-of": {"Encounter"}, "service-provider": {"Organization"}, "diagnosis": {"Condition"}, "reason-reference": {"Condition", "Observation"}},
	"Observation":       {"subject": {"Patient"}, "patient": {"Patient"}, "encounter": {"Encounter"}, "has-member": {"Observation"}, "derived-from": {"Observation", "DocumentReference"}, "performer": {"Patient", "Organization"}},
	"Condition":         {"subject": {"Patient"}, "patient": {"Patient"}, "encounter": {"Encounter"}, "asserter": {"Patient"}},
	"List":              {"subject": {"Patient"}, "patient": {"Patient"}, "item": {"Patient", "Observation", "Condition", "Encounter"}},
	"RiskAssessment":    {"subject": {"Patient"}, "patient": {"Patient"}, "condition": {"Condition"}},
	"ValueSet":          {},
	"MolecularSequence": {"patient": {"Patient"}},
	"Location":          {"partof": {"Location"}, "organization": {"Organization"}},
	"Medication":        {"manufacturer": {"Organization"}},
	"MedicationRequest": {"subject": {"Patient"}, "patient": {"Patient"}, "medication": {"Medication"}, "requester": {"Patient", "Organization"}},

	"Questionnaire":         {"derived-from": {"Questionnaire"}},
	"QuestionnaireResponse": {"subject": {"Patient"}, "patient": {"Patient"}, "questionnaire": {"Questionnaire"}},
	"DocumentReference":     {"subject": {"Patient"}, "patient": {"Patient"}, "author": {"Patient", "Organization"}, "custodian": {"Organization"}, "relatesto": {"DocumentReference"}},
}

var wardTypes = slices.Sorted(maps.Keys(wards))

var long = strings.Repeat("Längenmaß ", 8)

var (
	systems   = []string{"http://loinc.org", "http://loinc.org", "urn:oid:1.2", ""}
	codes     = []string{"8302-2", "29463-7", "a", "a|b", "x,y", "p$q", `back\slash`, "Äpfel", strings.TrimSpace(long), strings.TrimSpace(long) + "2"}
	displays  = []string{"Body height", "Body weight, lying", "Zoë's knee", "pain in the left knee", "100 % oxygen", long + "end"}
	texts     = []string{"Anna", "Annabel", "anna", "Müller", "Mueller", "Müller-Lüdenscheidt", "O'Neil", "van der Berg", "李小龍", "Smith, John", `back\slash`, "a|b", "a|", "Anna?", "Straße", long + "one", long + "two"}
	instants  = []string{"2020", "2020-02", "2020-02-29", "2020-02-29T10:00:00Z", "2020-02-29T23:59:59.999+14:00", "2020-03-01T00:30:00-05:00", "2021-12-31T23:59:59Z", "1969-12-31", "1900", "2999-12", "2020-02-29T10:00:00.5Z"}
	decimals  = []string{"0", "1", "1.0", "1.00", "0.5", "0.50", "-3.2", "100", "1e2", "99.995", "0.001", "1000", "72.5", "-0.0"}
	units     = [][2]string{{"http://unitsofmeasure.org", "kg"}, {"http://unitsofmeasure.org", "g"}, {"http://unitsofmeasure.org", "mg"}, {"http://unitsofmeasure.org", "cm"}, {"http://unitsofmeasure.org", "m"}, {"urn:units", "drops"}, {"", "drops"}}
	places    = [][2]string{{"52.52", "13.40"}, {"52.521", "13.41"}, {"52.6", "13.40"}, {"-17.7", "179.99"}, {"-17.7", "-179.99"}, {"90", "0"}, {"-0.0", "180"}, {"89.999", "-135.5"}}
	addresses = []string{"http://hl7.org/fhir/ValueSet/a", "http://hl7.org/fhir/ValueSet/a/b", "http://hl7.org/fhir/ValueSet", "http://hl7.org/fhir/ValueSet/ab", "http://hl7.org/fhir/ValueSet/a/", "urn:oid:1.2.3", "http://x.org/q?", "http://x.org/" + strings.Repeat("deep/", 20) + "end"}
)

func (a *author) pick(list []string) string { return list[a.IntN(len(list))] }

// once is true in one of n calls.
func (a *author) once(n int) bool { return a.IntN(n) == 0 }

func (a *author) ref(typ string) fhir.Ref { return wardRef(typ, a.IntN(a.ids)) }

// wardRef is the n-th resource of a type; ids of different types are alike.
func wardRef(typ string, n int) fhir.Ref { return fhir.Ref{Type: typ, ID: fmt.Sprintf("r%d", n)} }

// object is a JSON object; empty members are left out.
type object map[string]any

// tidy removes empty members and lists, which no document may have.
func tidy(v any) any {
	switch v := v.(type) {
	case object:
		for name, member := range v {
			if v[name] = tidy(member); v[name] == nil {
				delete(v, name)
			}
		}
		if len(v) == 0 {
			return nil
		}
		return v
	case []any:
		var full []any
		for _, member := range v {
			if member = tidy(member); member != nil {
				full = append(full, member)
			}
		}
		if full == nil {
			return nil
		}
		return full
	}
	return v
}

// maybe gives a value two times out of three, or nil.
func (a *author) maybe(value func() any) any {
	if a.once(3) {
		return nil
	}
	return value()
}

// some gives a list of one to three, or nil.
func (a *author) some(value func() any) any {
	var list []any
	for range a.IntN(4) {
		list = append(list, value())
	}
	return list
}

// of makes a function that picks from a list.
func (a *author) of(list ...string) func() any { return func() any { return a.pick(list) } }

func (a *author) coding() any {
	o := object{"code": a.pick(codes), "display": a.maybe(a.of(displays...))}
	if s := a.pick(systems); s != "" {
		o["system"] = s
	}
	return o
}

func (a *author) concept() any {
	return object{"coding": []any{a.coding(), a.coding()}[:1+a.IntN(2)], "text": a.maybe(a.of(displays...))}
}

func (a *author) identifier() any {
	o := object{"value": a.pick(codes), "type": a.maybe(a.concept)}
	if s := a.pick(systems); s != "" {
		o["system"] = s
	}
	return o
}

func (a *author) date() any { return a.pick(instants) }

func (a *author) period() any {
	from, to := a.pick(instants), a.pick(instants)
	switch a.IntN(4) {
	case 0:
		return object{"start": from}
	case 1:
		return object{"end": to}
	}
	return object{"start": min(from, to), "end": max(from, to)}
}

func (a *author) number() any { return json.RawMessage(a.pick(decimals)) }

func (a *author) quantity() any {
	u := units[a.IntN(len(units))]
	o := object{"value": a.number(), "unit": u[1], "code": u[1]}
	if u[0] != "" {
		o["system"] = u[0]
	}
	if a.once(6) {
		o["comparator"] = a.pick([]string{"<", "<=", ">", ">="})
	}
	return o
}

// to makes references to one of some types, in every form.
func (a *author) to(types ...string) func() any {
	return func() any {
		ref := a.ref(a.pick(types)).String()
		switch a.IntN(12) {
		case 0:
			return object{"reference": base + "/" + ref}
		case 1:
			return object{"reference": ref + "/_history/1"}
		case 2:
			return object{"reference": "http://elsewhere.org/fhir/" + ref}
		case 3:
			return object{"identifier": a.identifier()}
		}
		return object{"reference": ref}
	}
}
