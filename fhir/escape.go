package fhir

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape resolves the escapes in the inside of a valid JSON string. Without
// escapes it returns s itself.
func unescape(s []byte) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s
	}
	return AppendUnescaped(make([]byte, 0, len(s)), s)
}

// AppendUnescaped appends the inside of a valid JSON string without its escapes.
func AppendUnescaped(to, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			run := bytes.IndexByte(s[i:], '\\')
			if run < 0 {
				run = len(s) - i
			}
			to = append(to, s[i:i+run]...)
			i += run
			continue
		}
		if s[i+1] != 'u' {
			to = append(to, escaped(s[i+1]))
			i += 2
			continue
		}
		r := rune(hex4(s[i+2:]))
		i += 6
		if utf16.IsSurrogate(r) {
			if r = pair(r, s[i:]); r != utf8.RuneError {
				i += 6
			}
		}
		to = utf8.AppendRune(to, r)
	}
	return to
}

// pair is the character of two surrogates, the second at the beginning of rest. RFC 8259
// lets one stand alone: it is no character.
func pair(first rune, rest []byte) rune {
	if !bytes.HasPrefix(rest, []byte(`\u`)) {
		return utf8.RuneError
	}
	return utf16.DecodeRune(first, rune(hex4(rest[2:])))
}

// escaped is the character that a one-letter escape stands for.
func escaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c // one of " \ /
}

// hex4 reads four hexadecimal digits, or returns -1.
func hex4(s []byte) int {
	if len(s) < 4 {
		return -1
	}
	v := 0
	for _, c := range s[:4] {
		d := hexDigit(c)
		if d < 0 {
			return -1
		}
		v = v<<4 | d
	}
	return v
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// appendQuoted appends s as a JSON string. s is valid UTF-8.
func appendQuoted(to []byte, s string) []byte {
	const digits = "0123456789abcdef"
	to = append(to, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c < 0x20:
			to = append(to, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}
