package patch

import (
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// pointer is a JSON Pointer (RFC 6901), unescaped; empty for the whole document.
type pointer []string

func pointerIn(v *value, member string) (pointer, *fhir.Error) {
	text, ok := v.text()
	if !ok {
		return nil, invalid(member + " is missing or no string.")
	}
	if text == "" {
		return nil, nil
	}
	if text[0] != '/' || strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(text), "~") {
		return nil, invalid(member + " is no JSON Pointer. Write it as in /name/0/family, with ~0 for ~ and ~1 for /.")
	}
	segments := strings.Split(text[1:], "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
	}
	return segments, nil
}

// below says whether a pointer is below another one, or the same.
func (p pointer) below(other pointer) bool {
	if len(p) < len(other) {
		return false
	}
	for i := range other {
		if p[i] != other[i] {
			return false
		}
	}
	return true
}

// index reads a segment as the index of an array.
func index(segment string) (int, bool) {
	n, err := strconv.Atoi(segment)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == segment
}
