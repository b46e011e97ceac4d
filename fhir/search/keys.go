package search

import (
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/ucum"
)

// The first character after a parameter's name says what kind of key it is.
// Names of parameters never contain one of these.
const (
	opToken      = '='
	opIdentifier = '#'
	opOfType     = '@'
	opFolded     = '^'
	opExact      = '!'
	opReference  = '>'
	opPath       = '/'
	opWord       = '~'
	opPresent    = '?'
	opOrder      = '<'
)

// The keys that belong to no search parameter begin with '¤'.
const (
	keyCompartment = "¤cpt="
	keyLabel       = "¤lab="
	keyPatientCode = "¤pt:code="
)

// keyEnd sorts after everything that may follow a prefix.
const keyEnd = "\U0010FFFF"

// RefKey is the key of a resource whose reference parameter param names ref.
func RefKey(param string, ref fhir.Ref) string { return param + string(opReference) + ref.String() }

// CompartmentKey is the key of a resource in the compartment of, say, "Patient/1".
func CompartmentKey(compartment string) string { return keyCompartment + compartment }

// presentMark is the key of a resource that has a value for param.
func presentMark(param string) string { return param + string(opPresent) }

// Targets lists the resources of this server that a reference parameter points
// to, in the order of their keys.
func (x *Index) Targets(param string) []fhir.Ref {
	var refs []fhir.Ref
	prefix := param + string(opReference)
	for _, k := range x.from(prefix) {
		value, ok := strings.CutPrefix(k, prefix)
		if !ok {
			break
		}
		if ref, _, ok := fhir.ParseReference(value, ""); ok {
			refs = append(refs, ref)
		}
	}
	return refs
}

// appendToken appends sys|code, truncated if long.
func appendToken(to, system, code []byte) []byte {
	return appendPair(to, system, code, '|')
}

// appendPair appends two parts with a byte between them, truncated if long.
func appendPair(to, a, b []byte, between byte) []byte {
	start := len(to)
	to = appendPart(to, a)
	to = append(to, between)
	return cutTail(appendPart(to, b), start)
}

// cutTail truncates buf[start:] if it is long.
func cutTail(buf []byte, start int) []byte {
	if len(buf)-start <= keyLimit {
		return buf
	}
	var room [keyLimit + 64]byte
	short := appendCut(room[:0], buf[start:])
	return append(buf[:start], short...)
}

// appendCode appends a token without a system, truncated if long.
func appendCode(to, code []byte) []byte {
	start := len(to)
	return cutTail(appendPart(to, code), start)
}

// appendOfType appends typesys|type|value, truncated if long.
func appendOfType(to, system, code, value []byte) []byte {
	start := len(to)
	to = append(appendPart(to, system), '|')
	to = append(appendPart(to, code), '|')
	return cutTail(appendPart(to, value), start)
}

// appendUnit appends the unit in the name of a NumberRange: |system|code, or
// ||code without a system. A UCUM unit that converts becomes the canonical unit
// and is returned.
func appendUnit(to, system, code []byte) ([]byte, *ucum.Unit) {
	to = append(to, '|')
	start := len(to)
	to = append(appendPart(to, system), '|')
	u := new(ucum.Unit)
	if string(system) != ucum.System || !u.Parse(code) {
		return cutTail(appendPart(to, code), start), nil
	}
	return u.AppendCode(to), u
}

// IDKey is the key by which a resource of one id is found.
func IDKey(id string) string { return "_id" + string(opToken) + id }
