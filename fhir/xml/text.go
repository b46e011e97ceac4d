package xml

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// appendEscaped appends text as the value of an attribute; ok says whether XML has all of
// its characters.
func appendEscaped(to, text []byte) (out []byte, ok bool) {
	if firstAlien(text) >= 0 {
		return to, false
	}
	for _, c := range text {
		switch c {
		case '&':
			to = append(to, "&amp;"...)
		case '<':
			to = append(to, "&lt;"...)
		case '>':
			to = append(to, "&gt;"...)
		case '"':
			to = append(to, "&quot;"...)
		case '\n':
			to = append(to, "&#xA;"...)
		case '\r':
			to = append(to, "&#xD;"...)
		case '\t':
			to = append(to, "&#x9;"...)
		default:
			to = append(to, c)
		}
	}
	return to, true
}

// firstAlien is the place of the first character that XML 1.0 does not have, or -1.
func firstAlien(text []byte) int {
	for i, c := range text {
		switch {
		case c < ' ' && c != '\n' && c != '\r' && c != '\t':
			return i
		case c == 0xEF && i+2 < len(text) && text[i+1] == 0xBF && text[i+2] >= 0xBE: // U+FFFE and U+FFFF
			return i
		}
	}
	return -1
}

// appendPlain appends what stands in an attribute, with its references resolved and its
// white space normalised; ok says whether they are references of XML.
func appendPlain(to, raw []byte) (out []byte, ok bool) {
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '&':
			n, r := reference(raw[i:])
			if n == 0 {
				return to, false
			}
			to = utf8.AppendRune(to, r)
			i += n - 1
		case '\r':
			if i+1 < len(raw) && raw[i+1] == '\n' {
				i++
			}
			to = append(to, ' ')
		case '\n', '\t':
			to = append(to, ' ')
		default:
			to = append(to, c)
		}
	}
	return to, true
}

// reference reads &name; or a character reference: its length, 0 if XML has none such
// without a document type, and the character.
func reference(raw []byte) (int, rune) {
	end := bytes.IndexByte(raw[:min(len(raw), 12)], ';')
	if end < 2 {
		return 0, 0
	}
	switch name := string(raw[1:end]); name {
	case "amp":
		return end + 1, '&'
	case "lt":
		return end + 1, '<'
	case "gt":
		return end + 1, '>'
	case "quot":
		return end + 1, '"'
	case "apos":
		return end + 1, '\''
	default:
		return numbered(name, end+1)
	}
}

func numbered(name string, length int) (int, rune) {
	if name[0] != '#' || len(name) < 2 {
		return 0, 0
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	if digits == "" || digits[0] == '+' || digits[0] == '-' {
		return 0, 0
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) || n == 0 || firstAlien(utf8.AppendRune(nil, rune(n))) >= 0 {
		return 0, 0
	}
	return length, rune(n)
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func isBlank(text []byte) bool {
	for _, c := range text {
		if !isSpace(c) {
			return false
		}
	}
	return true
}

// appendQuoted appends text as a JSON string.
func appendQuoted(to []byte, text string) []byte {
	to = append(to, '"')
	for i := range len(text) {
		switch c := text[i]; c {
		case '"', '\\':
			to = append(to, '\\', c)
		case '\n':
			to = append(to, `\n`...)
		case '\r':
			to = append(to, `\r`...)
		case '\t':
			to = append(to, `\t`...)
		default: // XML has no other control characters
			to = append(to, c)
		}
	}
	return append(to, '"')
}
