package xml

import (
	"bytes"
	"strconv"
)

// kind is what a token is.
type kind uint8

const (
	ended kind = iota
	startTag
	endTag
	text // also CDATA
	comment
	instruction
)

// attr is one attribute as it is written, without its quotes.
type attr struct{ name, raw []byte }

// token is a part of a document. Its attributes are valid until the next token.
type token struct {
	kind  kind
	name  []byte // of a tag
	attrs []attr
	empty bool   // <name/>
	raw   []byte // all of it
	plain []byte // of text: what it says with its references, inside of CDATA
	cdata bool
}

// tokens reads the tokens of a document, which is UTF-8 and has only characters of XML.
type tokens struct {
	data  []byte
	pos   int
	attrs []attr
	fault error
}

// fail notes what is wrong at the place reached.
func (t *tokens) fail(detail string) (token, error) {
	if t.fault == nil {
		line := 1 + bytes.Count(t.data[:min(t.pos, len(t.data))], []byte("\n"))
		t.fault = malformed(detail + " (line " + strconv.Itoa(line) + ")")
	}
	return token{}, t.fault
}

// next is the next token.
func (t *tokens) next() (token, error) {
	rest := t.data[t.pos:]
	switch {
	case len(rest) == 0:
		return token{kind: ended}, nil
	case rest[0] != '<':
		return t.text(rest)
	case bytes.HasPrefix(rest, []byte("<!--")):
		return t.upTo(comment, 4, "-->")
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		return t.upTo(text, 9, "]]>")
	case bytes.HasPrefix(rest, []byte("<?")):
		return t.upTo(instruction, 2, "?>")
	case bytes.HasPrefix(rest, []byte("<!")):
		return t.fail("a document type is not taken, nor are entities of one")
	case bytes.HasPrefix(rest, []byte("</")):
		return t.closing()
	}
	return t.opening()
}

func (t *tokens) text(rest []byte) (token, error) {
	end := bytes.IndexByte(rest, '<')
	if end < 0 {
		end = len(rest)
	}
	raw := rest[:end]
	if bytes.Contains(raw, []byte("]]>")) {
		return t.fail("]]> stands in text")
	}
	for i := bytes.IndexByte(raw, '&'); i >= 0 && i < len(raw); {
		n, _ := reference(raw[i:])
		if n == 0 {
			return t.fail("a reference is none of &amp; &lt; &gt; &quot; &apos; and &#number;")
		}
		next := bytes.IndexByte(raw[i+n:], '&')
		if next < 0 {
			break
		}
		i += n + next
	}
	t.pos += end
	return token{kind: text, raw: raw, plain: raw}, nil
}

// upTo is a token with a fixed beginning of some bytes and a fixed end.
func (t *tokens) upTo(k kind, begin int, end string) (token, error) {
	rest := t.data[t.pos:]
	n := bytes.Index(rest[begin:], []byte(end))
	if n < 0 {
		return t.fail("a comment, an instruction or CDATA has no end")
	}
	inner := rest[begin : begin+n]
	if k == comment && (bytes.Contains(inner, []byte("--")) || bytes.HasSuffix(inner, []byte("-"))) {
		return t.fail("a comment has -- inside")
	}
	raw := rest[:begin+n+len(end)]
	t.pos += len(raw)
	return token{kind: k, raw: raw, plain: inner, cdata: k == text}, nil
}

func (t *tokens) closing() (token, error) {
	start := t.pos
	t.pos += 2
	name := t.name()
	t.space()
	if len(name) == 0 || !t.take('>') {
		return t.fail("an end tag is cut")
	}
	return token{kind: endTag, name: name, raw: t.data[start:t.pos]}, nil
}

func (t *tokens) opening() (token, error) {
	start := t.pos
	t.pos++
	tag := token{kind: startTag, name: t.name()}
	if len(tag.name) == 0 {
		return t.fail("a tag has no name")
	}
	t.attrs = t.attrs[:0]
	for {
		apart := t.space()
		switch {
		case t.take('>'):
		case t.take('/'):
			if tag.empty = true; !t.take('>') {
				return t.fail("a tag is cut")
			}
		case !apart:
			return t.fail("a tag is cut")
		default:
			if err := t.attribute(); err != nil {
				return token{}, err
			}
			continue
		}
		tag.attrs, tag.raw = t.attrs, t.data[start:t.pos]
		return tag, nil
	}
}

// attribute reads name="value".
func (t *tokens) attribute() error {
	a := attr{name: t.name()}
	t.space()
	if len(a.name) == 0 || !t.take('=') {
		return t.failed("an attribute is cut")
	}
	t.space()
	quote := t.peek()
	if quote != '"' && quote != '\'' {
		return t.failed("an attribute has no quotes")
	}
	t.pos++
	n := bytes.IndexByte(t.data[t.pos:], quote)
	if n < 0 {
		return t.failed("an attribute has no end")
	}
	a.raw = t.data[t.pos : t.pos+n]
	if bytes.IndexByte(a.raw, '<') >= 0 {
		return t.failed("< stands in an attribute")
	}
	for _, b := range t.attrs {
		if bytes.Equal(a.name, b.name) {
			return t.failed("an element has the same attribute twice")
		}
	}
	if len(t.attrs) == maxAttrs {
		return t.failed("an element has more than " + strconv.Itoa(maxAttrs) + " attributes")
	}
	t.pos += n + 1
	t.attrs = append(t.attrs, a)
	return nil
}

func (t *tokens) failed(detail string) error {
	_, err := t.fail(detail)
	return err
}

// name reads a name. Beyond ASCII, it takes every character for a letter.
func (t *tokens) name() []byte {
	start := t.pos
	for {
		c := t.peek()
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80 || c == ':' && t.pos > start
		if !letter && (t.pos == start || (c < '0' || c > '9') && c != '-' && c != '.') {
			return t.data[start:t.pos]
		}
		t.pos++
	}
}

func (t *tokens) peek() byte {
	if t.pos < len(t.data) {
		return t.data[t.pos]
	}
	return 0
}

func (t *tokens) take(c byte) bool {
	if t.peek() != c {
		return false
	}
	t.pos++
	return true
}

func (t *tokens) space() bool {
	start := t.pos
	for isSpace(t.peek()) {
		t.pos++
	}
	return t.pos > start
}
