package fhir

import (
	"bytes"
	"crypto/sha256"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// keyLimit is how many bytes of a value a key holds. A longer one is cut on a
// rune boundary and ends in its hash: it can be found by equality, and by a
// prefix of at most keyLimit bytes.
const keyLimit = 64

// hashMark stands between a cut value and its hash. It cannot occur in folded text.
const hashMark = '\x7f'

// appendCut appends value, cut to keyLimit.
func appendCut(to, value []byte) []byte {
	if len(value) <= keyLimit {
		return append(to, value...)
	}
	end := keyLimit
	for end > 0 && !utf8.RuneStart(value[end]) {
		end--
	}
	sum := sha256.Sum256(value)
	return appendHex(append(append(to, value[:end]...), hashMark), sum[:10])
}

func appendHex(to, b []byte) []byte {
	const hex = "0123456789abcdef"
	for _, c := range b {
		to = append(to, hex[c>>4], hex[c&15])
	}
	return to
}

// appendFolded appends text in lower case, without accents and with single
// blanks between its words: what a string search compares.
func appendFolded(to, text []byte) []byte {
	start := len(to)
	if !isASCII(text) {
		var room [256]byte
		text = norm.NFKD.Append(room[:0], text...)
	}
	blank := false
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		switch {
		case unicode.Is(unicode.Mn, r) || r == hashMark:
		case unicode.IsSpace(r):
			blank = true
		default:
			if blank && len(to) > start {
				to = append(to, ' ')
			}
			blank = false
			to = appendLower(to, r)
		}
	}
	return to
}

// appendLower also unfolds the letters that Unicode does not decompose but
// people type without their stroke.
func appendLower(to []byte, r rune) []byte {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return append(to, byte(r))
	}
	switch r = unicode.ToLower(r); r {
	case 'ß':
		return append(to, "ss"...)
	case 'æ':
		return append(to, "ae"...)
	case 'œ':
		return append(to, "oe"...)
	case 'ø':
		return append(to, 'o')
	case 'ł':
		return append(to, 'l')
	case 'đ', 'ð':
		return append(to, 'd')
	case 'þ':
		return append(to, "th"...)
	case 'ı':
		return append(to, 'i')
	case 'ς':
		r = 'σ'
	}
	return utf8.AppendRune(to, r)
}

func isASCII(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// nextWord cuts the first word (a run of letters and digits) off folded text.
func nextWord(folded []byte) (word, rest []byte) {
	start := bytes.IndexFunc(folded, isWordRune)
	if start < 0 {
		return nil, nil
	}
	folded = folded[start:]
	end := bytes.IndexFunc(folded, func(r rune) bool { return !isWordRune(r) })
	if end < 0 {
		return folded, nil
	}
	return folded[:end], folded[end:]
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// appendPart appends a part of a key of several parts: '|', '$' and '\' are
// marked with '\', so that different parts never make the same key.
func appendPart(to, part []byte) []byte {
	if bytes.IndexAny(part, `|$\`) < 0 {
		return append(to, part...)
	}
	for _, c := range part {
		if c == '|' || c == '$' || c == '\\' {
			to = append(to, '\\')
		}
		to = append(to, c)
	}
	return to
}
