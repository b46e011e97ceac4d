package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// record stores a Consent as an own system, and gives the error.
func (h *house) record(documents ...string) error {
	var ops []Operation
	for i, d := range documents {
		res := h.parse(d)
		ops = append(ops, Operation{Method: "PUT", Ref: fhir.Ref{Type: "Consent", ID: res.ID()}, Resource: res, Expression: fmt.Sprintf("Bundle.entry[%d]", i)})
	}
	_, err := h.Apply(h.Context(), h.system(), ops)
	return err
}

func refusedWith(err error, number string) bool {
	var known *fhir.Error
	return errors.As(err, &known) && known.Kind == fhir.Unprocessable && strings.Contains(known.Detail, number)
}

// A Consent of which one cannot tell whose it is binds nobody, so it is not accepted.
func TestConsentsNameTheirPatient(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"), observationDoc("o", "p"))
	const patient = `"patient":{"reference":"Patient/p"},`
	whole := consentDoc("c", `{'type':'deny'}`)
	for name, instead := range map[string]string{
		"none":             "",
		"by identifier":    `"patient":{"identifier":{"system":"urn:mrn","value":"p"}},`,
		"by name":          `"patient":{"display":"P."},`,
		"of another place": `"patient":{"reference":"https://elsewhere.example/fhir/Patient/p"},`,
		"by its source":    `"sourceReference":{"reference":"Consent/c0"},`,
	} {
		if name == "by its source" {
			h.put(consentDoc("c0", `{'type':'permit'}`))
		}
		doc := strings.Replace(whole, patient, instead, 1)
		if err := h.record(doc); doc == whole || !refusedWith(err, "names its patient") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := h.record(whole); err != nil {
		t.Error(err)
	}
}

// A patient has at most 100 active Consents, with at most 20,000 values of criteria.
func TestConsentsOfOnePatientAreLimited(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"))
	var all []string
	for i := range mostConsents {
		all = append(all, consentDoc(fmt.Sprint("c", i), `{'type':'permit'}`))
	}
	if err := h.record(append(all, consentDoc("one-more", `{'type':'permit'}`))...); !refusedWith(err, "101 active") {
		t.Errorf("101 in one change: %v", err)
	}
	if err := h.record(all...); err != nil {
		t.Fatal(err)
	}
	if err := h.record(consentDoc("one-more", `{'type':'permit'}`)); !refusedWith(err, "101 active") {
		t.Errorf("one more: %v", err)
	}
	ended := strings.Replace(consentDoc("c0", `{'type':'permit'}`), `"active"`, `"inactive"`, 1)
	if err := h.record(consentDoc("c0", `{'type':'deny'}`), consentDoc("c1", `{'type':'deny'}`)); err != nil {
		t.Errorf("changed ones: %v", err)
	}
	if err := h.record(ended, consentDoc("one-more", `{'type':'permit'}`)); err != nil {
		t.Errorf("one for another: %v", err)
	}
}

func TestCriteriaOfOnePatientAreLimited(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"))
	wide := func(id string, n int) string {
		code := `{'system':'http://loinc.org','code':'1'}`
		return consentDoc(id, `{'type':'deny','securityLabel':[`+strings.TrimSuffix(strings.Repeat(code+",", n), ",")+`]}`)
	}
	for i := range 4 {
		if err := h.record(wide(fmt.Sprint("c", i), 5000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.record(wide("one-more", 1)); !refusedWith(err, "20001 values") {
		t.Errorf("20,001: %v", err)
	}
	if err := h.record(wide("c0", 5001)); !refusedWith(err, "5001") {
		t.Errorf("5,001 in one: %v", err)
	}
}
