package search

import (
	"bytes"
	"strings"

	"github.com/aceso-health/aceso/fhir"
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
)

// The keys that belong to no search parameter begin with '¤'.
const (
	keyCompartment = "¤cpt="
	keyLabel       = "¤lab="
	keyPatientCode = "¤pt:code="
)

// keyEnd is greater than whatever may follow a prefix.
const keyEnd = "\U0010FFFF"

// RefKey is the key of a resource whose reference parameter param names ref.
func RefKey(param string, ref fhir.Ref) string { return param + string(opReference) + ref.String() }

// CompartmentKey is the key of a resource in the compartment of, say, "Patient/1".
func CompartmentKey(compartment string) string { return keyCompartment + compartment }

// PresentKey is the key of a resource that has a value for param.
func PresentKey(param string) string { return param + string(opPresent) }

// Targets lists the resources of this server that reference parameter param
// names, in the order of their keys.
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

// appendToken appends sys|code, cut if it is long.
func appendToken(to, system, code []byte) []byte {
	return appendPair(to, system, code, '|')
}

// appendPair appends two parts and what stands between them, cut if they are long together.
func appendPair(to, a, b []byte, between byte) []byte {
	start := len(to)
	to = appendPart(to, a)
	to = append(to, between)
	return cutTail(appendPart(to, b), start)
}

// cutTail cuts what stands in buf from start on, if it is long.
func cutTail(buf []byte, start int) []byte {
	if len(buf)-start <= keyLimit {
		return buf
	}
	var room [keyLimit + 64]byte
	short := appendCut(room[:0], buf[start:])
	return append(buf[:start], short...)
}

// appendCode appends a token without a system, cut if it is long.
func appendCode(to, code []byte) []byte {
	start := len(to)
	return cutTail(appendPart(to, code), start)
}

// appendOfType appends typesys|type|value, cut if it is long.
func appendOfType(to, system, code, value []byte) []byte {
	start := len(to)
	to = append(appendPart(to, system), '|')
	to = append(appendPart(to, code), '|')
	return cutTail(appendPart(to, value), start)
}

// appendUnit appends what follows the parameter's name in a NumberRange:
// |system|code, or ||code without a system. For a unit of UCUM that converts
// that is the canonical unit, and ok is true.
func appendUnit(to, system, code []byte) (_ []byte, u unit, ok bool) {
	to = append(to, '|')
	start := len(to)
	to = append(appendPart(to, system), '|')
	if string(system) != ucum || !u.parse(code) {
		return cutTail(appendPart(to, code), start), u, false
	}
	return u.appendCode(to), u, true
}

// segments gives the ends of the paths above a URL: 14 and 19 in
// http://hl7.org/fhir/ValueSet. A urn has none.
func segments(u []byte) []int {
	var ends []int
	for end := nextSegment(u, 0); end > 0; end = nextSegment(u, end) {
		ends = append(ends, end)
	}
	return ends
}

// nextSegment gives the end of the next path above a URL, 0 if there is none.
func nextSegment(u []byte, after int) int {
	if after == 0 {
		host := bytes.Index(u, []byte("://"))
		if host < 0 {
			return 0
		}
		after = host + 2
	}
	i := bytes.IndexByte(u[after+1:], '/')
	if i < 0 || after+1+i == len(u)-1 {
		return 0
	}
	return after + 1 + i
}
