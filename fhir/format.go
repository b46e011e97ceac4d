package fhir

import (
	"encoding/binary"
	"regexp"
	"slices"
	"strconv"
)

// format is the lexical form of a primitive type.
type format struct {
	name  string // of the type
	json  byte   // how it is written, as Node.Kind
	valid func(text []byte) bool
	fault string // what is wrong with a value that is not valid
}

var formats = []format{
	{"base64Binary", '"', isBase64, "The value is not base64."},
	{"boolean", 't', anyText, ""},
	{"canonical", '"', isURI, notURI},
	{"code", '"', isCode, "A code must not begin or end with white space, nor have more than one space in a row."},
	{"date", '"', isDate, "A date is written as YYYY, YYYY-MM or YYYY-MM-DD, and must exist."},
	{"dateTime", '"', isDateTime, "A dateTime is a date, or a date and a time with seconds and time zone, as 2015-02-07T13:28:17+02:00."},
	{"decimal", 'n', anyText, ""},
	{"id", '"', IsID[[]byte], "An id has 1 to 64 letters, digits, hyphens and dots."},
	{"instant", '"', isInstant, "An instant is written to the second with a time zone, as 2015-02-07T13:28:17.239+02:00."},
	{"integer", 'n', integerFrom(-1 << 31), "An integer is a whole number of at most 32 bits, without point and exponent."},
	{"markdown", '"', isShort, tooLong},
	{"oid", '"', oid.Match, "An oid is written as urn:oid:1.2.3."},
	{"positiveInt", 'n', integerFrom(1), "A positiveInt is a whole number from 1 to 2147483647, without point and exponent."},
	{"string", '"', isShort, tooLong},
	{"time", '"', isTime, "A time is written as hh:mm:ss, without time zone."},
	{"unsignedInt", 'n', integerFrom(0), "An unsignedInt is a whole number from 0 to 2147483647, without point and exponent."},
	{"uri", '"', isURI, notURI},
	{"url", '"', isURI, notURI},
	{"uuid", '"', uuid.Match, "A uuid is written as urn:uuid: with lower-case hexadecimal digits."},
	{"xhtml", '"', anyText, ""}, // narrativeFault checks it
}

const (
	notURI  = "A uri must not have white space."
	tooLong = "A string must not be longer than 1 MB."
)

var (
	oid  = regexp.MustCompile(`^urn:oid:[0-2](\.(0|[1-9][0-9]*))+$`)
	uuid = regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// formatOf finds the format of a primitive type, or returns nil.
func formatOf(name string) *format {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return &formats[i]
}

// faultOf says what is wrong with a value, or "". text is a valid JSON number or the
// unescaped inside of a string.
func (f *format) faultOf(text []byte) string {
	switch {
	case len(text) == 0:
		return "A value must not be empty. Leave the element out."
	case !f.valid(text):
		return f.fault
	}
	return ""
}

func anyText([]byte) bool { return true }

// maxString is the longest string that R4 allows, in bytes.
const maxString = 1 << 20

func isShort(text []byte) bool { return len(text) <= maxString }

// integerFrom checks JSON numbers: 32 bits, without point and exponent.
func integerFrom(low int64) func([]byte) bool {
	return func(text []byte) bool {
		n, err := strconv.ParseInt(string(text), 10, 32)
		return err == nil && n >= low && string(text) != "-0"
	}
}

func isSpace(c byte) bool { return c <= ' ' && (c == ' ' || '\t' <= c && c <= '\r') }

// isURI requires that there is no white space. It looks at eight bytes at a time:
// documents consist mostly of URIs.
func isURI(text []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; len(text) >= 8; text = text[8:] {
		v := binary.LittleEndian.Uint64(text)
		if (v-'!'*ones)&^v&high != 0 {
			break // a byte below '!': the loop below looks closer
		}
	}
	return !slices.ContainsFunc(text, isSpace)
}

// isCode requires single spaces, inside only.
func isCode(text []byte) bool {
	for i, c := range text {
		if isSpace(c) && (i == 0 || i == len(text)-1 || isSpace(text[i-1])) {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isBase64 allows white space between the characters, as R4 does.
func isBase64(text []byte) bool {
	n, pads := 0, 0
	for _, c := range text {
		switch {
		case isSpace(c):
			continue
		case c == '=':
			pads++
		case pads > 0, !isAlphanumeric(c) && c != '+' && c != '/':
			return false
		}
		n++
	}
	return n%4 == 0 && pads <= 2
}
