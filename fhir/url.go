package fhir

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// Param is one name=value pair in the order of the request (decoded).
type Param struct{ Name, Value string }

// target is a parsed FHIR URL, as in Bundle.entry.request.url. It names one
// resource, version, history or search.
type target struct {
	Ref         // ID is "" for a type, both are "" for the system
	Version     int64
	History     bool
	Compartment string // "Patient/1" in Patient/1/Observation
	Params      []Param
}

// parseURL reads a relative URL, or an absolute one below bases. Errors are Invalid.
func parseURL(s, bases string) (target, error) {
	path, query, _ := strings.Cut(s, "?")
	path, _ = Below(path, bases)
	if strings.Contains(path, "://") {
		return target{}, invalidURL("The URL belongs to another server.")
	}
	params, err := ParseParams(query)
	if err != nil {
		return target{}, err
	}
	t := target{Params: params}
	return t, t.path(strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/"))
}

func (t *target) path(segments []string) error {
	if n := len(segments); segments[n-1] == "_history" {
		t.History = true
		if segments = segments[:n-1]; len(segments) == 0 {
			return nil
		}
	}
	if segments[0] == "" && len(segments) == 1 && t.Params != nil && !t.History {
		return nil // a search over all types
	}
	if segments[0] == "" && len(segments) == 1 {
		return invalidURL("The URL names no resource type.")
	}
	if !IsResourceType(segments[0]) {
		return invalidURL("The URL must begin with an R4 resource type.")
	}
	t.Type = segments[0]
	switch {
	case len(segments) == 1:
		return nil
	case len(segments) == 2:
		t.ID = segments[1]
		return CheckID(t.ID)
	case len(segments) == 3 && !t.History:
		return t.compartment(segments)
	case len(segments) == 4 && segments[2] == "_history" && !t.History:
		return t.version(segments)
	}
	return invalidURL("The URL is none that this server knows.")
}

func (t *target) compartment(segments []string) error {
	if !IsResourceType(segments[2]) {
		return invalidURL("The URL is none that this server knows.")
	}
	t.Compartment, t.Type = segments[0]+"/"+segments[1], segments[2]
	return CheckID(segments[1])
}

func (t *target) version(segments []string) error {
	v, ok := ParseVersion(segments[3])
	if !ok {
		return invalidURL("A version id of this server is a positive integer.")
	}
	t.ID, t.Version = segments[1], v
	return CheckID(t.ID)
}

// ParseParams decodes a query string or form body in its order. Errors are Invalid.
func ParseParams(query string) ([]Param, error) {
	var all []Param
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, invalidURL("The query string has a broken percent escape.")
		}
		if !utf8.ValidString(n) || !utf8.ValidString(v) || strings.ContainsRune(n+v, 0) {
			return nil, invalidURL("The query string has a parameter that is not UTF-8 text.")
		}
		all = append(all, Param{Name: n, Value: v})
	}
	return all, nil
}

// ParseCriteria reads the criteria of If-None-Exist for a resource of type typ: a
// query string with at least one parameter, alone or after the type, as in
// Patient?identifier=x.
func ParseCriteria(s, typ string) ([]Param, error) {
	if before, query, ok := strings.Cut(s, "?"); ok && (before == "" || IsResourceType(before)) {
		if before != "" && before != typ {
			return nil, invalidURL("The criteria name another type than the resource. They must look for resources of its type.")
		}
		s = query
	}
	params, err := ParseParams(s)
	if err == nil && len(params) == 0 {
		err = invalidURL("The criteria name no search parameter.")
	}
	return params, err
}

func invalidURL(detail string) error { return &Error{Kind: Invalid, Detail: detail} }
