package server

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// capabilities is GET [base]/metadata. Everything in it is normative or in full use, so
// the modes full and normative have the same answer.
func (s *server) capabilities(c *gin.Context, _ *access.Call) (*answer, error) {
	switch c.Query("mode") {
	case "", "full", "normative":
	case "terminology":
		body, err := s.terms()
		return &answer{status: http.StatusOK, body: body}, err
	default:
		return nil, &fhir.Error{Kind: fhir.Invalid, Expression: "mode", Detail: "The mode of a CapabilityStatement is full, normative or terminology."}
	}
	body, err := s.statement(c.Request.Context())
	return &answer{status: http.StatusOK, body: body}, err
}

// statement is the CapabilityStatement, built once for the custom search parameters that
// there are.
type statement struct {
	started time.Time
	mu      sync.Mutex
	of      *search.Customs
	body    []byte
}

func (s *server) statement(ctx context.Context) (_ []byte, err error) {
	var now *search.Customs
	if s.Customs != nil {
		now = s.Customs(ctx)
	}
	m := &s.metadata
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.body == nil || m.of != now {
		m.of = now
		m.body, err = s.capability(m.started).Bytes()
	}
	return m.body, err
}

// capability states what the route table and the search parameters say.
func (s *server) capability(at time.Time) *fhir.Capability {
	c := &fhir.Capability{
		Software: "Aceso", Version: s.Version, URL: s.base, Date: at,
		Description: "FHIR server in which every access is decided by policy and leaves a provable record",
		Formats:     []string{mediaFHIR, mediaXML, mediaJSON, "json", "xml"},
		Patches:     patchFormats(),
		CORS:        len(s.AllowedOrigins) > 0 || s.OAuth.Server != nil,
		OAuth:       s.oauthURIs(),
		Security:    "Bearer tokens (JWT) with SMART on FHIR scopes and one purpose of use per request",
		Documentation: "Answers with a resource have its version as ETag and Last-Modified. If-Match guards updates, patches and deletes, If-None-Match and If-Modified-Since " +
			"reads, If-None-Exist creates. An update or patch that changes nothing makes no version. Patches need the right to read, too, and can be conditional. The history of a type or of everything has a total if _total=accurate asks for it. Each answer names its record in the header " + RecordHeader + ".",
		Interactions: interactions("", true), Operations: operations(""),
	}
	for _, typ := range fhir.ResourceTypes() {
		c.Resources = append(c.Resources, s.resourceCapability(typ))
	}
	return c
}

func (s *server) resourceCapability(typ string) fhir.ResourceCapability {
	r := fhir.ResourceCapability{Type: typ, Operations: operations(typ), Search: search.CapabilityParams(typ)}
	if typ == auditEvent {
		r.Interactions = interactions(auditEvent, false)
		r.Note = auditEventsOnly + " They are made from the records of accesses and changes."
		return r
	}
	r.Interactions, r.Versioned, r.Writable, r.RevIncludes = interactions("", false), true, true, search.RevIncludes(typ)
	r.Search = append(r.Search, fhir.CapabilityParam{Name: "_list", Type: "special"})
	r.Note = "Updates create resources for systems only; other roles create them without an id."
	if why := access.Unable(typ); why != "" {
		r.Writable, r.Note = false, why
		r.Interactions = slices.DeleteFunc(r.Interactions, func(code string) bool { return code == "create" || code == "update" || code == "patch" })
	}
	for _, p := range r.Search {
		if p.Type == "reference" {
			r.Includes = append(r.Includes, typ+":"+p.Name)
		}
	}
	r.Search = append(r.Search, s.metadata.of.Capability(typ)...)
	return r
}

// interactions are those of the rows of the system ("" and a path without a
// type), of all types (""), or of one type.
func interactions(typ string, ofSystem bool) []string {
	var codes []string
	for _, r := range routes() {
		fits := r.typ == typ && strings.Contains(r.path, ":type") != ofSystem
		if fits && r.interaction != "" && r.interaction[0] != '$' && r.interaction != "capabilities" {
			codes = append(codes, r.interaction)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// ofSystem says whether a route is called on the FHIR base itself.
func ofSystem(r route) bool { return r.typ == "" && !strings.Contains(r.path, ":type") }

// operations are those that a type has, or the system for "".
func operations(typ string) []fhir.CapabilityOperation {
	var all []fhir.CapabilityOperation
	for _, r := range routes() {
		name, ok := strings.CutPrefix(r.interaction, "$")
		if ok && ofSystem(r) == (typ == "") && (r.typ == typ || r.typ == "" && typ != auditEvent) {
			o := fhir.CapabilityOperation{Name: name, Definition: definitionURL(r, name)}
			if !slices.Contains(all, o) {
				all = append(all, o)
			}
		}
	}
	return all
}

// definitionURL is the canonical URL of an operation: that of R4 or of a guide, if one defines
// it. OperationDefinition/[id] here says how this server does it.
func definitionURL(r route, name string) string {
	for _, o := range operationsOffered() {
		if o.isAt(r) && o.base != "" {
			return o.base
		}
	}
	return fhir.OperationURL(name)
}
