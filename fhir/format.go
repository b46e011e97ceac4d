package fhir

import "encoding/binary"

// format is the lexical form of a primitive type.
type format uint8

// formatNames are the primitive types in the order of the formats.
var formatNames = []string{
	"base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer",
	"markdown", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid", "xhtml",
}

const (
	formatBase64Binary format = iota
	formatBoolean
	formatCanonical
	formatCode
	formatDate
	formatDateTime
	formatDecimal
	formatID
	formatInstant
	formatInteger
	formatMarkdown
	formatOID
	formatPositiveInt
	formatString
	formatTime
	formatUnsignedInt
	formatURI
	formatURL
	formatUUID
	formatXHTML
)

// kind is the JSON kind of a format, as Node.Kind.
func (f format) kind() byte {
	switch f {
	case formatBoolean:
		return 't'
	case formatDecimal, formatInteger, formatPositiveInt, formatUnsignedInt:
		return 'n'
	}
	return '"'
}

// maxString is the longest string that R4 allows, in bytes.
const maxString = 1 << 20

// fault says what is wrong with a value, or "". text is a valid JSON number or the
// unescaped inside of a string.
func (f format) fault(text []byte) string {
	if len(text) == 0 {
		return "A value must not be empty. Leave the element out."
	}
	switch f {
	case formatString, formatMarkdown:
		return when(len(text) > maxString, "A string must not be longer than 1 MB.")
	case formatURI, formatURL, formatCanonical:
		return when(hasSpace(text), "A uri must not have white space.")
	case formatCode:
		return when(!isCode(text), "A code must not begin or end with white space, nor have more than one space in a row.")
	case formatID:
		return when(!IsID(text), "An id has 1 to 64 letters, digits, hyphens and dots.")
	case formatOID:
		return when(!isOID(text), "An oid is written as urn:oid:1.2.3.")
	case formatUUID:
		return when(!isUUID(text), "A uuid is written as urn:uuid: with lower-case hexadecimal digits.")
	case formatBase64Binary:
		return when(!isBase64(text), "The value is not base64.")
	case formatInteger, formatPositiveInt, formatUnsignedInt:
		return f.integerFault(text)
	}
	return f.timeFault(text)
}

func when(wrong bool, fault string) string {
	if wrong {
		return fault
	}
	return ""
}

func (f format) integerFault(text []byte) string {
	low := int64(-1 << 31)
	fault := "An integer is a whole number of at most 32 bits, without point and exponent."
	switch f {
	case formatPositiveInt:
		low, fault = 1, "A positiveInt is a whole number from 1 to 2147483647, without point and exponent."
	case formatUnsignedInt:
		low, fault = 0, "An unsignedInt is a whole number from 0 to 2147483647, without point and exponent."
	}
	n, ok := wholeNumber(text)
	return when(!ok || n < low || n > 1<<31-1, fault)
}

// wholeNumber reads a JSON number without point and exponent.
func wholeNumber(text []byte) (n int64, ok bool) {
	digits := text
	if text[0] == '-' {
		digits = text[1:]
	}
	if len(digits) == 0 || len(digits) > 10 || len(digits) < len(text) && digits[0] == '0' {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(text) {
		n = -n
	}
	return n, true
}

func isSpace(c byte) bool { return c <= ' ' && (c == ' ' || '\t' <= c && c <= '\r') }

// hasSpace looks at eight bytes at a time: documents consist mostly of URIs.
func hasSpace(text []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; len(text) >= 8; text = text[8:] {
		v := binary.LittleEndian.Uint64(text)
		if (v-'!'*ones)&^v&high != 0 {
			break // a byte below '!': the loop below looks closer
		}
	}
	for _, c := range text {
		if isSpace(c) {
			return true
		}
	}
	return false
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

// isOID requires urn:oid:, a first arc of 0 to 2 and at least one more, without
// leading zeros.
func isOID(text []byte) bool {
	const prefix = "urn:oid:"
	if len(text) < len(prefix)+3 || string(text[:len(prefix)]) != prefix {
		return false
	}
	arcs := text[len(prefix):]
	if arcs[0] > '2' || arcs[0] < '0' || arcs[1] != '.' {
		return false
	}
	start := true
	for i, c := range arcs[2:] {
		switch {
		case c == '.' && start, c != '.' && !isDigit(c):
			return false
		case !start && c != '.' && arcs[2:][i-1] == '0' && (i < 2 || arcs[2:][i-2] == '.'):
			return false
		}
		start = c == '.'
	}
	return !start
}

func isUUID(text []byte) bool {
	const prefix = "urn:uuid:"
	if len(text) != len(prefix)+36 || string(text[:len(prefix)]) != prefix {
		return false
	}
	for i, c := range text[len(prefix):] {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && (hexDigit(c) < 0 || 'A' <= c && c <= 'F') {
			return false
		}
	}
	return true
}

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
