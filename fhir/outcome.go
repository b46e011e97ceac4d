package fhir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// Findings returns the issues that tell a client about the error. Issues without
// a code get code, the code of the error's Kind.
//
// An error that only summarises its issues is omitted: clients look at the first
// issue.
func (e *Error) Findings(code string) []Issue {
	var all []Issue
	isError := func(i Issue) bool { return !i.Warning }
	if e.Expression != "" || !slices.ContainsFunc(e.Issues, isError) {
		all = append(all, Issue{Code: code, Detail: e.Detail, Expression: e.Expression})
	}
	for _, i := range e.Issues {
		if i.Code == "" {
			i.Code = code
		}
		all = append(all, i)
	}
	return all
}

// Outcome builds an OperationOutcome; without issues it says that all went well.
func Outcome(issues []Issue) ([]byte, error) {
	frame := struct {
		ResourceType string `json:"resourceType"`
		r4.OtherOperationOutcome
	}{ResourceType: "OperationOutcome"}
	for _, i := range issues {
		issue, err := outcomeIssue(i)
		if err != nil {
			return nil, err
		}
		frame.Issue = append(frame.Issue, issue)
	}
	if len(issues) == 0 {
		frame.Issue = []r4.OperationOutcomeIssue{{
			Severity: r4.IssueSeverityInformation, Code: r4.IssueTypeInformational,
			Details: &r4.CodeableConcept{Text: text("All OK")},
		}}
	}
	return encode(frame)
}

func outcomeIssue(i Issue) (r4.OperationOutcomeIssue, error) {
	issue := r4.OperationOutcomeIssue{Severity: r4.IssueSeverityError}
	if i.Warning {
		issue.Severity = r4.IssueSeverityWarning
	}
	if err := issue.Code.UnmarshalJSON([]byte(i.Code)); err != nil {
		return issue, fmt.Errorf("build OperationOutcome: %w", err)
	}
	if i.Detail != "" {
		issue.Details = &r4.CodeableConcept{Text: &i.Detail}
	}
	if i.Expression != "" {
		issue.Expression = []string{i.Expression}
	}
	return issue, nil
}

// encode is json.Marshal without the escapes that only HTML needs, so that
// links stay readable.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
