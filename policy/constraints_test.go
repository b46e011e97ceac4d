package policy

import (
	"slices"
	"testing"
)

// What labels says as an object is what the list of labels would say.
func TestLabelsAreLevelsAndSensitivities(t *testing.T) {
	const secrecy, act = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality|", "http://terminology.hl7.org/CodeSystem/v3-ActCode|"
	for constraint, want := range map[string][]string{
		`{"confidentiality": {"max": "N"}}`:                           {secrecy + "R"},
		`{"confidentiality": {"max": "R"}, "without": ["ETH","PSY"]}`: {secrecy + "V", act + "ETH", act + "PSY"},
		`{"without": {"urn:own|x", "_InformationSensitivityPolicy"}}`: {act + "_InformationSensitivityPolicy", "urn:own|x"},
		`{"` + secrecy + `R"}`:                                        {secrecy + "R"},
	} {
		e := newEngine(t, folder(byDefault+"decision := "+with(`"constraints": {"labels": `+constraint+`}`)), Options{})
		d, err := e.Decide(t.Context(), input())
		if slices.Sort(d.Constraints.Labels); err != nil || !slices.Equal(d.Constraints.Labels, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: got %q, %v", constraint, d.Constraints.Labels, err)
		}
	}
}

// The constraint search is decided for the type that it is about, in one spelling.
func TestSearchConstrains(t *testing.T) {
	e := newEngine(t, folder(byDefault+"decision := "+with(`"constraints": {"search": "status=final&category=a%7Cb"}`)), Options{})
	in := input()
	if d, err := e.Decide(t.Context(), in); err != nil || d.Constraints.Search != "category=a|b&status=final" {
		t.Errorf("got %q, %v", d.Constraints.Search, err)
	}
	in.Interaction, in.Type = "metrics", ""
	if d, err := e.Decide(t.Context(), in); err == nil || d.Allow || d.Reason != "policy-error" {
		t.Errorf("got %+v, %v: a question about no type has no rows to restrict", d, err)
	}
}
