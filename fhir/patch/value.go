package patch

import (
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// value is a JSON value: its bytes, or, once a path has led into it, its members.
type value struct {
	raw    []byte // known to be valid JSON without space around it; nil once opened
	opened byte   // '{' or '['; 0 if it is not opened
	items  []item
	inner  []byte // the space in an empty object or array
}

// item is a member of an object or an item of an array, with the bytes around it.
type item struct {
	head  []byte // space; of a member also its name and colon
	name  string // of a member
	value *value
	tail  []byte // space before the comma or the end
}

// kind is the first byte of the value.
func (v *value) kind() byte {
	if v.opened != 0 {
		return v.opened
	}
	return v.raw[0]
}

// text is that of a string; ok is false for any other value, and for nil.
func (v *value) text() (text string, ok bool) {
	if v == nil || v.kind() != '"' {
		return "", false
	}
	return unquoted(v.raw), true
}

func unquoted(raw []byte) string {
	inside := raw[1 : len(raw)-1]
	if slices.Contains(inside, '\\') {
		inside = fhir.AppendUnescaped(nil, inside)
	}
	return string(inside)
}

// bytes appends the value.
func (v *value) bytes(to []byte) []byte {
	if v.opened == 0 {
		return append(to, v.raw...)
	}
	to = append(to, v.opened)
	for i, m := range v.items {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(m.value.bytes(append(to, m.head...)), m.tail...)
	}
	if len(v.items) == 0 {
		to = append(to, v.inner...)
	}
	return append(to, v.opened+2) // } and ] are two after { and [
}

// size is the length of bytes.
func (v *value) size() int {
	if v.opened == 0 {
		return len(v.raw)
	}
	n := 2 + len(v.inner)
	for _, m := range v.items {
		n += len(m.head) + m.value.size() + len(m.tail) + 1
	}
	return n
}

// open cuts an object or array into its members.
func (v *value) open(m *meter) *fhir.Error {
	if v.opened != 0 {
		return nil
	}
	if err := m.spend(step + len(v.raw)); err != nil {
		return err
	}
	r := reader{data: v.raw, pos: 1}
	v.opened, v.raw = r.data[0], nil
	start := r.pos
	r.space()
	if r.data[r.pos] == v.opened+2 {
		v.inner = r.data[start:r.pos]
		return nil
	}
	r.pos = start
	for {
		if err := m.spend(step); err != nil {
			return err
		}
		v.items = append(v.items, r.item(v.opened == '{'))
		if r.pos++; r.data[r.pos-1] != ',' {
			return nil
		}
	}
}

// reader moves through valid JSON.
type reader struct {
	data []byte
	pos  int
}

func (r *reader) space() {
	for r.pos < len(r.data) && (r.data[r.pos] == ' ' || r.data[r.pos] == '\n' || r.data[r.pos] == '\r' || r.data[r.pos] == '\t') {
		r.pos++
	}
}

// item reads a member or an item, with the space on both sides of it.
func (r *reader) item(member bool) (m item) {
	start := r.pos
	r.space()
	if member {
		at := r.pos
		r.skip()
		m.name = unquoted(r.data[at:r.pos])
		r.space()
		r.pos++ // the colon
		r.space()
	}
	m.head = r.data[start:r.pos:r.pos]
	at := r.pos
	r.skip()
	m.value = &value{raw: r.data[at:r.pos:r.pos]}
	at = r.pos
	r.space()
	m.tail = r.data[at:r.pos:r.pos]
	return m
}

// skip moves behind the value at pos.
func (r *reader) skip() {
	for depth := 0; ; {
		switch c := r.data[r.pos]; c {
		case '"':
			r.str()
		case '{', '[':
			depth++
			r.pos++
		case '}', ']':
			depth--
			r.pos++
		case ',', ':', ' ', '\n', '\r', '\t':
			r.pos++
		default:
			r.word()
		}
		if depth == 0 {
			return
		}
	}
}

func (r *reader) str() {
	for r.pos++; r.data[r.pos] != '"'; r.pos++ {
		if r.data[r.pos] == '\\' {
			r.pos++
		}
	}
	r.pos++
}

// word moves behind a number or a literal.
func (r *reader) word() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ',', ':', '}', ']', ' ', '\n', '\r', '\t':
			return
		}
		r.pos++
	}
}
