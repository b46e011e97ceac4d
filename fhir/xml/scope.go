package xml

import (
	"bytes"
	"strconv"
)

// scope is the open elements and the namespaces that they declare.
type scope struct {
	open     []opened
	declared []declaration
}

type opened struct {
	name     []byte // as written
	declared int    // declarations outside of it
}

type declaration struct{ prefix, space string }

// enter opens the element of a start tag.
func (s *scope) enter(t *tokens, tag token) error {
	if len(s.open) == maxDepth {
		return t.failed("elements are nested deeper than " + strconv.Itoa(maxDepth) + " levels")
	}
	s.open = append(s.open, opened{tag.name, len(s.declared)})
	for _, a := range tag.attrs {
		prefix, ok := declares(a.name)
		if !ok {
			continue
		}
		space, ok := appendPlain(nil, a.raw)
		if !ok || len(s.declared) == maxNames {
			return t.failed("a namespace is malformed, or more than " + strconv.Itoa(maxNames) + " are declared at a time")
		}
		s.declared = append(s.declared, declaration{string(prefix), string(space)})
	}
	return nil
}

// leave closes the innermost element; name is that of its end tag.
func (s *scope) leave(t *tokens, name []byte) error {
	if len(s.open) == 0 || !bytes.Equal(s.open[len(s.open)-1].name, name) {
		return t.failed("an end tag does not match its start tag")
	}
	s.declared = s.declared[:s.open[len(s.open)-1].declared]
	s.open = s.open[:len(s.open)-1]
	return nil
}

// declares is the prefix that an attribute declares, "" for the default namespace.
func declares(name []byte) (prefix []byte, ok bool) {
	if string(name) == "xmlns" {
		return nil, true
	}
	return bytes.CutPrefix(name, []byte("xmlns:"))
}

// resolve splits a name into its namespace and its local part. An attribute without a
// prefix has no namespace.
func (s *scope) resolve(t *tokens, name []byte, attribute bool) (space string, local []byte, err error) {
	prefix, local, prefixed := bytes.Cut(name, []byte(":"))
	switch {
	case !prefixed && attribute:
		return "", name, nil
	case !prefixed:
		prefix, local = nil, name
	case len(local) == 0 || bytes.IndexByte(local, ':') >= 0:
		return "", nil, t.failed("a name has no local part, or two colons")
	case string(prefix) == "xml":
		return xmlSpace, local, nil
	}
	for i := len(s.declared) - 1; i >= 0; i-- {
		if s.declared[i].prefix == string(prefix) {
			return s.declared[i].space, local, nil
		}
	}
	if prefixed {
		return "", nil, t.failed("a prefix is not declared")
	}
	return "", local, nil
}
