package search

import (
	"bytes"
	"hash/maphash"
	"strconv"
	"unicode/utf8"
)

// The parameters whose values are words: of the narrative, and of all text of a resource.
// Words of the narrative have keys of _text only.
const (
	textParam    = "_text"
	contentParam = "_content"
)

// mostWords is how many different words of the narrative, and of other text, have keys. A
// resource with nearly as many other values as it may have (but for otherValues) has fewer:
// none is refused for its words.
const (
	mostWords   = 1000
	otherValues = 200 // hulls
)

// wordSeed hashes words. Which words of a resource are kept does not depend on it.
var wordSeed = maphash.MakeSeed()

// allWords writes the words of the narrative, and those of other text that are not in it.
func (x *extractor) allWords() {
	clear(x.wordsSeen)
	if x.wordsSeen == nil {
		x.wordsSeen = map[uint64]struct{}{}
	}
	p := x.roles.plans[x.Nodes[0].Type]()
	for i := range x.Nodes {
		if n := &x.Nodes[i]; n.Kind == '"' && n.Type == x.roles.xhtml && !n.PrimitiveExt {
			x.wordsOf(&p.text, x.plain(x.value(int32(i))), mostWords)
		}
	}
	begun := len(x.wordsSeen)
	for i := range x.Nodes {
		n := &x.Nodes[i]
		if n.Kind != '"' || n.PrimitiveExt || n.Type != x.roles.string && n.Type != x.roles.markdown {
			continue
		}
		if r := x.roles.elements[max(n.Elem, 0)]; r != roleReference && r != roleID {
			x.wordsOf(&p.content, x.value(int32(i)), begun+mostWords)
		}
	}
}

// wordsOf writes a key for each word that has none, until there are most of them.
func (x *extractor) wordsOf(p *prefix, text []byte, most int) {
	for word := range bytes.FieldsFuncSeq(x.folded(text), betweenWords) {
		full := x.limit.keys > 0 && len(x.keys)+len(x.dates)+len(x.numbers)+otherValues >= x.limit.keys
		if len(x.wordsSeen) >= most || full || x.fault != nil {
			return
		}
		hash := maphash.Bytes(wordSeed, word)
		if _, known := x.wordsSeen[hash]; known {
			continue
		}
		x.wordsSeen[hash] = struct{}{}
		x.beginOther(p)
		x.buf = appendCut(x.buf, word)
		x.end()
	}
}

// plain is the text of a narrative: without tags and comments, which separate words, and with
// the characters that stand for others replaced.
func (x *extractor) plain(narrative []byte) []byte {
	from := len(x.text)
	for i := 0; i < len(narrative); {
		switch c := narrative[i]; {
		case c == '<':
			end := []byte(">")
			if bytes.HasPrefix(narrative[i:], []byte("<!--")) {
				end = []byte("-->")
			}
			n := bytes.Index(narrative[i:], end)
			if n < 0 {
				return x.text[from:]
			}
			x.text, i = append(x.text, ' '), i+n+len(end)
		case c == '&':
			n := bytes.IndexByte(narrative[i:min(i+10, len(narrative))], ';')
			if n < 0 {
				x.text, i = append(x.text, ' '), i+1
				continue
			}
			x.text, i = utf8.AppendRune(x.text, entity(narrative[i+1:i+n])), i+n+1
		default:
			x.text, i = append(x.text, c), i+1
		}
	}
	return x.text[from:]
}

// entity is the character that a reference stands for; those with names separate words.
func entity(name []byte) rune {
	if len(name) < 2 || name[0] != '#' {
		return ' '
	}
	digits, base := string(name[1:]), 10
	if digits[0] == 'x' || digits[0] == 'X' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 21)
	if err != nil {
		return ' '
	}
	return rune(n)
}
