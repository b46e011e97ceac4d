package fhir

import (
	"encoding/json"
	"slices"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// auditOutcomes are the codes of AuditEvent.outcome that records have, and the lowest
// HTTP status of each: success, the client's failure, the server's failure.
var auditOutcomes = []struct {
	code r4.AuditEventOutcome
	from int
}{{r4.AuditEventOutcome0, 0}, {r4.AuditEventOutcome4, 400}, {r4.AuditEventOutcome8, 500}}

func (a *Access) outcome() *r4.AuditEventOutcome {
	o := auditOutcomes[0].code
	for _, outcome := range auditOutcomes {
		if a.Status >= outcome.from {
			o = outcome.code
		}
	}
	return &o
}

func (a *Access) failed() bool { return *a.outcome() != r4.AuditEventOutcome0 }

// failureID is the OperationOutcome inside the AuditEvent of a failure.
const failureID = "outcome"

// failure is what the record still knows of the answer to a refused or failed request.
func (a *Access) failure() (json.RawMessage, error) {
	issue := Issue{Code: "forbidden", Detail: "Refused: " + a.Reason}
	if a.Decision != "deny" {
		issue = Issue{Code: statusCode(a.Status), Detail: "Failed; nothing was refused."}
	}
	outcome := r4.OperationOutcomeIssue{Severity: r4.IssueSeverityError, Details: &r4.CodeableConcept{Text: &issue.Detail}}
	if err := outcome.Code.UnmarshalJSON([]byte(issue.Code)); err != nil {
		return nil, err
	}
	return encode(struct {
		ResourceType string                     `json:"resourceType"`
		ID           string                     `json:"id"`
		Issue        []r4.OperationOutcomeIssue `json:"issue"`
	}{"OperationOutcome", failureID, []r4.OperationOutcomeIssue{outcome}})
}

// statusCode is the issue code that a status tells: the status may stand for several.
func statusCode(status int) string {
	for _, k := range Kinds() {
		if k.Status() == status && k != Malformed && k != MultipleMatches {
			return k.Code()
		}
	}
	if status < 500 {
		return Invalid.Code()
	}
	return Internal.Code()
}

// AuditStatuses returns the HTTP statuses, from <= status < to, that a code of
// AuditEvent.outcome stands for. No record has a code that is not ok.
func AuditStatuses(code string) (from, to int, ok bool) {
	to = 600
	for _, outcome := range slices.Backward(auditOutcomes) {
		if outcome.code.Code() == code {
			return outcome.from, to, true
		}
		to = outcome.from
	}
	return 0, 0, false
}
