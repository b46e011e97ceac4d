package server

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// maxReceipts is how many bytes of receipts go into the header of a batch: HTTP
// clients limit headers. Every entry of the answer has its own anyway.
const maxReceipts = 32 << 10

// bundle is POST [base]: a transaction or a batch.
func (s *server) bundle(c *gin.Context, call *access.Call) (*answer, error) {
	if _, err := viewOf(c); err != nil {
		return nil, err
	}
	data, err := s.document(c)
	if err != nil {
		return nil, err
	}
	b, err := fhir.AdmitBundle(data, cmp.Or(s.Bases, s.base), s.Parse, func(entries int) error { return s.charge(c, max(entries, 1), 1) })
	if err != nil {
		return nil, err
	}
	if b.Type == "transaction" {
		return s.transaction(c, call, b)
	}
	return s.batch(c, call, b)
}

// batch treats every entry as a separate request with its own record.
func (s *server) batch(c *gin.Context, call *access.Call, b *fhir.Bundle) (*answer, error) {
	a := fhir.Answer{Type: "batch-response", Time: s.Now(), Total: -1, Entries: make([]fhir.AnswerEntry, len(b.Entries))}
	size, room := 0, int64(access.MaxAnswer)
	for i := range b.Entries {
		own := call.Entry()
		own.Room = room
		own.Hold = func(bytes int64) error { return call.Hold(access.MaxAnswer - room + bytes) }
		e := s.batchEntry(c, own, &b.Entries[i])
		room -= int64(len(e.Body))
		if b.Entries[i].Method == http.MethodHead {
			e.Body = nil
		}
		e.Response.Records = own.Receipts
		a.Entries[b.Entries[i].Index] = e
		if size += len(strings.Join(own.Receipts, ", ")); size <= maxReceipts {
			call.Receipts = append(call.Receipts, own.Receipts...)
		}
	}
	body, err := a.Bytes()
	return &answer{status: http.StatusOK, body: body}, err
}

// batchEntry does one entry and answers its error, if any, in its place.
func (s *server) batchEntry(c *gin.Context, call *access.Call, e *fhir.Entry) fhir.AnswerEntry {
	answered, err := s.tryEntry(c, call, e)
	if err == nil {
		return answered
	}
	status, issues := issuesOf(c, describe(err))
	one := outcomeAnswer(c, status, issues)
	refused := fhir.AnswerEntry{Response: one.response()}
	refused.Response.Outcome = one.body
	return refused
}

func (s *server) tryEntry(c *gin.Context, call *access.Call, e *fhir.Entry) (fhir.AnswerEntry, error) {
	switch {
	case e.Err != nil:
		return fhir.AnswerEntry{}, e.Err
	case call.Room <= 0:
		return fhir.AnswerEntry{}, &fhir.Error{Kind: fhir.TooLarge, Detail: "The entries before this one fill the answer, which has 32 MB of documents. Send this entry in another batch, or by itself."}
	}
	if e.Path != "" {
		return s.routeEntry(c, call, e)
	}
	if e.Method == http.MethodGet {
		return s.get(c, call, e)
	}
	op, err := operation(e)
	if err != nil {
		return fhir.AnswerEntry{}, err
	}
	op.Expression = "" // a request of its own, not a part of a transaction
	effects, err := s.applyAll(c.Request.Context(), call, op)
	if err != nil {
		return fhir.AnswerEntry{}, err
	}
	return s.effect(e, &effects[0], askedOf(c).result)
}

// get does a GET of a batch: read, vread, history or search.
func (s *server) get(c *gin.Context, call *access.Call, e *fhir.Entry) (fhir.AnswerEntry, error) {
	ctx, params, lenient := c.Request.Context(), withoutFormat(e.Params), askedOf(c).lenient
	switch {
	case e.Type == auditEvent && (e.History || e.Version > 0 || e.Compartment != ""):
		return fhir.AnswerEntry{}, unsupported(auditEventsOnly)
	case e.History:
		body, err := s.historyBundle(ctx, call, e.Ref, params)
		return found(body), err
	case e.ID == "" && e.Type == "":
		body, err := s.systemBundle(ctx, call, params, lenient)
		return found(body), err
	case e.ID == "":
		request := access.SearchRequest{Type: e.Type, Compartment: e.Compartment, Params: params, Lenient: lenient}
		body, err := s.searchBundle(ctx, call, request, s.searchOf(e.Type))
		return found(body), err
	}
	if own, ok, err := ownDefinition(e.Ref); ok && err == nil && e.Version == 0 {
		return found(own.body), nil
	}
	view, err := parseView(params, true)
	if err != nil {
		return fhir.AnswerEntry{}, err
	}
	v, err := s.readEntry(ctx, call, e)
	if err != nil {
		return fhir.AnswerEntry{}, err
	}
	return s.versionEntry(e, v, view)
}

func (s *server) readEntry(ctx context.Context, call *access.Call, e *fhir.Entry) (*access.Version, error) {
	switch {
	case e.Type == auditEvent:
		return s.Gate.ReadAuditEvent(ctx, call, e.ID)
	case e.Version > 0:
		return s.Gate.VRead(ctx, call, e.Ref, e.Version)
	}
	return s.Gate.Read(ctx, call, e.Ref)
}

// versionEntry answers a GET with one version, or with 304.
func (s *server) versionEntry(e *fhir.Entry, v *access.Version, view view) (fhir.AnswerEntry, error) {
	one, err := version(v, view, e.IfNoneMatch, e.IfModifiedSince)
	if err != nil {
		return fhir.AnswerEntry{}, err
	}
	return fhir.AnswerEntry{FullURL: s.url(v.Ref.String()), Body: one.body, Response: one.response()}, nil
}

// response is the answer as part of a Bundle.
func (a *answer) response() *fhir.AnswerResponse {
	return &fhir.AnswerResponse{Status: statusLine(a.status), Location: a.location, ETag: a.etag, LastModified: a.lastModified}
}

// found answers a GET with a Bundle.
func found(body []byte) fhir.AnswerEntry {
	return fhir.AnswerEntry{Body: body, Response: &fhir.AnswerResponse{Status: statusLine(http.StatusOK)}}
}

func statusLine(status int) string { return fmt.Sprintf("%d %s", status, http.StatusText(status)) }
