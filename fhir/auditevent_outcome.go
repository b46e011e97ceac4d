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

// silentRefusal is the one status below 400 of a refusal: a DELETE of what the caller may
// not know is answered like one of what is not there, and nothing is deleted.
const silentRefusal = 204

// outcome is a success only if nothing was refused.
func (a *Access) outcome() *r4.AuditEventOutcome {
	o := auditOutcomes[0].code
	for _, outcome := range auditOutcomes {
		if a.Status >= outcome.from {
			o = outcome.code
		}
	}
	if a.Decision == "deny" && a.Status == silentRefusal {
		o = r4.AuditEventOutcome4
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

// AuditStatuses returns the ranges of HTTP statuses, from <= status < to, of which a
// code of AuditEvent.outcome may be told; none for a code that no record has.
func AuditStatuses(code string) (ranges [][2]int) {
	to := 600
	for _, outcome := range slices.Backward(auditOutcomes) {
		if outcome.code.Code() == code {
			ranges = append(ranges, [2]int{outcome.from, to})
		}
		to = outcome.from
	}
	if code == r4.AuditEventOutcome4.Code() {
		ranges = append(ranges, [2]int{silentRefusal, silentRefusal + 1})
	}
	return ranges
}
