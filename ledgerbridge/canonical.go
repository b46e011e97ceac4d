package ledgerbridge

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Canonical JSON (RFC 8785) for our own fixed schemas: objects with ASCII names in
// sorted order, strings, and integers below 2^53. It is never applied to a FHIR
// resource, where it would turn 1.50 into 1.5.

// maxInteger is the largest integer that every JSON reader keeps exactly.
const maxInteger = 1<<53 - 1

const hexDigits = "0123456789abcdef"

// appendString appends s as RFC 8785 writes it: only what must be escaped is.
// Bytes that are not UTF-8 become U+FFFD: a record must be possible for any request.
func appendString(b []byte, s string) []byte {
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

// field is one member of a fixed-schema object: a string or an integer.
type field struct {
	name string
	text *string
	num  *int64
}

// appendObject appends the members in the order given, which must be sorted.
func appendObject(b []byte, fields []field) []byte {
	for i, f := range fields {
		b = append(append(append(b, opening(i)...), f.name...), '"', ':')
		if f.text != nil {
			b = appendString(b, *f.text)
		} else {
			b = strconv.AppendInt(b, *f.num, 10)
		}
	}
	return append(b, '}')
}

// opening is what stands before the name of member i.
func opening(i int) string {
	if i == 0 {
		return `{"`
	}
	return `,"`
}

func cutName(s, opening, name string) (rest string, ok bool) {
	for _, part := range [...]string{opening, name, `":`} {
		if s, ok = strings.CutPrefix(s, part); !ok {
			return s, false
		}
	}
	return s, true
}

// checkIntegers refuses what JSON readers would round.
func checkIntegers(fields []field) error {
	for _, f := range fields {
		if f.num != nil && (*f.num < 0 || *f.num > maxInteger) {
			return fmt.Errorf("%s is %d, outside 0 to 2^53-1", f.name, *f.num)
		}
	}
	return nil
}

// parseObject reads exactly what appendObject writes, member for member, and
// nothing else: no space, no other order, no other escape.
func parseObject(data []byte, fields []field) error {
	rest := string(data)
	for i, f := range fields {
		var ok bool
		if rest, ok = cutName(rest, opening(i), f.name); !ok {
			return fmt.Errorf("member %q is missing or not where it belongs", f.name)
		}
		var err error
		if f.text != nil {
			*f.text, rest, err = cutString(rest)
		} else {
			*f.num, rest, err = cutInteger(rest)
		}
		if err != nil {
			return fmt.Errorf("member %q: %w", f.name, err)
		}
	}
	if rest != "}" {
		return fmt.Errorf("text after the last member")
	}
	return nil
}

func cutInteger(s string) (int64, string, error) {
	end := 0
	for end < len(s) && '0' <= s[end] && s[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil || n > maxInteger || strconv.FormatInt(n, 10) != s[:end] {
		return 0, s, fmt.Errorf("not a canonical integer")
	}
	return n, s[end:], nil
}

// cutString reads one string. One with escapes must be written again to the same
// bytes, which refuses every other escape.
func cutString(s string) (text, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		return "", s, fmt.Errorf("not a string")
	}
	end, escaped := 1, false
	for end < len(s) && s[end] != '"' {
		if s[end] < ' ' {
			return "", s, fmt.Errorf("not a canonical string")
		}
		if s[end] == '\\' {
			escaped = true
			end++
		}
		end++
	}
	if end >= len(s) {
		return "", s, fmt.Errorf("string without end")
	}
	quoted, text := s[:end+1], s[1:end]
	if escaped {
		text = unescape(text)
	}
	if !utf8.ValidString(quoted) || escaped && string(appendString(nil, text)) != quoted {
		return "", s, fmt.Errorf("not a canonical string")
	}
	return text, s[end+1:], nil
}

// unescape undoes appendEscape; anything else comes out as something that is not
// written back the same way.
func unescape(s string) string {
	const from, to = `btnfr"\`, "\b\t\n\f\r\"\\"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if j := strings.IndexByte(from, s[i]); j >= 0 {
			b.WriteByte(to[j])
		} else if n, err := strconv.ParseUint(s[min(i+1, len(s)):min(i+5, len(s))], 16, 8); err == nil && s[i] == 'u' {
			b.WriteByte(byte(n))
			i += 4
		}
	}
	return b.String()
}

// appendList appends a JSON array whose members each writes.
func appendList[T any](b []byte, list []T, each func([]byte, *T) []byte) []byte {
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = each(b, &list[i])
	}
	return append(b, ']')
}

// frame appends s with its length in front, so that what is hashed has one reading.
func frame[T string | []byte](b []byte, s T) []byte {
	n := uint32(min(len(s), math.MaxUint32))
	return append(append(b, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)), s...)
}

// joinSorted joins distinct words with spaces.
func joinSorted(words []string) string {
	words = slices.Clone(words)
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}
