package fhir

import (
	"fmt"
	"time"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// Link is one Bundle.link.
type Link struct{ Relation, URL string }

// Answer is a Bundle that the server writes.
type Answer struct {
	ID      string
	Type    string // searchset, history, transaction-response, batch-response
	Time    time.Time
	Total   int64 // -1: none
	Links   []Link
	Entries []AnswerEntry
}

// AnswerEntry is one entry of an Answer, without its empty fields.
type AnswerEntry struct {
	FullURL  string
	Body     []byte // a resource, copied byte for byte
	Mode     string // of a searchset: match, include or outcome
	Request  *AnswerRequest
	Response *AnswerResponse
}

// AnswerRequest is the request that made a version, in a history.
type AnswerRequest struct{ Method, URL string }

// AnswerResponse is the outcome of an entry.
type AnswerResponse struct {
	Status       string // "201 Created"
	Location     string
	ETag         string
	LastModified time.Time
	Outcome      []byte   // an OperationOutcome
	Records      []string // receipts, as in the X-Aceso-Record header
}

// Bytes writes the Bundle. Frames are encoded from structs; resources never pass
// through an encoder, which would change their bytes.
func (a *Answer) Bytes() ([]byte, error) {
	frame, err := a.frame()
	if err != nil {
		return nil, fmt.Errorf("write Bundle: %w", err)
	}
	b, err := encode(frame)
	if err != nil {
		return nil, fmt.Errorf("write Bundle: %w", err)
	}
	if len(a.Entries) == 0 {
		return b, nil
	}
	b = append(grown(b, a.size()), `,"entry":[`...)
	for i := range a.Entries {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = a.Entries[i].append(b); err != nil {
			return nil, fmt.Errorf("write Bundle: entry %d: %w", i, err)
		}
	}
	return append(b, "]}"...), nil
}

// grown returns the frame without its closing brace and with room for more.
func grown(frame []byte, more int) []byte {
	b := make([]byte, 0, len(frame)+more)
	return append(b, frame[:len(frame)-1]...)
}

func (a *Answer) size() int {
	n := 0
	for i := range a.Entries {
		n += len(a.Entries[i].Body) + 300
	}
	return n
}

type bundleFrame struct {
	ResourceType string `json:"resourceType"`
	r4.OtherBundle
}

func (a *Answer) frame() (bundleFrame, error) {
	f := bundleFrame{ResourceType: "Bundle", OtherBundle: r4.OtherBundle{Id: given(&a.ID), Timestamp: instantOf(a.Time)}}
	if err := f.Type.UnmarshalJSON([]byte(a.Type)); err != nil {
		return f, err
	}
	if a.Total >= 0 {
		total := int(a.Total)
		f.Total = &total
	}
	for _, l := range a.Links {
		f.Link = append(f.Link, r4.BundleLink{Relation: l.Relation, Url: l.URL})
	}
	return f, nil
}

func (e *AnswerEntry) append(b []byte) ([]byte, error) {
	start := len(b)
	b, err := e.appendFrame(b)
	if err != nil || len(e.Body) == 0 {
		return b, err
	}
	b = b[:len(b)-1]
	if len(b) > start+1 {
		b = append(b, ',')
	}
	b = append(b, `"resource":`...)
	b = append(b, e.Body...)
	return append(b, '}'), nil
}

// appendFrame writes the entry without its resource. A searchset has many small
// entries, so it writes matches without reflection.
func (e *AnswerEntry) appendFrame(b []byte) ([]byte, error) {
	if e.Request == nil && e.Response == nil && e.FullURL != "" && (e.Mode == "match" || e.Mode == "include") {
		b = appendQuoted(append(b, `{"fullUrl":`...), e.FullURL)
		return append(b, `,"search":{"mode":"`+e.Mode+`"}}`...), nil
	}
	frame, err := e.frame()
	if err != nil {
		return nil, err
	}
	encoded, err := encode(frame)
	return append(b, encoded...), err
}

func (e *AnswerEntry) frame() (r4.BundleEntry, error) {
	f := r4.BundleEntry{FullUrl: given(&e.FullURL)}
	if e.Mode != "" {
		f.Search = &r4.BundleEntrySearch{Mode: new(r4.SearchEntryMode)}
		if err := f.Search.Mode.UnmarshalJSON([]byte(e.Mode)); err != nil {
			return f, err
		}
	}
	if e.Request != nil {
		f.Request = &r4.BundleEntryRequest{Url: e.Request.URL}
		if err := f.Request.Method.UnmarshalJSON([]byte(e.Request.Method)); err != nil {
			return f, err
		}
	}
	if e.Response != nil {
		f.Response = e.Response.frame()
	}
	return f, nil
}

func (r *AnswerResponse) frame() *r4.BundleEntryResponse {
	f := &r4.BundleEntryResponse{
		Status: r.Status, Outcome: r.Outcome, Location: given(&r.Location), Etag: given(&r.ETag), LastModified: instantOf(r.LastModified),
	}
	for _, record := range r.Records {
		f.Extension = append(f.Extension, r4.Extension{Url: extensions + "record", ValueString: &record})
	}
	return f
}

// instant formats all instants of this server: UTC, milliseconds.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// instantOf is nil for the zero time.
func instantOf(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return text(instant(t))
}
