package server

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/fhir"
)

// auditEvent is the type that the gate renders from the records: it has its own
// routes and cannot be written.
const auditEvent = "AuditEvent"

const auditEventsOnly = "AuditEvents can be read and searched, nothing else."

// noOperation refuses a segment of a path that is the name of an operation: those that
// exist have routes of their own.
func noOperation(segment string) error {
	if strings.HasPrefix(segment, "$") {
		return unsupported("There is no such operation.")
	}
	return nil
}

// typeOf is the resource type in the path, of an interaction that reads.
func typeOf(c *gin.Context) (string, error) {
	typ := c.Param("type")
	if err := noOperation(typ); err != nil {
		return "", err
	}
	if !fhir.IsResourceType(typ) {
		return "", unsupported("R4 has no such resource type.")
	}
	if typ == auditEvent {
		return "", unsupported(auditEventsOnly)
	}
	return typ, nil
}

// writableType is the resource type in the path, of an interaction that writes.
func writableType(c *gin.Context) (string, error) {
	typ := c.Param("type")
	if typ == auditEvent {
		c.Header("Allow", "GET, HEAD")
		return "", errAuditEvent()
	}
	return typeOf(c)
}

func errAuditEvent() *fhir.Error {
	return &fhir.Error{Kind: fhir.NotAllowed, Detail: "AuditEvents are made by the server and cannot be written or deleted."}
}

// refOf is the resource in the path; types says which types may be there.
func refOf(c *gin.Context, types func(*gin.Context) (string, error)) (fhir.Ref, error) {
	typ, err := types(c)
	if err != nil {
		return fhir.Ref{}, err
	}
	if err := noOperation(c.Param("id")); err != nil {
		return fhir.Ref{}, err
	}
	return fhir.Ref{Type: typ, ID: c.Param("id")}, fhir.CheckID(c.Param("id"))
}

// versionOf is the version in the path. It refuses a version id that this server
// cannot have given; the gate need not look.
func versionOf(c *gin.Context) (fhir.Ref, int64, error) {
	ref, err := refOf(c, typeOf)
	n, ok := fhir.ParseVersion(c.Param("version"))
	if err == nil && !ok {
		err = &fhir.Error{Kind: fhir.Invalid, Detail: "A version id of this server is a positive integer."}
	}
	return ref, n, err
}

// unsupported is 404 with the code that distinguishes it from an absent resource.
func unsupported(detail string) error {
	return &fhir.Error{Kind: fhir.NotFound, Issues: []fhir.Issue{{Code: "not-supported", Detail: detail}}}
}
