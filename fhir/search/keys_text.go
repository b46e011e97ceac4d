package search

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// keyLimit is how many bytes of a value a key holds. A longer value is truncated
// at a rune boundary and followed by its hash: searches find it by equality, and
// by a prefix of at most keyLimit bytes.
const keyLimit = 64

// longLimit is keyLimit for what is sorted by and looked into: folded text, and URLs.
const longLimit = 1024

// hashMark separates a truncated value from its hash. It cannot occur in folded text.
const hashMark = '\x7f'

// appendCut appends value, truncated to keyLimit.
func appendCut(to, value []byte) []byte { return appendUpTo(to, value, keyLimit) }

// appendLong appends value, truncated to longLimit.
func appendLong(to, value []byte) []byte { return appendUpTo(to, value, longLimit) }

func appendUpTo(to, value []byte, limit int) []byte {
	if len(value) <= limit {
		return append(to, value...)
	}
	sum := sha256.Sum256(value)
	return appendHashed(to, value, limit, sum[:])
}

// appendHashed appends a value that is longer than limit, truncated, and its hash.
func appendHashed(to, value []byte, limit int, sum []byte) []byte {
	end := limit
	for end > 0 && !utf8.RuneStart(value[end]) {
		end--
	}
	return hex.AppendEncode(append(append(to, value[:end]...), hashMark), sum[:10])
}

// appendFolded appends text in lower case, without accents and with single
// spaces between its words, as string searches compare it.
func appendFolded(to, text []byte) []byte {
	start := len(to)
	for len(text) > 0 {
		c := text[0]
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			to, text = append(to, c), text[1:]
			continue
		}
		r, size := utf8.DecodeRune(text)
		if r < utf8.RuneSelf {
			to = appendFoldedRune(to, r, start)
		} else {
			to = appendDecomposed(to, text[:size], r, start)
		}
		text = text[size:]
	}
	if n := len(to); n > start && to[n-1] == ' ' {
		to = to[:n-1]
	}
	return to
}

// appendDecomposed folds every part of a character's decomposition (NFKD).
func appendDecomposed(to, char []byte, r rune, start int) []byte {
	const hangul, lastHangul = 0xAC00, 0xD7A3 // decompose by arithmetic
	if hangul <= r && r <= lastHangul {
		s := r - hangul
		to = utf8.AppendRune(utf8.AppendRune(to, 0x1100+s/588), 0x1161+s%588/28)
		if s%28 > 0 {
			to = utf8.AppendRune(to, 0x11A7+s%28)
		}
		return to
	}
	parts := norm.NFKD.Properties(char).Decomposition()
	if parts == nil {
		return appendFoldedRune(to, r, start)
	}
	for len(parts) > 0 {
		part, size := utf8.DecodeRune(parts)
		to = appendFoldedRune(to, part, start)
		parts = parts[size:]
	}
	return to
}

func appendFoldedRune(to []byte, r rune, start int) []byte {
	switch {
	case r == hashMark || r >= utf8.RuneSelf && unicode.Is(unicode.Mn, r):
		return to
	case unicode.IsSpace(r):
		if n := len(to); n == start || to[n-1] == ' ' {
			return to
		}
		return append(to, ' ')
	}
	return appendLower(to, r)
}

// appendLower also replaces letters that Unicode does not decompose but people
// type without their stroke.
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

// plainASCII tells whether a text is ASCII without hashMark.
func plainASCII(text []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; len(text) >= 8; text = text[8:] {
		if v := binary.LittleEndian.Uint64(text); (v|(v+ones))&high != 0 {
			return false
		}
	}
	for _, c := range text {
		if c >= hashMark {
			return false
		}
	}
	return true
}

// wordLetters are the letters and digits of ASCII in lower case, 0 for the rest.
var wordLetters = func() (letters [256]byte) {
	for c := range byte(utf8.RuneSelf) {
		if isWordRune(rune(c)) {
			letters[c] = c
			if 'A' <= c && c <= 'Z' {
				letters[c] = c + 'a' - 'A'
			}
		}
	}
	return letters
}()

// betweenWords says whether a rune separates words, which are runs of letters and digits.
func betweenWords(r rune) bool { return !isWordRune(r) }

func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// appendPart appends one of several parts of a key. It escapes '|', '$' and '\'
// with '\', so that different parts never make the same key.
func appendPart(to, part []byte) []byte {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for i := 0; i < len(part); {
		if i+8 <= len(part) {
			v := binary.LittleEndian.Uint64(part[i:])
			bar, dollar, slash := v^('|'*ones), v^('$'*ones), v^('\\'*ones)
			if ((bar-ones)&^bar|(dollar-ones)&^dollar|(slash-ones)&^slash)&high == 0 {
				i += 8
				continue
			}
		}
		if c := part[i]; c == '|' || c == '$' || c == '\\' {
			return appendMarked(append(to, part[:i]...), part[i:])
		}
		i++
	}
	return append(to, part...)
}

func appendMarked(to, part []byte) []byte {
	for _, c := range part {
		if c == '|' || c == '$' || c == '\\' {
			to = append(to, '\\')
		}
		to = append(to, c)
	}
	return to
}
