package ledgerbridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/canonical"
)

// Canonical JSON (RFC 8785) for our own fixed schemas: objects with ASCII names in
// sorted order, strings, and integers below 2^53. It is never applied to a FHIR
// resource. How a string is written stands in package canonical.

// maxInteger is the largest integer that every JSON reader keeps exactly.
const maxInteger = canonical.MaxInteger

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
			b = canonical.AppendString(b, *f.text)
		case f.num != nil:
			b = strconv.AppendInt(b, *f.num, 10)
		case f.words != nil:
			b = appendList(b, *f.words, func(b []byte, s *string) []byte { return canonical.AppendString(b, *s) })
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
	again, err := encode()
	if err == nil && !bytes.Equal(again, data) {
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

// joinSorted joins distinct words with spaces.
func joinSorted(words []string) string {
	words = slices.Clone(words)
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}
