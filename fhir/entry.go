package fhir

import (
	"cmp"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// frame is a Bundle without its resources.
type frame struct {
	ResourceType string       `json:"resourceType"`
	Type         string       `json:"type"`
	Entry        []frameEntry `json:"entry"`
}

type frameEntry struct {
	FullURL  string          `json:"fullUrl"`
	Resource json.RawMessage `json:"resource"`
	Request  *frameRequest   `json:"request"`

	err *Error // the parser's finding
}

type frameRequest struct {
	Method          string `json:"method"`
	URL             string `json:"url"`
	IfMatch         string `json:"ifMatch"`
	IfNoneMatch     string `json:"ifNoneMatch"`
	IfModifiedSince string `json:"ifModifiedSince"`
	IfNoneExist     string `json:"ifNoneExist"`
}

// readFrame validates the frame like any Bundle, then reads it.
func readFrame(parts cut) (*frame, error) {
	_, invalid := Parse(parts.frame)
	f := new(frame)
	var wrongType *json.UnmarshalTypeError
	if err := json.Unmarshal(parts.frame, f); err != nil && (invalid == nil || !errors.As(err, &wrongType)) {
		return nil, cmp.Or[error](invalid, &Error{Kind: Malformed, Detail: "The body must be a Bundle in JSON.", Err: err})
	}
	if err := f.check(parts); err != nil {
		if bundleType([]byte(f.Type)) != "" && f.Type != "transaction" && f.Type != "batch" {
			return nil, err // what is wrong with it as such a Bundle is beside the point
		}
		return nil, cmp.Or(invalid, err)
	}
	if invalid != nil && !f.assign(invalid) {
		return nil, invalid
	}
	return f, nil
}

func (f *frame) check(parts cut) error {
	if f.ResourceType != "Bundle" || f.Type != "transaction" && f.Type != "batch" {
		return &Error{Kind: Invalid, Detail: "The body must be a Bundle of type transaction or batch. Any other Bundle, as a document, is stored with POST Bundle.", Expression: "Bundle.type"}
	}
	if len(f.Entry) > maxEntries {
		return &Error{Kind: TooLarge, Detail: "A Bundle may have 50,000 entries. Send several.", Expression: "Bundle.entry"}
	}
	escaped := len(f.Entry) != len(parts.resources)
	for i := range f.Entry {
		escaped = escaped || f.Entry[i].Resource != nil
	}
	if escaped {
		return &Error{Kind: Malformed, Detail: "The names entry and resource must be written without escapes, and a resource must be an object.", Expression: "Bundle.entry"}
	}
	return nil
}

// assign attaches the parser's findings to their entries. It returns false if they
// concern more than entries of a batch, or if there may be more.
func (f *frame) assign(invalid error) bool {
	var e *Error
	if f.Type != "batch" || !errors.As(invalid, &e) {
		return false
	}
	findings := e.Findings("")
	for _, issue := range findings {
		rest, ok := strings.CutPrefix(issue.Expression, "Bundle.entry[")
		digits, _, closed := strings.Cut(rest, "]")
		i, err := strconv.Atoi(digits)
		if !ok || !closed || err != nil || i < 0 || i >= len(f.Entry) {
			return false
		}
		if f.Entry[i].err == nil {
			f.Entry[i].err = &Error{Kind: e.Kind, Detail: e.Detail, Err: e.Err}
		}
		f.Entry[i].err.Issues = append(f.Entry[i].err.Issues, issue)
	}
	return len(findings) < maxFindings
}

// read makes an Entry and reports errors in its Err.
func (f *frameEntry) read(i int, resource []byte, base string, parse Parser) Entry {
	e := Entry{Index: i, FullURL: f.FullURL, Err: f.err}
	if f.Request == nil { // which was found (bdl-3)
		return e
	}
	e.Method = f.Request.Method
	if e.Err != nil {
		return e
	}
	if e.apart(f.Request, base) {
		e.Sent = resource
		e.checkApart(f.Request)
		return e
	}
	e.fill(f.Request, base)
	if resource != nil {
		e.parse(resource, parse)
	}
	if e.Err == nil {
		e.checkMethod(f.Request)
	}
	if e.Err == nil {
		e.checkResource()
	}
	return e
}

// parse reads the resource and puts its findings below the entry.
func (e *Entry) parse(data []byte, parse Parser) {
	r, err := parse(data)
	if err == nil {
		e.Resource = r
		return
	}
	var invalid *Error
	if !errors.As(err, &invalid) {
		invalid = &Error{Kind: Internal, Detail: "The resource could not be read.", Err: err}
	}
	e.fail(invalid.below(e.Expression() + ".resource"))
}

// below moves the expressions of an error's issues below an entry. The expression
// of the error itself stays relative, for fail.
func (e *Error) below(at string) *Error {
	moved := *e
	moved.Issues = nil
	for _, i := range e.Issues {
		i.Expression = at + afterType(i.Expression)
		moved.Issues = append(moved.Issues, i)
	}
	moved.Expression = ""
	if e.Expression != "" || len(e.Issues) == 0 {
		moved.Expression = ".resource" + afterType(e.Expression)
	}
	return &moved
}

// afterType is an expression without its leading resource type.
func afterType(expression string) string {
	if i := strings.IndexByte(expression, '.'); i >= 0 {
		return expression[i:]
	}
	return ""
}

// fill reads the request.
func (e *Entry) fill(r *frameRequest, base string) {
	t, err := parseURL(r.URL, base)
	var invalid *Error
	if errors.As(err, &invalid) {
		e.fail(&Error{Kind: invalid.Kind, Detail: invalid.Detail, Expression: ".request.url"})
		return
	}
	e.target, e.IfNoneMatch, e.IfModifiedSince = t, r.IfNoneMatch, r.IfModifiedSince
	if r.IfMatch == "" {
		return
	}
	var versions Match
	ok := versions.Parse(r.IfMatch)
	if !ok {
		e.fail(&Error{Kind: Invalid, Detail: `ifMatch must be entity tags of this server, as in W/"3", with commas between them, or *.`, Expression: ".request.ifMatch"})
	}
	e.IfMatch = versions
}

// checkMethod checks that method, URL and conditions form an interaction.
func (e *Entry) checkMethod(r *frameRequest) {
	instance := e.ID != "" && e.Version == 0 && !e.History && e.Params == nil
	search := e.Type != "" && e.ID == "" && !e.History && e.Compartment == ""
	switch e.Method {
	case "GET":
	case "POST":
		if !search || e.Params != nil {
			e.fail(&Error{Kind: Invalid, Detail: "The URL of a POST must be a resource type alone.", Expression: ".request.url"})
		}
	case "PUT", "PATCH", "DELETE":
		e.Conditional = search && e.Params != nil
		if !instance && !e.Conditional {
			e.fail(&Error{Kind: Invalid, Detail: "The URL must name one resource, as in Patient/1, or criteria, as in Patient?identifier=x.", Expression: ".request.url"})
		}
		e.Criteria = e.Params
	}
	e.checkConditions(r)
}

func (e *Entry) checkConditions(r *frameRequest) {
	reads := e.Method == "GET" || e.Method == "HEAD"
	if !reads && r.IfNoneMatch+r.IfModifiedSince != "" {
		e.fail(&Error{Kind: Invalid, Detail: "ifNoneMatch and ifModifiedSince belong to a GET.", Expression: ".request"})
	}
	if (reads || e.Method == "POST" && e.Path == "") && r.IfMatch != "" {
		e.fail(&Error{Kind: Invalid, Detail: "ifMatch belongs to a PUT, PATCH or DELETE.", Expression: ".request.ifMatch"})
	}
	if r.IfNoneExist == "" {
		return
	}
	criteria, err := ParseCriteria(r.IfNoneExist, e.target.Type)
	if e.Method != "POST" || e.Path != "" || err != nil {
		e.fail(&Error{Kind: Invalid, Detail: "ifNoneExist belongs to a POST and holds criteria, as in identifier=x.", Expression: ".request.ifNoneExist"})
	}
	e.Conditional, e.Criteria = true, criteria
}

// checkResource checks that the URL names the resource.
func (e *Entry) checkResource() {
	if e.Method == "GET" || e.Method == "DELETE" {
		if e.Resource != nil {
			e.fail(&Error{Kind: Invalid, Detail: "A GET or DELETE has no resource.", Expression: ".resource"})
		}
		return
	}
	switch {
	case e.Resource == nil:
		e.fail(&Error{Kind: Invalid, Detail: "A POST, PUT or PATCH needs a resource.", Expression: ".resource"})
	case e.Method == "PATCH":
		if typ := e.Resource.Type(); typ != "Binary" && typ != "Parameters" {
			e.fail(&Error{Kind: Invalid, Detail: "The resource of a PATCH is a Binary that holds a JSON Patch, or Parameters with a FHIRPath Patch.", Expression: ".resource"})
		}
	case e.Resource.Type() != e.Type:
		e.fail(&Error{Kind: Invalid, Detail: "The type of the resource is not the type in the URL.", Expression: ".resource"})
	case e.Method == "PUT" && !e.Conditional && e.Resource.ID() != e.ID:
		e.fail(&Error{Kind: Invalid, Detail: "The id of the resource is not the id in the URL.", Expression: ".resource.id"})
	}
}
