package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// disclosed is what is read of the AuditEvent of a disclosure.
type disclosed struct {
	Recorded string
	Agent    []struct {
		Type      struct{ Coding []auditCode }
		Who       struct{ Reference, Display string }
		Name      string
		Requestor bool
	}
	PurposeOfEvent []struct{ Coding []auditCode }
	Entity         []struct{ What struct{ Reference string } }
}

// recordDisclosure is POST [base]/AuditEvent/$recordDisclosure.
func (s *server) recordDisclosure(c *gin.Context, call *access.Call) (*answer, error) {
	all, err := s.fast(c, []string{"disclosure"}, []string{"consent"})
	if err != nil {
		return nil, err
	}
	event, err := all.ofType("disclosure", true, auditEvent)
	if err != nil {
		return nil, err
	}
	d := access.Disclosure{}
	if d.Consent, err = s.reference(all, "consent", "Consent"); err != nil {
		return nil, err
	}
	var told disclosed
	if err := json.Unmarshal(event.Bytes(), &told); err != nil {
		return nil, fmt.Errorf("read an AuditEvent that was parsed: %w", err)
	}
	if err := s.readDisclosure(&told, &d); err != nil {
		return nil, err
	}
	if err := s.Gate.RecordDisclosure(c.Request.Context(), call, d); err != nil {
		return nil, err
	}
	body, err := fhir.Outcome(nil)
	return &answer{status: http.StatusOK, body: body}, err
}

// readDisclosure fills in what is recorded of a disclosure.
func (s *server) readDisclosure(told *disclosed, d *access.Disclosure) error {
	detail := url.Values{"observed": {"false"}, "recorded": {told.Recorded}}
	for _, e := range told.Entity {
		ref, _, ok := fhir.ParseReference(e.What.Reference, s.BaseURL)
		switch {
		case ok && ref.Type == "Patient" && d.Patient.ID != "" && d.Patient != ref:
			return &fhir.Error{Kind: fhir.Unprocessable, Detail: "Report the disclosures of each patient by themselves: this one names several.", Expression: "AuditEvent.entity"}
		case ok && ref.Type == "Patient":
			d.Patient = ref
		case e.What.Reference != "":
			detail.Add("data", e.What.Reference)
		}
	}
	if d.Patient.ID == "" {
		return &fhir.Error{Kind: fhir.Unprocessable, Detail: "A disclosure names whose data it was: give AuditEvent.entity.what.reference as Patient/id of this server.", Expression: "AuditEvent.entity"}
	}
	for _, p := range told.PurposeOfEvent {
		for _, code := range p.Coding {
			detail.Add("purpose", code.Code)
		}
	}
	for _, a := range told.Agent {
		name := "agent"
		if slices.ContainsFunc(a.Type.Coding, func(t auditCode) bool { return t.Code == "IRCP" || t.Code == "110152" }) {
			name = "recipient"
		}
		detail.Add(name, strings.Join(given(a.Who.Reference, a.Name, a.Who.Display), ", "))
		if ref, err := fhir.ParseRef(a.Who.Reference); name == "recipient" && err == nil && ref.Type != "Patient" {
			d.Recipient = ref.String()
		}
	}
	if d.Consent.ID != "" {
		detail.Set("consent", d.Consent.String())
	}
	if d.Detail = detail.Encode(); len(d.Detail) > mostAsked {
		return &fhir.Error{Kind: fhir.TooCostly, Detail: "What a disclosure says may have up to 4,000 bytes. Report it in parts.", Expression: "AuditEvent"}
	}
	return nil
}
