package server

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// transaction does all entries or none, with one record.
func (s *server) transaction(c *gin.Context, call *access.Call, b *fhir.Bundle) (*answer, error) {
	ops := make([]access.Operation, len(b.Entries))
	for i := range b.Entries {
		var err error
		if ops[i], err = operation(&b.Entries[i]); err != nil {
			return nil, err
		}
	}
	effects, err := s.applyAll(c.Request.Context(), call, ops...)
	if err != nil {
		return nil, err
	}
	a := fhir.Answer{Type: "transaction-response", Time: s.Now(), Total: -1, Entries: make([]fhir.AnswerEntry, len(ops))}
	result := askedOf(c).result
	for i := range effects {
		e := &b.Entries[i]
		if a.Entries[e.Index], err = s.effect(e, &effects[i], result); err != nil {
			return nil, err
		}
	}
	body, err := a.Bytes()
	return &answer{status: http.StatusOK, body: body}, err
}

// operation turns an entry into an operation of the gate.
func operation(e *fhir.Entry) (access.Operation, error) {
	op := access.Operation{
		Method: e.Method, Ref: e.Ref, Version: e.Version, Resource: e.Resource, IfMatch: e.IfMatch,
		Conditional: e.Conditional, Criteria: e.Criteria, FullURL: e.FullURL, Expression: e.Expression(),
	}
	switch {
	case e.Type == auditEvent && e.Method != http.MethodGet:
		refusal := errAuditEvent()
		refusal.Expression = e.Expression() + ".request"
		return op, refusal
	case e.Method == http.MethodPatch:
		var err error
		op.Resource = nil
		if op.Patch, err = patchIn(e); err != nil {
			err = describe(err).At(e.Expression())
		}
		return op, err
	case e.Method != http.MethodGet:
		return op, mayWrite(e.Ref)
	case e.History || e.Compartment != "" || e.Type == auditEvent:
		return op, &fhir.Error{Kind: fhir.Invalid, Expression: e.Expression() + ".request.url",
			Detail: "A GET in a transaction reads one resource or searches one type. Use a batch for histories, compartments and AuditEvents."}
	case e.ID != "" && len(withoutFormat(e.Params)) > 0:
		return op, &fhir.Error{Kind: fhir.Invalid, Expression: e.Expression() + ".request.url",
			Detail: "A GET of one resource in a transaction has no parameters."}
	}
	op.Criteria = withoutFormat(e.Params)
	return op, nil
}

// effect answers an entry that the gate has done.
func (s *server) effect(e *fhir.Entry, done *access.Effect, result string) (fhir.AnswerEntry, error) {
	switch {
	case done.Result != nil:
		body, err := s.resultBundle(done.Result, s.links(e.Type, done.Result.Self, "", done.Result.Next))
		return found(body), err
	case e.Method == http.MethodGet && done.Version != nil:
		return s.versionEntry(e, done.Version, view{})
	}
	one, err := s.changed(done, result)
	if err != nil {
		return fhir.AnswerEntry{}, err
	}
	answered := fhir.AnswerEntry{Response: one.response()}
	switch result {
	case "representation":
		answered.Body = one.body
	case "OperationOutcome":
		answered.Response.Outcome = one.body
	}
	if v := done.Version; v != nil && len(answered.Body) > 0 {
		answered.FullURL = s.url(v.Ref.String())
	}
	return answered, nil
}
