package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// crowd is a Group of n patients.
func crowd(n int) string {
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf(`{"entity":{"reference":"Patient/g%d"}}`, i)
	}
	return `{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[` + strings.Join(members, ",") + `]}`
}

// What resources inherit from one another is bounded for all of a request together.
func TestInheritedPatientsAreBounded(t *testing.T) {
	h := newHouse(t)
	h.put(crowd(900))
	var ops []Operation
	for range mostInherited/900 + 1 {
		ops = append(ops, h.post(list("l", "Group/g")))
	}
	_, err := h.Apply(t.Context(), h.system(), transaction(ops...))
	var refused *fhir.Error
	if !says(err, 422, "What the resources sent refer to is about more patients than one request may collect (100,000). Send them in parts, or refer to less.") || !errors.As(err, &refused) || refused.Expression != "Bundle.entry[111]" {
		t.Errorf("too many: %v", err)
	}
	if _, err := h.Apply(t.Context(), h.system(), transaction(ops[1:]...)); err != nil {
		t.Errorf("as many as may be: %v", err)
	}
}

// References that are refused have their place in the answer.
func TestRefusedReferencesHaveTheirPlace(t *testing.T) {
	h := newHouse(t)
	for reference, inTransaction := range map[string]bool{
		"Patient?identifier=x": false, "/Patient/1": false, base + "/../fhir/Patient/1": false, "Patient?identifier=nobody": true, "./Patient/1": true,
	} {
		ops := []Operation{h.post(list("l", "Patient/1", reference))}
		want := "List.entry[1].item.reference"
		if inTransaction {
			ops, want = transaction(ops...), "Bundle.entry[0].resource.entry[1].item.reference"
		}
		_, err := h.Apply(t.Context(), h.system(), ops)
		var refused *fhir.Error
		if !errors.As(err, &refused) || refused.Kind != fhir.Unprocessable || refused.Expression != want {
			t.Errorf("%s: %v", reference, err)
		}
	}
}
