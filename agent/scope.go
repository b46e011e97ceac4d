package agent

import (
	"errors"
	"strings"
)

// Scope is one SMART scope in canonical v2 form: patient/Observation.rs.
type Scope struct {
	Context string `json:"context"`         // patient, user, system
	Type    string `json:"type"`            // resource type or *
	Actions string `json:"actions"`         // subset of cruds, in this order
	Query   string `json:"query,omitempty"` // search parameters that a resource must satisfy, canonical; "": any. What they mean is known where rows are read
}

// String writes a scope as it is asked for.
func (s Scope) String() string {
	text := s.Context + "/" + s.Type + "." + s.Actions
	if s.Query != "" {
		text += "?" + s.Query
	}
	return text
}

// Validate checks the canonical form.
func (s *Scope) Validate() error {
	switch {
	case !isContext(s.Context):
		return errors.New("unknown context")
	case !isType(s.Type):
		return errors.New("malformed type")
	case s.Actions == "":
		return errors.New("no actions")
	case !inOrder(s.Actions):
		return errors.New("actions must be letters of cruds, in this order")
	case s.Query != "" && s.Type == "*":
		return errors.New("parameters need one type")
	}
	return nil
}

// actionsV1 gives the version 2 meaning of version 1 permissions.
var actionsV1 = map[string]string{"read": "rs", "write": "cud", "*": "cruds"}

// ParseScopes reads a scope claim with SMART's clinical scopes, both versions.
// It skips scopes that are not about resources (openid, launch/patient ...). It
// refuses a resource scope that is not well-formed: dropping its restriction would widen
// it. Whether its parameters can be enforced is known where rows are read.
func ParseScopes(claim string) ([]Scope, error) {
	var scopes []Scope
	for _, text := range strings.Fields(claim) {
		s, is, err := parseScope(text)
		if err != nil {
			return nil, err
		}
		if is {
			scopes = append(scopes, s)
		}
	}
	return scopes, nil
}

// parseScope reads one scope; is says whether it is about resources.
func parseScope(text string) (s Scope, is bool, err error) {
	context, rest, _ := strings.Cut(text, "/")
	typ, rest, found := strings.Cut(rest, ".")
	if !found || !isContext(context) || !isType(typ) {
		return s, false, nil
	}
	actions, query, restricted := strings.Cut(rest, "?")
	v2, v1 := actionsV1[actions]
	if v1 {
		actions = v2
	}
	s = Scope{Context: context, Type: typ, Actions: actions}
	switch {
	case s.Validate() != nil:
		return s, true, errors.New("its permission is neither read, write, * nor letters of cruds in this order")
	case restricted && v1:
		return s, true, errors.New("a scope with search parameters has a permission of letters of cruds")
	case restricted && typ == "*":
		return s, true, errors.New("a scope with search parameters needs one resource type")
	case restricted:
		s.Query, err = CanonicalQuery(query)
	}
	return s, true, err
}

func isContext(s string) bool { return s == "patient" || s == "user" || s == "system" }

func isType(s string) bool { return s == "*" || IsTypeName(s) }

// IsTypeName says whether s can be the name of a resource type.
func IsTypeName(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// inOrder says whether actions are letters of cruds, each at most once and in
// this order.
func inOrder(actions string) bool {
	rest := "cruds"
	for i := range len(actions) {
		at := strings.IndexByte(rest, actions[i])
		if at < 0 {
			return false
		}
		rest = rest[at+1:]
	}
	return true
}
