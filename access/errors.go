package access

import (
	"errors"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
)

// unavailable answers 503 when data cannot be read or a record cannot be made; nothing
// leaks.
func unavailable(what string, cause error) error {
	var known *fhir.Error
	if errors.As(cause, &known) {
		return cause
	}
	return &fhir.Error{
		Kind:   fhir.Unavailable,
		Detail: "The request cannot be served now, because its " + what + ". Try again later.",
		Err:    cause,
	}
}

// forbidden refuses a request as a whole (scope, role, purpose).
func forbidden(reason string) error {
	if reason == tooSlow {
		return unavailable("policy could not be asked in time", policy.ErrDeadline)
	}
	return &fhir.Error{
		Kind:   fhir.Forbidden,
		Detail: "The policy in force refuses this request (" + reason + "). Role, organisation, purpose of use and scopes of the token decide.",
	}
}

// notFound is the one answer for what does not exist and for what the caller may not
// know.
func notFound() error {
	return &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such resource."}
}

// versionMismatch answers an If-Match that does not hold.
func versionMismatch() error {
	return &fhir.Error{Kind: fhir.VersionMismatch, Detail: "The resource has another version than If-Match says. Read it again."}
}

// gone answers for a deleted resource, to those who may know that it existed.
func gone() error {
	return &fhir.Error{Kind: fhir.Gone, Detail: "This resource was deleted. Its history can be read."}
}

func kindOf(err error) fhir.Kind {
	var known *fhir.Error
	if errors.As(err, &known) {
		return known.Kind
	}
	return fhir.Internal
}

// isRefusal tells refusals from failures of this server.
func isRefusal(err error) bool {
	k := kindOf(err)
	return k != fhir.Internal && k != fhir.Unavailable
}

// status is the HTTP status that the record has of an error.
func status(err error) int { return kindOf(err).Status() }
