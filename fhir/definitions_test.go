package fhir

import (
	"slices"
	"testing"
)

func TestDefinitionsHoldR4(t *testing.T) {
	d := definitions()
	if d.broken != nil {
		t.Fatal(d.broken)
	}
	if n := len(ResourceTypes()); n != 146 {
		t.Errorf("%d resource types, want 146", n)
	}
	if n := len(d.params); n != 1377 {
		t.Errorf("%d search parameters, want 1377", n)
	}
	if !IsResourceType("Patient") || IsResourceType("Resource") || IsResourceType("HumanName") || IsResourceType("SubscriptionStatus") {
		t.Error("IsResourceType is wrong")
	}
	if got := CompartmentParams("Patient", "AllergyIntolerance"); !slices.Equal(got, []string{"patient", "recorder", "asserter"}) {
		t.Errorf("patient compartment of AllergyIntolerance: %v", got)
	}
	for _, name := range []string{"Patient", "Encounter", "Practitioner", "RelatedPerson", "Device"} {
		if !IsCompartment(name) {
			t.Errorf("no compartment %s", name)
		}
	}
}

func TestDefinitionsKnowNothingButR4(t *testing.T) {
	d := definitions()
	for _, absent := range []struct{ typ, element string }{
		{"Meta", "project"}, {"Meta", "author"}, {"Binary", "url"}, {"ResearchStudy", "whyStopped"}, {"ResearchStudy", "label"},
		{"EvidenceVariable.characteristic", "timeFromEvent"}, {"DeviceDefinition", "classification"},
	} {
		if d.Element(d.TypeIndex(absent.typ), absent.element) >= 0 {
			t.Errorf("%s.%s is not of R4", absent.typ, absent.element)
		}
	}
	for _, present := range []struct{ typ, element string }{
		{"EvidenceVariable.characteristic", "definition"}, {"Meta", "versionId"},
		{"MedicinalProductIngredient.specifiedSubstance.strength.referenceStrength", "strength"}, {"Age", "value"},
	} {
		if d.Element(d.TypeIndex(present.typ), present.element) < 0 {
			t.Errorf("%s.%s is missing", present.typ, present.element)
		}
	}
}

func TestSearchParamsIncludeThoseOfResource(t *testing.T) {
	var names []string
	for _, p := range SearchParams("Observation") {
		names = append(names, p.Name)
		if p.Name == "code-value-quantity" && (p.Kind != "composite" || len(p.Components) != 2 || p.Components[0].Kind != "token") {
			t.Errorf("code-value-quantity: %+v", p)
		}
	}
	for _, want := range []string{"_id", "_lastUpdated", "_text", "code", "patient", "code-value-quantity"} {
		if !slices.Contains(names, want) {
			t.Errorf("Observation lacks %s", want)
		}
	}
}

func TestMemberFindsChoices(t *testing.T) {
	d := definitions()
	o := &d.Types[d.TypeIndex("Observation")]
	m := d.member(o, []byte("valueQuantity"))
	if m == nil || d.Elements[m.elem].Name != "value" || d.Types[m.typ].Name != "Quantity" {
		t.Fatalf("valueQuantity: %+v", m)
	}
	if d.member(o, []byte("value")) != nil || d.member(o, []byte("valueReference")) != nil || d.member(o, nil) != nil {
		t.Error("a member that is none was found")
	}
}

func TestDecodeRefusesDamage(t *testing.T) {
	for name, text := range map[string]string{
		"letter": "Z\tx\n", "kind": "T\tx\tnonsense\n", "element first": "E\ta\t\tstring\t\t\n",
		"type": "T\tx\tresource\nE\ta\t\tnowhere\t\t\n", "set": "T\tx\tresource\nE\ta\t\tx\t\t9\n",
	} {
		if _, err := parseDefinitions(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := decodeDefinitions(definitionsTable[:1000]); err == nil {
		t.Error("a cut table was read")
	}
}

func BenchmarkDefinitions(b *testing.B) {
	for b.Loop() {
		if _, err := decodeDefinitions(definitionsTable); err != nil {
			b.Fatal(err)
		}
	}
}
