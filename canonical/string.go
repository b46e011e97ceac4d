// Package canonical writes JSON in the one form of RFC 8785, which is what hashes and
// signatures of this project are about. It is at the bottom: the contract of a channel, the
// engine of therapies and the records import it, so the rule stands once.
//
// It does not hash, sign or know any schema, and it is never applied to a FHIR resource,
// where it would turn 1.50 into 1.5.
package canonical

import (
	"strings"
	"unicode/utf8"
)

// MaxInteger is the largest integer that every JSON reader keeps exactly.
const MaxInteger = 1<<53 - 1

const hexDigits = "0123456789abcdef"

// AppendString appends s as RFC 8785 writes it: only what must be escaped is.
// Bytes that are not UTF-8 become U+FFFD, so that everything has a form.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			b = appendEscape(append(b, s[start:i]...), c)
			start = i + 1
		}
		i++
	}
	return append(append(b, s[start:]...), '"')
}

func appendEscape(b []byte, c byte) []byte {
	const from, to = "\b\t\n\f\r\"\\", `btnfr"\`
	if i := strings.IndexByte(from, c); i >= 0 {
		return append(b, '\\', to[i])
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
