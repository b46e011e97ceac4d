package narrow

import (
	"reflect"
	"testing"

	"github.com/aceso-health/aceso/policy"
)

// Every field of a decision is compared, or it is known why not.
func TestEveryFieldOfADecisionIsCompared(t *testing.T) {
	known := map[string]bool{}
	for _, name := range []string{
		"Allow", "Reason", "Consent", "Constraints", "Obligations", "Revision", // Reason and Revision permit nothing
		"Types", "Compartment", "SharedTypes", "Uncompartmented", "Owner", "Labels", "Search", "Author",
	} {
		known[name] = true
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[policy.Decision](), reflect.TypeFor[policy.Constraints]()} {
		for i := range typ.NumField() {
			if name := typ.Field(i).Name; !known[name] {
				t.Errorf("%s.%s is not compared: AtMost must know whether it narrows", typ.Name(), name)
			}
		}
	}
}

func TestWhatPermitsLess(t *testing.T) {
	free := policy.Decision{Allow: true, Consent: policy.Forbids}
	rows := func(c policy.Constraints) policy.Decision {
		return policy.Decision{Allow: true, Consent: policy.Forbids, Constraints: c}
	}
	mode := func(mode, compartment string) policy.Decision {
		return policy.Decision{Allow: true, Consent: mode, Constraints: policy.Constraints{Compartment: compartment}}
	}
	mask := func(paths ...string) policy.Decision {
		d := policy.Decision{Allow: true, Consent: policy.Forbids, Obligations: []string{"record"}}
		for _, p := range paths {
			d.Obligations = append(d.Obligations, "mask "+p)
		}
		return d
	}
	const r, v = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality|V"
	for name, pair := range map[string][2]policy.Decision{ // less, more
		"a refusal":                   {{}, free},
		"types":                       {rows(policy.Constraints{Types: []string{"Patient"}}), free},
		"fewer types":                 {rows(policy.Constraints{Types: []string{"Patient"}}), rows(policy.Constraints{Types: []string{"Patient", "Group"}})},
		"a compartment":               {rows(policy.Constraints{Compartment: "Patient/1"}), free},
		"no shared types":             {rows(policy.Constraints{Compartment: "Patient/1"}), rows(policy.Constraints{Compartment: "Patient/1", SharedTypes: []string{"Group"}})},
		"fewer uncompartmented types": {rows(policy.Constraints{Uncompartmented: []string{"Group"}}), rows(policy.Constraints{Uncompartmented: []string{"Group", "List"}})},
		"an owner":                    {rows(policy.Constraints{Owner: "a"}), free},
		"an author":                   {rows(policy.Constraints{Author: "Patient/1"}), free},
		"labels":                      {rows(policy.Constraints{Labels: []string{v}}), free},
		"labels that fall under":      {rows(policy.Constraints{Labels: []string{r}}), rows(policy.Constraints{Labels: []string{v}})},
		"search parameters":           {rows(policy.Constraints{Search: "status=final"}), free},
		"more search parameters":      {rows(policy.Constraints{Search: "code=a&status=final"}), rows(policy.Constraints{Search: "status=final"})},
		"Consents that must permit":   {mode(policy.Permits, ""), free},
		"Consents that are asked":     {free, mode(policy.None, "")},
		"of others, too":              {mode(policy.Permits, "Patient/1"), mode(policy.None, "Patient/1")},
		"an obligation":               {{Allow: true, Consent: policy.Forbids, Obligations: []string{"record"}}, free},
		"a mask":                      {mask("Patient.birthDate"), free},
		"a mask more":                 {mask("Patient.birthDate", "Patient.name"), mask("Patient.birthDate")},
		"a wider mask":                {mask("Patient.name"), mask("Patient.name.given")},
		"a mask of all types":         {mask("*.name"), mask("Patient.name", "Person.name")},
	} {
		if !AtMost(pair[0], pair[1]) || AtMost(pair[1], pair[0]) {
			t.Errorf("%s: at most is %v, and the other way %v", name, AtMost(pair[0], pair[1]), AtMost(pair[1], pair[0]))
		}
	}
	// Who is exempt of the own Consents only must have those of others.
	if AtMost(mode(policy.Forbids, "Patient/1"), mode(policy.None, "Patient/1")) {
		t.Error("what others have not permitted counts as permitted")
	}
}
