package access

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/validate"
)

// says tells whether an error is a refusal with a status and a sentence of docs/refusals.md.
func says(err error, status int, sentence string) bool {
	var refusal *fhir.Error
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(sentence), "…", ".*") + "$"
	return errors.As(err, &refusal) && refusal.Kind.Status() == status && regexp.MustCompile(pattern).MatchString(refusal.Detail)
}

// What the server refuses before it asks the gate, the gate refuses, too: others may ask it.
func TestRefusalsOfTheGateItself(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"))
	for sentence, c := range map[string]struct {
		status int
		op     Operation
	}{
		"A conditional interaction needs search criteria.":                        {400, Operation{Method: "DELETE", Ref: fhir.Ref{Type: "Patient"}, Conditional: true}},
		"AuditEvents are made from the records and cannot be written or deleted.": {405, Operation{Method: "DELETE", Ref: ref("AuditEvent/x")}},
	} {
		if _, err := h.Apply(t.Context(), h.system(), []Operation{c.op}); !says(err, c.status, sentence) {
			t.Errorf("%v; want %d %s", err, c.status, sentence)
		}
	}
	h.Validation.Level = validate.Base
	broken := h.parse(`{"resourceType":"Patient","id":"x","contact":[{"gender":"male"}]}`)
	if _, err := h.Apply(t.Context(), h.system(), []Operation{{Method: "POST", Ref: fhir.Ref{Type: "Patient"}, Resource: broken}}); !says(err, 422, "The resource breaks rules of R4 or of its profiles. The issues say which.") {
		t.Error(err)
	}
}
