package agent

import (
	"errors"
	"strings"
)

// Scope is one SMART scope in canonical v2 form: patient/Observation.rs.
type Scope struct {
	Context string `json:"context"` // patient, user, system
	Type    string `json:"type"`    // resource type or *
	Actions string `json:"actions"` // subset of cruds, in this order
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
	}
	return nil
}

// actionsV1 gives the version 2 meaning of version 1 permissions.
var actionsV1 = map[string]string{"read": "rs", "write": "cud", "*": "cruds"}

// ParseScopes reads a scope claim with SMART's clinical scopes, both versions.
// It skips scopes that are not about resources (openid, launch/patient ...). It
// refuses a resource scope that cannot be enforced as written: dropping its
// restriction would widen it.
func ParseScopes(claim string) ([]Scope, error) {
	var scopes []Scope
	for _, text := range strings.Fields(claim) {
		context, rest, _ := strings.Cut(text, "/")
		typ, rest, found := strings.Cut(rest, ".")
		if !found || !isContext(context) || !isType(typ) {
			continue
		}
		actions, _, restricted := strings.Cut(rest, "?")
		if restricted {
			return nil, errors.New("this server does not enforce scopes with search parameters; request it without them")
		}
		if v2, v1 := actionsV1[actions]; v1 {
			actions = v2
		}
		s := Scope{Context: context, Type: typ, Actions: actions}
		if s.Validate() != nil {
			return nil, errors.New("its permission is neither read, write, * nor letters of cruds in this order")
		}
		scopes = append(scopes, s)
	}
	return scopes, nil
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
