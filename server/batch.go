package server

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// maxReceipts is how many bytes of receipts go into the header of a batch: HTTP
// clients bound headers. Every entry of the answer has its own in any case.
const maxReceipts = 32 << 10

// bundle is POST [base]: a transaction or a batch.
func (s *server) bundle(c *gin.Context, call *access.Call) (*answer, error) {
	if _, err := viewOf(c); err != nil {
		return nil, err
	}
	data, err := s.body(c, s.MaxBody, mediaFHIR, mediaJSON)
	if err != nil {
		return nil, err
	}
	b, err := fhir.ParseBundle(data, s.base)
	if err != nil {
		return nil, err
	}
	if b.Type == "transaction" {
		return s.transaction(c, call, b)
	}
	return s.batch(c, call, b)
}

// batch does every entry as a request of its own, with a record of its own.
func (s *server) batch(c *gin.Context, call *access.Call, b *fhir.Bundle) (*answer, error) {
	a := fhir.Answer{Type: "batch-response", Time: s.Now(), Total: -1, Entries: make([]fhir.AnswerEntry, len(b.Entries))}
	size := 0
	for i := range b.Entries {
		own := *call
		own.Receipts = nil
		e := s.batchEntry(c, &own, &b.Entries[i])
		e.Response.Records = own.Receipts
		a.Entries[b.Entries[i].Index] = e
		if size += len(strings.Join(own.Receipts, ", ")); size <= maxReceipts {
			call.Receipts = append(call.Receipts, own.Receipts...)
		}
	}
	body, err := a.Bytes()
	return &answer{status: http.StatusOK, body: body}, err
}

// batchEntry does one entry; what goes wrong is its answer.
func (s *server) batchEntry(c *gin.Context, call *access.Call, e *fhir.Entry) fhir.AnswerEntry {
	answered, err := s.tryEntry(c, call, e)
	if err == nil {
		return answered
	}
	described := describe(err)
	status := described.Kind.Status()
	if status >= http.StatusInternalServerError {
		c.Set(keyCause, described)
	}
	response := &fhir.AnswerResponse{Status: statusLine(status)}
	if response.Outcome, err = fhir.Outcome(described.Findings(described.Kind.Code())); err != nil {
		c.Set(keyCause, err)
		response.Outcome = []byte(exception)
	}
	return fhir.AnswerEntry{Response: response}
}

func (s *server) tryEntry(c *gin.Context, call *access.Call, e *fhir.Entry) (fhir.AnswerEntry, error) {
	if e.Err != nil {
		return fhir.AnswerEntry{}, e.Err
	}
	if e.Method == http.MethodGet {
		return s.get(c, call, e)
	}
	op, err := operation(e)
	if err != nil {
		return fhir.AnswerEntry{}, err
	}
	op.Expression = "" // a request of its own, not a part of a transaction
	effects, err := s.Gate.Apply(c.Request.Context(), call, []access.Operation{op})
	if err != nil {
		return fhir.AnswerEntry{}, err
	}
	if len(effects) != 1 {
		return fhir.AnswerEntry{}, errEffects
	}
	return s.effect(e, &effects[0], preferOf(c.Request).result)
}

// get does a GET of a batch: read, vread, history or search.
func (s *server) get(c *gin.Context, call *access.Call, e *fhir.Entry) (fhir.AnswerEntry, error) {
	params := withoutFormat(e.Params)
	switch {
	case e.Type == auditEvent:
		return s.getAuditEvent(c, call, e, params)
	case e.History:
		body, err := s.historyBundle(c.Request.Context(), call, e.Ref, params)
		return found(body), err
	case e.ID == "":
		request := access.SearchRequest{Type: e.Type, Compartment: e.Compartment, Params: params, Lenient: preferOf(c.Request).lenient}
		body, err := s.searchBundle(c.Request.Context(), call, request, s.Gate.Search)
		return found(body), err
	}
	view, rest, err := takeView(params)
	if err == nil && len(rest) > 0 {
		err = unknownParam(rest[0].Name)
	}
	if err != nil {
		return fhir.AnswerEntry{}, err
	}
	v, err := s.readEntry(c, call, e)
	if err != nil {
		return fhir.AnswerEntry{}, err
	}
	return s.versionEntry(e, v, view)
}

func (s *server) readEntry(c *gin.Context, call *access.Call, e *fhir.Entry) (*access.Version, error) {
	if e.Version > 0 {
		return s.Gate.VRead(c.Request.Context(), call, e.Ref, e.Version)
	}
	return s.Gate.Read(c.Request.Context(), call, e.Ref)
}

func (s *server) getAuditEvent(c *gin.Context, call *access.Call, e *fhir.Entry, params []fhir.Param) (fhir.AnswerEntry, error) {
	switch {
	case e.History || e.Version > 0 || e.Compartment != "":
		return fhir.AnswerEntry{}, unsupported("AuditEvents can be read and searched, nothing else.")
	case e.ID == "":
		request := access.SearchRequest{Type: auditEvent, Params: params, Lenient: preferOf(c.Request).lenient}
		body, err := s.searchBundle(c.Request.Context(), call, request, s.Gate.SearchAuditEvents)
		return found(body), err
	}
	v, err := s.Gate.ReadAuditEvent(c.Request.Context(), call, e.ID)
	if err != nil {
		return fhir.AnswerEntry{}, err
	}
	return s.versionEntry(e, v, view{})
}

// versionEntry answers a GET with one version, or with 304.
func (s *server) versionEntry(e *fhir.Entry, v *access.Version, view view) (fhir.AnswerEntry, error) {
	response := &fhir.AnswerResponse{Status: statusLine(http.StatusOK), ETag: etagOf(v), LastModified: v.LastUpdated}
	answered := fhir.AnswerEntry{FullURL: s.url(v.Ref.String()), Response: response}
	if unchanged(v, e.IfNoneMatch, e.IfModifiedSince) {
		response.Status = statusLine(http.StatusNotModified)
		return answered, nil
	}
	var err error
	answered.Body, err = view.of(v.Body)
	return answered, err
}

// found answers a GET with a Bundle.
func found(body []byte) fhir.AnswerEntry {
	return fhir.AnswerEntry{Body: body, Response: &fhir.AnswerResponse{Status: statusLine(http.StatusOK)}}
}

func statusLine(status int) string { return fmt.Sprintf("%d %s", status, http.StatusText(status)) }
