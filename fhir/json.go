package fhir

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// looks are properties of a string that str noticed.
type looks uint8

const (
	hasEscape  looks = 1 << iota
	hasControl       // a control character other than tab, line feed and carriage return
)

// peek is the byte at pos, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// space skips white space.
func (s *scanner) space() {
	if s.pos < len(s.data) && s.data[s.pos] <= ' ' {
		s.spaces()
	}
}

// spaces skips white space: line feeds and the spaces that indent a document. It
// stays a call so that space, which mostly does nothing, can be inlined.
//
//go:noinline
func (s *scanner) spaces() {
	d, i := s.data, s.pos
	for i < len(d) {
		if d[i] == '\n' {
			i++
		}
		if i+32 <= len(d) {
			n := blanks(d[i : i+32])
			if i += n; n == 32 {
				continue
			}
		}
		if i == len(d) || d[i] > ' ' {
			break
		}
		if c := d[i]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			break
		}
		i++
	}
	s.pos = i
}

// blanks counts the leading spaces in 32 bytes, without branches: the indentation
// of a line is unpredictable.
func blanks(d []byte) int {
	const eight = 0x2020202020202020
	_ = d[31]
	a, b := binary.LittleEndian.Uint64(d)^eight, binary.LittleEndian.Uint64(d[8:])^eight
	c, e := binary.LittleEndian.Uint64(d[16:])^eight, binary.LittleEndian.Uint64(d[24:])^eight
	first, second, third := bits.TrailingZeros64(a), 64+bits.TrailingZeros64(b), 128+bits.TrailingZeros64(c)
	n := 192 + bits.TrailingZeros64(e)
	if c != 0 {
		n = third
	}
	if b != 0 {
		n = second
	}
	if a != 0 {
		n = first
	}
	return n / 8
}

// str skips the string at pos. The document is known to be UTF-8.
func (s *scanner) str() (looks, bool) {
	var look looks
	d, i := s.data, s.pos+1
	for {
		for i+8 <= len(d) {
			if stop := stops(binary.LittleEndian.Uint64(d[i:])); stop != 0 {
				i += bits.TrailingZeros64(stop) / 8
				break
			}
			i += 8
		}
		if i >= len(d) {
			s.pos = i
			return 0, s.syntax("a string has no end")
		}
		switch c := d[i]; {
		case c == '"':
			s.pos = i + 1
			return look, true
		case c == '\\':
			n, control := s.escape(d[i+1:])
			if n == 0 {
				s.pos = i
				return 0, s.syntax("a string has an invalid escape")
			}
			i += 1 + n
			if look |= hasEscape; control {
				look |= hasControl
			}
		case c < ' ':
			s.pos = i
			return 0, s.syntax("a string has an unescaped control character")
		default:
			i++
		}
	}
}

// validUTF8 is utf8.Valid, faster for long ASCII prefixes.
func validUTF8(d []byte) bool {
	const high = 0x8080808080808080
	for len(d) >= 32 {
		v := binary.LittleEndian.Uint64(d) | binary.LittleEndian.Uint64(d[8:])
		v |= binary.LittleEndian.Uint64(d[16:]) | binary.LittleEndian.Uint64(d[24:])
		if v&high != 0 {
			break
		}
		d = d[32:]
	}
	return utf8.Valid(d)
}

// stops marks the bytes of a word that are quotes, backslashes or control
// characters; only its lowest mark is exact. With the second bit flipped, a quote
// is the one character from ' ' on that is below '!'.
func stops(v uint64) uint64 {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	low, slash := v^2*ones, v^'\\'*ones
	return ((low-'!'*ones)&^low | (slash-ones)&^slash) & high
}

// escape checks the text after a backslash. It returns its length, 0 if it is
// wrong, and whether it is a control character that FHIR does not allow.
func (s *scanner) escape(d []byte) (n int, control bool) {
	if len(d) == 0 {
		return 0, false
	}
	switch d[0] {
	case '"', '\\', '/', 'n', 'r', 't':
		return 1, false
	case 'b', 'f':
		return 1, true
	case 'u':
		r := hex4(d[1:])
		if r < 0 {
			return 0, false
		}
		if !utf16.IsSurrogate(rune(r)) {
			return 5, r < ' ' && r != '\t' && r != '\n' && r != '\r'
		}
		if len(d) < 11 || d[5] != '\\' || d[6] != 'u' || r >= 0xDC00 {
			return 0, false
		}
		if low := hex4(d[7:]); low < 0xDC00 || low > 0xDFFF {
			return 0, false
		}
		return 11, false
	}
	return 0, false
}

// number skips the number at pos.
func (s *scanner) number() bool {
	if s.peek() == '-' {
		s.pos++
	}
	first := s.peek()
	if n := s.digits(); n == 0 || n > 1 && first == '0' {
		return s.syntax("a number is not valid JSON")
	}
	if s.peek() == '.' {
		s.pos++
		if s.digits() == 0 {
			return s.syntax("a number has no digit after its point")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if s.digits() == 0 {
			return s.syntax("a number has no digit in its exponent")
		}
	}
	return true
}

func (s *scanner) digits() int {
	start := s.pos
	for c := s.peek(); '0' <= c && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos - start
}

// literal skips true, false or null.
func (s *scanner) literal() bool {
	word := "true"
	switch s.peek() {
	case 'f':
		word = "false"
	case 'n':
		word = "null"
	}
	if end := s.pos + len(word); end <= len(s.data) && string(s.data[s.pos:end]) == word {
		s.pos = end
		return true
	}
	return s.syntax("a value is not valid JSON")
}

// skip skips any value.
func (s *scanner) skip() bool {
	switch c := s.peek(); {
	case c == '"':
		_, ok := s.str()
		return ok
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	case c == '{' || c == '[':
		return s.skipAll(c)
	}
	return s.literal()
}

// skipAll skips an object or array.
func (s *scanner) skipAll(open byte) bool {
	if s.depth++; s.depth > maxDepth {
		return s.tooDeep()
	}
	shut := open + 2 // } and ] are two after { and [
	if s.empty(shut) {
		s.depth--
		return true
	}
	for {
		if open == '{' {
			if _, ok := s.memberName(); !ok {
				return false
			}
		}
		if !s.skip() {
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case shut:
			s.pos++
			s.depth--
			return true
		default:
			return s.syntax("a comma or a closing bracket or brace is missing")
		}
	}
}

// syntax stops the scan: the bytes at pos are not JSON. It returns false.
func (s *scanner) syntax(what string) bool {
	if s.fault == nil {
		s.fault = &Error{Kind: Malformed, Detail: "The body is not valid JSON: " + what + " (byte " + strconv.Itoa(s.pos) + ")."}
	}
	return false
}

func (s *scanner) duplicate(at int32) bool {
	s.syntax("an object has the same member twice")
	s.fault.Expression = s.place(at)
	return false
}

func (s *scanner) tooDeep() bool {
	return s.syntax("objects and arrays are nested deeper than " + strconv.Itoa(maxDepth) + " levels")
}
