package access

import (
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/policy"
)

// A policy hides what has one of some labels, itself or in what it contains, now or later,
// from every request.
func TestLabelsConstrainRows(t *testing.T) {
	h := newHouse(t)
	const secret = `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}]},`
	labelled := func(id, meta, more string) string {
		return `{"resourceType":"Observation","id":"` + id + `",` + meta + `"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p1"}` + more + `}`
	}
	h.put(patientDoc("p1"), labelled("open", "", ""), labelled("secret", secret, ""),
		`{"resourceType":"Bundle","id":"inside","type":"collection","entry":[{"resource":`+labelled("in", secret, "")+`}]}`,
		labelled("later", "", ""), labelled("later", secret, ""))
	h.see("Observation/open Observation/secret Bundle/inside Observation/later")
	h.Gate.Policy = &stated{policy.Decision{Allow: true, Reason: "local-permit", Consent: policy.Forbids, Constraints: policy.Constraints{
		Labels: []string{"http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R"},
	}}}
	h.see("Observation/open -Observation/secret -Bundle/inside -Observation/later")
	if _, err := h.VRead(t.Context(), h.as(agent.Practitioner, "TREAT"), ref("Observation/later"), 1); err == nil {
		t.Error("a version before the label is shown")
	}
	res, err := h.Search(t.Context(), h.as(agent.Practitioner, "TREAT"), SearchRequest{Type: "Patient", Params: params("_has:Observation:patient:_id=secret&_total=accurate")})
	if err != nil || res.Total != 0 || len(res.Matches) != 0 {
		t.Errorf("%+v, %v: a labelled Observation is found through its patient", res, err)
	}
}
