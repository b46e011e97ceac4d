package access

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/patch"
)

// with is a caller with scopes in place of all.
func (h *house) with(call *Call, claim string) *Call {
	h.Helper()
	scopes, err := h.CheckScopes(claim)
	if err != nil {
		h.Fatal(claim, err)
	}
	call.Agent.Scopes = scopes
	return call
}

func statusDoc(id, patient, status string) string {
	return strings.Replace(observationDoc(id, patient), "final", status, 1)
}

// Every kind of write stays inside the scope, and finds only what is inside.
func TestWritesStayInsideTheScope(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"), statusDoc("in", "p", "final"), statusDoc("out", "p", "amended"))
	ref := func(id string) fhir.Ref { return fhir.Ref{Type: "Observation", ID: id} }
	amend, err := patch.ParseJSON([]byte(`[{"op":"replace","path":"/status","value":"amended"}]`))
	if err != nil {
		t.Fatal(err)
	}
	keep, err := patch.ParseJSON([]byte(`[{"op":"add","path":"/note","value":[{"text":"x"}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	document := func(id, status string) *fhir.Resource { return h.parse(statusDoc(id, "p", status)) }
	both := "user/Observation.cruds?status=final"
	for _, c := range []struct {
		name, scope string
		op          Operation
		want        fhir.Kind // 0: it is done
	}{
		{"create inside", both, Operation{Method: "POST", Ref: ref(""), Resource: document("x", "final")}, 0},
		{"create outside", both, Operation{Method: "POST", Ref: ref(""), Resource: document("x", "amended")}, fhir.Forbidden},
		{"update inside", both, Operation{Method: "PUT", Ref: ref("in"), Resource: document("in", "final")}, 0},
		{"update that leaves", both, Operation{Method: "PUT", Ref: ref("in"), Resource: document("in", "amended")}, fhir.Forbidden},
		{"update of what is hidden", both, Operation{Method: "PUT", Ref: ref("out"), Resource: document("out", "final")}, fhir.NotFound},
		{"update of what is absent", both, Operation{Method: "PUT", Ref: ref("none"), Resource: document("none", "final")}, fhir.NotFound},
		{"update of what is outside and seen", "user/Observation.rs user/Observation.u?status=final", Operation{Method: "PUT", Ref: ref("out"), Resource: document("out", "final")}, fhir.Forbidden},
		{"patch that leaves", both, Operation{Method: "PATCH", Ref: ref("in"), Patch: amend}, fhir.Forbidden},
		{"patch inside", both, Operation{Method: "PATCH", Ref: ref("in"), Patch: keep}, 0},
		{"patch of what is hidden", both, Operation{Method: "PATCH", Ref: ref("out"), Patch: keep}, fhir.NotFound},
		{"patch of what is outside and seen", "user/Observation.rs user/Observation.u?status=final", Operation{Method: "PATCH", Ref: ref("out"), Patch: keep}, fhir.Forbidden},
		{"delete of what is outside and seen", "user/Observation.rs user/Observation.d?status=final", Operation{Method: "DELETE", Ref: ref("out")}, fhir.Forbidden},
		{"update where it meets", both, Operation{Method: "PUT", Ref: ref(""), Conditional: true, Criteria: params("_id=in"), Resource: document("in", "final")}, 0},
		{"update where nothing visible meets", both, Operation{Method: "PUT", Ref: ref(""), Conditional: true, Criteria: params("_id=out"), Resource: document("out", "final")}, fhir.NotFound},
		{"update where it leaves", both, Operation{Method: "PUT", Ref: ref(""), Conditional: true, Criteria: params("_id=in"), Resource: document("in", "amended")}, fhir.Forbidden},
		{"create unless there is one: hidden ones do not count", both, Operation{Method: "POST", Ref: ref(""), Conditional: true, Criteria: params("_id=out"), Resource: document("x", "final")}, 0},
		{"delete where nothing visible meets", both, Operation{Method: "DELETE", Ref: ref(""), Conditional: true, Criteria: params("_id=out")}, 0},
	} {
		for _, single := range []bool{true, false} {
			op := c.op
			ops := []Operation{op}
			if !single { // next to another that is right
				ops[0].Expression = "Bundle.entry[0]"
				ops = append(ops, Operation{Method: "POST", Ref: ref(""), Resource: document("y", "final"), Expression: "Bundle.entry[1]"})
			}
			before, told := h.count(), h.told()
			call := h.with(h.as(agent.Practitioner, "TREAT"), strings.Replace(c.scope, "user/Observation.rs user", "user/Observation.crs user", 1)+" user/Observation.c?status=final")
			_, err := h.Apply(t.Context(), call, ops)
			if c.want == 0 && err != nil || c.want != 0 && kindOf(err) != c.want {
				t.Errorf("%s (alone: %t): %v", c.name, single, err)
			}
			lines := told()
			if len(lines) != 1 || strings.HasPrefix(lines[0], "deny") != (c.want == fhir.Forbidden || c.want == fhir.NotFound && !strings.Contains(c.name, "absent") && !strings.Contains(c.name, "meets")) {
				t.Errorf("%s (alone: %t): recorded as %q", c.name, single, lines)
			}
			if after := h.count(); c.want != 0 && after != before {
				t.Errorf("%s (alone: %t): %d Observations became %d", c.name, single, before, after)
			}
		}
	}
	if v, err := h.Store.Get(t.Context(), ref("out")); err != nil || v.Version != 1 {
		t.Errorf("what is outside has version %d, %v", v.Version, err)
	}
}

// count is how many versions of Observations there are.
func (h *house) count() int64 {
	h.Helper()
	res, err := h.History(h.Context(), h.as(agent.Practitioner, "TREAT"), HistoryRequest{Type: "Observation", Total: true})
	if err != nil {
		h.Fatal(err)
	}
	return res.Total
}

// What is deleted is judged by what it was.
func TestWhatIsDeletedIsInsideAScopeIfItWas(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"), statusDoc("in", "p", "final"), statusDoc("out", "p", "amended"), statusDoc("was", "p", "final"), statusDoc("was", "p", "amended"))
	for _, id := range []string{"in", "out", "was"} {
		if _, err := h.Apply(t.Context(), h.system(), []Operation{{Method: "DELETE", Ref: fhir.Ref{Type: "Observation", ID: id}}}); err != nil {
			t.Fatal(err)
		}
	}
	call := func() *Call {
		return h.with(h.as(agent.Practitioner, "TREAT"), "user/Observation.rs?status:not=amended")
	}
	for id, want := range map[string]fhir.Kind{"in": fhir.Gone, "out": fhir.NotFound, "was": fhir.NotFound} {
		if _, err := h.Read(t.Context(), call(), fhir.Ref{Type: "Observation", ID: id}); kindOf(err) != want {
			t.Errorf("read of %s: %v", id, err)
		}
	}
	res, err := h.History(t.Context(), call(), HistoryRequest{Type: "Observation"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range res.Matches {
		got = append(got, v.Ref.ID+" "+v.Method)
	}
	if want := []string{"in DELETE", "was PUT", "in PUT"}; !slices.Equal(got, want) {
		t.Errorf("history %q, want %q", got, want)
	}
}

// Where no row is judged, scopes with parameters permit nothing; and so does one that cannot
// be enforced, wherever it comes from.
func TestScopesWithParametersPermitRowsOnly(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"), statusDoc("in", "p", "final"))
	for claim, want := range map[string]fhir.Kind{"user/CapabilityStatement.r": 0, "user/CapabilityStatement.r?status=active": fhir.Forbidden} {
		if err := h.Operate(t.Context(), h.with(h.as(agent.Administrator, "HOPERAT"), claim), "metrics"); want == 0 && err != nil || want != 0 && kindOf(err) != want {
			t.Errorf("metrics with %s: %v", claim, err)
		}
	}
	for _, claim := range []string{"user/AuditEvent.r?date=2020", "user/Observation.rs?subject.name=x", "user/Observation.rs?nothing=x", "user/Observation.rs?code:in=x&status=final", "user/Nothing.rs?_id=x"} {
		if _, err := h.CheckScopes("user/Patient.rs " + claim); err == nil || !strings.Contains(err.Error(), claim) {
			t.Errorf("%s: %v", claim, err)
		}
	}
	call := h.as(agent.Practitioner, "TREAT")
	call.Agent.Scopes = []agent.Scope{{Context: "user", Type: "Observation", Actions: "rs", Query: "status=final&nothing=x"}}
	if _, err := h.Read(t.Context(), call, fhir.Ref{Type: "Observation", ID: "in"}); kindOf(err) != fhir.NotFound {
		t.Errorf("a scope that cannot be enforced: %v", err)
	}
}

// A system from which something is hidden when it writes chooses no ids: it would learn
// which are taken.
func TestSystemsThatAreNarrowedChooseNoIDs(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"))
	for claim, want := range map[string]fhir.Kind{"system/Observation.cruds": 0, "system/Observation.cruds?status=final": fhir.NotFound} {
		id := fmt.Sprint("new", want)
		op := Operation{Method: "PUT", Ref: fhir.Ref{Type: "Observation", ID: id}, Resource: h.parse(statusDoc(id, "p", "final"))}
		_, err := h.Apply(t.Context(), h.with(h.system(), claim), []Operation{op})
		if want == 0 && err != nil || want != 0 && kindOf(err) != want {
			t.Errorf("%s: %v", claim, err)
		}
	}
}

// Each scope permits what it does by itself: that of a patient within her compartment, others
// what has their values; and Consents bind all of it.
func TestScopesOfSeveralContextsAddUp(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"), patientDoc("q"), patientDoc("denied"), denialDoc("c", "denied"))
	for _, patient := range []string{"p", "q", "denied"} {
		h.put(statusDoc("f-"+patient, patient, "final"), statusDoc("a-"+patient, patient, "amended"))
	}
	for claim, want := range map[string][]string{
		"patient/Observation.rs user/Observation.rs?status=final":                                            {"a-p", "f-p", "f-q"},
		"patient/Observation.rs?status=amended user/Observation.rs?status=final":                             {"a-p", "f-p", "f-q"},
		"user/Observation.rs?status=amended user/Observation.rs?status=final&subject=Patient/p":              {"a-p", "a-q", "f-p"},
		"user/Observation.rs user/Observation.rs?status=final":                                               {"a-p", "a-q", "f-p", "f-q"},
		"patient/Observation.rs?status=final":                                                                {"f-p"},
		"system/Observation.rs user/Observation.rs?status=final":                                             {"f-p", "f-q"},
		"user/Observation.r user/Observation.s?status=final&subject=Patient/denied user/Observation.c?_id=x": nil,
	} {
		call := func() *Call {
			c := h.with(h.as(agent.Practitioner, "TREAT"), claim)
			c.Agent.Patient = "Patient/p"
			return c
		}
		var read []string
		for _, id := range []string{"a-denied", "a-p", "a-q", "f-denied", "f-p", "f-q"} {
			if _, err := h.Read(t.Context(), call(), fhir.Ref{Type: "Observation", ID: id}); err == nil {
				read = append(read, id)
			}
		}
		res, err := h.Search(t.Context(), call(), SearchRequest{Type: "Observation", Params: params("_sort=_id&_total=accurate")})
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, v := range res.Matches {
			found = append(found, v.Ref.ID)
		}
		if want != nil && !slices.Equal(read, want) || !slices.Equal(found, want) || res.Total != int64(len(want)) {
			t.Errorf("%s: read %q, found %q of %d, want %q", claim, read, found, res.Total, want)
		}
	}
}
