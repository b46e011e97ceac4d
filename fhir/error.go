package fhir

import "strings"

// Kind says what went wrong, in terms of FHIR and HTTP.
type Kind uint8

// The kinds of error. kindTable has their statuses and codes.
const (
	Internal Kind = iota
	Malformed
	Invalid
	Unprocessable
	Unauthenticated
	Forbidden
	NotFound // also for what may not be known
	NotAllowed
	Gone
	Conflict
	VersionMismatch
	MultipleMatches
	TooLarge
	UnsupportedMedia
	TooCostly
	Throttled
	Unavailable
	kinds
)

// Kinds returns every Kind.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// kindTable is the one place where errors become statuses and issue codes.
var kindTable = [kinds]struct {
	status int
	code   string
}{
	Internal:         {500, "exception"},
	Malformed:        {400, "structure"},
	Invalid:          {400, "invalid"},
	Unprocessable:    {422, "processing"},
	Unauthenticated:  {401, "login"},
	Forbidden:        {403, "forbidden"},
	NotFound:         {404, "not-found"},
	NotAllowed:       {405, "not-supported"},
	Gone:             {410, "deleted"},
	Conflict:         {409, "conflict"},
	VersionMismatch:  {412, "conflict"},
	MultipleMatches:  {412, "multiple-matches"},
	TooLarge:         {413, "too-long"},
	UnsupportedMedia: {415, "not-supported"},
	TooCostly:        {400, "too-costly"},
	Throttled:        {429, "throttled"},
	Unavailable:      {503, "transient"},
}

// Status is the HTTP status of an answer to an error of this kind.
func (k Kind) Status() int { return kindTable[k].status }

// Code is the OperationOutcome.issue.code of this kind.
func (k Kind) Code() string { return kindTable[k].code }

// Issue is one finding: one OperationOutcome.issue.
type Issue struct {
	Code       string // issue-type, "" means the code of the error's Kind
	Detail     string // a sentence for the client: no patient data, nothing internal
	Expression string // FHIRPath of the place, e.g. Bundle.entry[3].resource.status; may be ""
	Warning    bool   // severity warning instead of error
}

// Error is the one error type that crosses package borders. Detail and Issues
// go to the client, Err goes to the log only.
type Error struct {
	Kind       Kind
	Detail     string  // a sentence: what is wrong and what to do
	Expression string  // FHIRPath of the place, may be ""
	Issues     []Issue // more findings of the same request, may be empty
	Err        error   // the cause, never shown to a client
}

// Error is for logs: it includes the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Detail)
	if e.Expression != "" {
		b.WriteString(" (at " + e.Expression + ")")
	}
	for _, i := range e.Issues {
		b.WriteString("; " + i.Detail + " (at " + i.Expression + ")")
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// At is the error with the place of an entry before the place that it names.
func (e *Error) At(entry string) *Error {
	placed := *e
	placed.Expression = belowEntry(entry, e.Expression)
	placed.Issues = nil
	for _, i := range e.Issues {
		i.Expression = belowEntry(entry, i.Expression)
		placed.Issues = append(placed.Issues, i)
	}
	return &placed
}

func belowEntry(place, rest string) string {
	if rest == "" || strings.HasPrefix(rest, place) {
		return place
	}
	if typ, inside, ok := strings.Cut(rest, "."); IsResourceType(typ) {
		if place += ".resource"; !ok {
			return place
		}
		return place + "." + inside
	}
	return place + "." + rest
}
