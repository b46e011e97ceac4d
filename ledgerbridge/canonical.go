package ledgerbridge

import (
	"bytes"
	"encoding/json"
	"errors"
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
// Bytes that are not UTF-8 become U+FFFD, so that every request gets a record.
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

// field is one member of a fixed-schema object: a string, an integer or a list.
type field struct {
	name  string
	text  *string
	num   *int64
	words *[]string
	items *[]Item

	optional bool // left out if it is empty; of words, if it is nil
}

func (f *field) empty() bool {
	return f.text != nil && *f.text == "" || f.num != nil && *f.num == 0 || f.words != nil && *f.words == nil
}

// appendObject appends the members in the order given, which must be sorted.
func appendObject(b []byte, fields []field) []byte {
	opening := `{"`
	for _, f := range fields {
		if f.optional && f.empty() {
			continue
		}
		b = append(append(append(b, opening...), f.name...), '"', ':')
		opening = `,"`
		switch {
		case f.text != nil:
			b = appendString(b, *f.text)
		case f.num != nil:
			b = strconv.AppendInt(b, *f.num, 10)
		case f.words != nil:
			b = appendList(b, *f.words, func(b []byte, s *string) []byte { return appendString(b, *s) })
		default:
			b = appendList(b, *f.items, appendItem)
		}
	}
	return append(b, '}')
}

// scanObject reads strings and integers where appendObject writes them. It checks
// nothing: the caller compares data with what the members give again. encoding/json
// takes three times as long, and an audit scans every entry.
func scanObject(data string, fields []field) {
	for _, f := range fields {
		_, data, _ = strings.Cut(data, ":")
		if f.num != nil {
			*f.num, _ = strconv.ParseInt(data[:max(0, strings.IndexAny(data, ",}"))], 10, 64)
			continue
		}
		quoted, _ := strconv.QuotedPrefix(data)
		data = data[len(quoted):]
		*f.text, _ = strconv.Unquote(quoted)
	}
}

// checkIntegers refuses integers that JSON readers would round.
func checkIntegers(fields []field) error {
	for _, f := range fields {
		if f.num != nil && (*f.num < 0 || *f.num > maxInteger) {
			return fmt.Errorf("%s is %d, outside 0 to 2^53-1", f.name, *f.num)
		}
	}
	return nil
}

// DecodeCanonical reads into v what encode writes of it, byte for byte, and nothing else: no
// unknown or doubled member, no space, no other order, no other escape.
func DecodeCanonical(data []byte, v any, encode func() ([]byte, error)) error {
	if err := json.Unmarshal(data, v); err != nil {
		return err
	}
	canonical, err := encode()
	if err == nil && !bytes.Equal(canonical, data) {
		err = errNotCanonical
	}
	return err
}

var errNotCanonical = errors.New("not in canonical form, so it was changed after it was made")

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

// frame appends s with its length in front, so that hashed text reads only one way.
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
