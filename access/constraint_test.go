package access

import (
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
)

// A scope with search parameters and the constraint search of a policy must both hold.
func TestConstraintSearchBesideScopes(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"), statusDoc("both", "p", "final"), statusDoc("scope", "p", "amended"), statusDoc("policy", "p", "corrected"))
	h.Gate.Policy = searching{h.policy, "Observation", "status=final,corrected"}
	call := h.with(h.as(agent.Practitioner, "TREAT"), "user/Observation.rs?status=final,amended")
	res, err := h.Search(t.Context(), call, SearchRequest{Type: "Observation", Params: params("_total=accurate")})
	if err != nil || res.Total != 1 || len(res.Matches) != 1 || res.Matches[0].Ref.ID != "both" {
		t.Errorf("%+v, %v", res, err)
	}
}

// What does not satisfy the constraint search is not read, and whoever writes it away or into
// sight is refused.
func TestConstraintSearchHidesRows(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"), statusDoc("in", "p", "final"), statusDoc("out", "p", "amended"))
	h.Gate.Policy = searching{h.policy, "Observation", "status=final"}
	h.see("Observation/in -Observation/out")
	for _, id := range []string{"in", "none"} {
		_, err := h.Apply(t.Context(), h.as(agent.Practitioner, "TREAT"), []Operation{{Method: "PUT", Ref: ref("Observation/" + id), Resource: h.parse(statusDoc(id, "p", "amended"))}})
		if kindOf(err) != map[string]fhir.Kind{"in": fhir.Forbidden, "none": fhir.NotFound}[id] {
			t.Errorf("%s: %v", id, err)
		}
	}
	_, err := h.Apply(t.Context(), h.system(), []Operation{{Method: "PUT", Ref: ref("Observation/new"), Resource: h.parse(statusDoc("new", "p", "final"))}})
	if kindOf(err) != fhir.NotFound {
		t.Errorf("a system from which some are hidden chooses an id: %v", err)
	}
}

// Who is not to write what has some labels would learn from its own ids which are hidden.
func TestWhoMayNotWriteLabelsChoosesNoIDs(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"))
	h.Gate.Policy = &stated{policy.Decision{Allow: true, Reason: "local-permit", Consent: policy.Forbids, Constraints: policy.Constraints{Labels: []string{confidentiality + "R"}}}}
	_, err := h.Apply(t.Context(), h.system(), []Operation{{Method: "PUT", Ref: ref("Observation/new"), Resource: h.parse(observationDoc("new", "p"))}})
	if kindOf(err) != fhir.NotFound {
		t.Errorf("%v", err)
	}
}
