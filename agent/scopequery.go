package agent

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// Param is one search parameter of a scope.
type Param struct{ Name, Value string }

// The bounds of the parameters of one scope.
const (
	mostParams = 16
	mostQuery  = 2048 // bytes
)

// Params are the search parameters of a scope: all must hold.
func (s *Scope) Params() []Param {
	params, _ := parseQuery(s.Query)
	return params
}

// CanonicalQuery writes search parameters (name=value, joined by &, percent-encoded) in an
// order and spelling of their own, each once.
func CanonicalQuery(query string) (string, error) {
	if len(query) > mostQuery {
		return "", errors.New("its search parameters have more than 2048 bytes")
	}
	params, err := parseQuery(query)
	if err != nil {
		return "", err
	}
	if len(params) > mostParams {
		return "", errors.New("it has more than 16 search parameters")
	}
	slices.SortFunc(params, func(a, b Param) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
	var b strings.Builder
	for i, p := range slices.Compact(params) {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(p.Name) + "=" + escape(p.Value))
	}
	return b.String(), nil
}

// escape leaves what is usual in tokens and URLs as it is.
func escape(s string) string {
	return plain.Replace(url.QueryEscape(s))
}

var plain = strings.NewReplacer("%3A", ":", "%2C", ",", "%2F", "/", "%24", "$", "%7C", "|", "+", "%20")

// parseQuery reads parameters. A plus stands for itself: there are no spaces in a scope.
func parseQuery(query string) ([]Param, error) {
	if query == "" {
		return nil, errors.New("it has a question mark and no search parameters")
	}
	var params []Param
	for part := range strings.SplitSeq(query, "&") {
		name, value, found := strings.Cut(part, "=")
		name, badName := url.PathUnescape(name)
		value, badValue := url.PathUnescape(value)
		if !found || name == "" || value == "" || badName != nil || badValue != nil {
			return nil, errors.New("its search parameters are not written as name=value, joined by &")
		}
		params = append(params, Param{name, value})
	}
	return params, nil
}

// Narrow gives what a scope allows within what others grant: of each grant that covers its
// context and type the actions that both have, and the parameters of both. A scope with a
// type may be granted by one for all types; none of the results allows what s does not, or
// what no grant does.
func (s Scope) Narrow(grants []Scope) (all []Scope) {
	for _, g := range grants {
		n, ok := s.within(g)
		if ok && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(n Scope) bool {
		return slices.ContainsFunc(all, func(o Scope) bool { return o != n && n.inside(o) })
	})
}

// within is what two scopes allow together.
func (s Scope) within(g Scope) (Scope, bool) {
	if s.Type == "*" {
		s.Type = g.Type
	}
	if s.Context != g.Context || g.Type != "*" && g.Type != s.Type {
		return s, false
	}
	both := strings.Map(func(letter rune) rune {
		if strings.ContainsRune(g.Actions, letter) {
			return letter
		}
		return -1
	}, s.Actions)
	query := strings.Trim(s.Query+"&"+g.Query, "&")
	if query != "" {
		var err error
		if query, err = CanonicalQuery(query); err != nil {
			return s, false // too long together: less is never more
		}
	}
	return Scope{s.Context, s.Type, both, query}, both != ""
}

// inside says whether all that a scope allows is allowed by another, as far as their words
// tell.
func (s Scope) inside(o Scope) bool {
	n, ok := s.within(o)
	return ok && n == s
}

// Inside says whether all that a scope allows is allowed by one of others, as far as their
// words tell.
func (s Scope) Inside(others []Scope) bool {
	return slices.ContainsFunc(others, s.inside)
}
