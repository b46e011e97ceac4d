package consent

import (
	"encoding/json"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

func contradictions(t *testing.T, provisions ...object) []Contradiction {
	t.Helper()
	var rules []*Rules
	for i, p := range provisions {
		c := object{"resourceType": "Consent", "status": "active", "scope": coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
			"category": []any{coded("http://loinc.org", "59284-0")}, "patient": object{"reference": "Patient/1"}, "provision": p}
		if p == nil {
			c["status"] = "inactive"
		}
		body, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := Compile(fhir.Ref{Type: "Consent", ID: string(rune('a' + i))}, 1, body)
		rules = append(rules, r)
	}
	found, more := Contradict(rules, Subject{House: "Organization/own", Directory: archive, Now: noon})
	if more {
		t.Error("too many")
	}
	return found
}

// Two Consents contradict each other if one permits what the other forbids: the same caller,
// purpose and data. What is about others is no contradiction.
func TestContradictions(t *testing.T) {
	purpose := func(codes ...string) []any {
		var all []any
		for _, c := range codes {
			all = append(all, coding(v3+"ActReason", c))
		}
		return all
	}
	by := func(ref string) []any {
		return []any{object{"role": coded(v3+"ParticipationType", "PRCP"), "reference": object{"reference": ref}}}
	}
	class := func(typ string) []any { return []any{coding("http://hl7.org/fhir/resource-types", typ)} }
	label := func(system, code string) []any { return []any{coding(system, code)} }
	permit := func(more object) object { more["type"] = "permit"; return more }
	deny := func(more object) object { more["type"] = "deny"; return more }
	for name, c := range map[string]struct {
		a, b object
		so   bool
	}{
		"all":                       {permit(object{}), deny(object{}), true},
		"one purpose of two":        {permit(object{"purpose": purpose("HRESCH")}), deny(object{"purpose": purpose("HPAYMT", "HRESCH")}), true},
		"purpose below":             {permit(object{"purpose": purpose("ETREAT")}), deny(object{"purpose": purpose("TREAT")}), true},
		"other purposes":            {permit(object{"purpose": purpose("HRESCH")}), deny(object{"purpose": purpose("TREAT")}), false},
		"same person":               {permit(object{"actor": by("Practitioner/1")}), deny(object{"actor": by("Practitioner/1")}), true},
		"other persons":             {permit(object{"actor": by("Practitioner/1")}), deny(object{"actor": by("Practitioner/2")}), false},
		"a person of a house":       {permit(object{"actor": by("Practitioner/1")}), deny(object{"actor": by("Organization/own")}), true},
		"same type":                 {permit(object{"class": class("Condition")}), deny(object{"class": class("Condition")}), true},
		"other types":               {permit(object{"class": class("Condition")}), deny(object{"class": class("Observation")}), false},
		"normal and restricted":     {permit(object{"securityLabel": label(secretOf, "N")}), deny(object{"securityLabel": label(secretOf, "R")}), false},
		"restricted":                {permit(object{"securityLabel": label(secretOf, "R")}), deny(object{"securityLabel": label(secretOf, "R")}), true},
		"an exception of its own":   {permit(object{"provision": []any{deny(object{"class": class("Observation")})}}), deny(object{"class": class("Observation")}), false},
		"an exception of the other": {permit(object{"class": class("Observation")}), deny(object{"provision": []any{permit(object{"class": class("Observation")})}}), false},
		"one that ended":            {permit(object{}), nil, false},
		"two that permit":           {permit(object{}), permit(object{}), false},
	} {
		found := contradictions(t, c.a, c.b)
		if (len(found) > 0) != c.so {
			t.Errorf("%s: %+v", name, found)
		}
		if c.so && (found[0].Permits != "Consent/a/_history/1" || found[0].Denies != "Consent/b/_history/1") {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

// How often they are asked is bounded, and that is said.
func TestContradictionsAreBounded(t *testing.T) {
	var rules []*Rules
	for i := range 100 {
		p := object{"type": "permit", "class": []any{coding("http://hl7.org/fhir/resource-types", "Condition")}}
		if i%2 == 0 {
			p = object{"type": "deny", "class": []any{coding("http://hl7.org/fhir/resource-types", "Observation")}}
		}
		c := newDice(uint64(i)).consent()
		c["status"], c["provision"], c["scope"] = "active", p, coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")
		delete(c, "dateTime")
		delete(c, "policyRule")
		delete(c, "meta")
		body, _ := json.Marshal(c)
		r, err := Compile(fhir.Ref{Type: "Consent", ID: "x"}, 1, body)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r, r)
	}
	if found, more := Contradict(rules, Subject{House: "Organization/own", Directory: archive, Now: noon}); !more || len(found) > 0 {
		t.Errorf("%d found, more %v", len(found), more)
	}
}
