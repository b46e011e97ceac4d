package fhir

import "bytes"

// extent is a part of a text.
type extent struct{ start, end int }

// narrativeFault says what is wrong with the text of a Narrative.div, or "".
func (s *scanner) narrativeFault(text []byte) string {
	x := narrative{text: bytes.TrimSpace(text), open: s.tags[:0]}
	fault := x.fault()
	s.tags = x.open[:0]
	return fault
}

// narrative is a walk through XHTML. It knows as much of XML as R4 allows in a
// narrative: elements, attributes, entities and comments.
type narrative struct {
	text   []byte
	pos    int
	open   []extent // names of the open elements
	filled bool
	strays bool // an element or attribute that is not allowed
	spaced bool // the div declares its namespace

	collect bool
	links   []extent // values of href and src
}

func (x *narrative) fault() string {
	for x.pos < len(x.text) {
		ok := false
		switch {
		case x.text[x.pos] == '<':
			ok = x.markup()
		case len(x.open) == 0:
			return notXML
		case x.text[x.pos] == '&':
			x.filled = true
			ok = x.entity()
		default:
			x.plain()
			ok = true
		}
		if !ok || len(x.open) == 0 && x.pos < len(x.text) {
			return notXML
		}
	}
	switch {
	case len(x.open) > 0 || len(x.text) == 0:
		return notXML
	case !x.spaced:
		return noNamespace
	case x.strays:
		return notAllowed
	case !x.filled:
		return noNarrative
	}
	return ""
}

// plain skips text.
func (x *narrative) plain() {
	for ; x.pos < len(x.text); x.pos++ {
		switch c := x.text[x.pos]; {
		case c == '<' || c == '&':
			return
		case !isSpace(c):
			x.filled = true
		}
	}
}

// markup reads a tag or comment.
func (x *narrative) markup() bool {
	rest := x.text[x.pos:]
	switch {
	case len(rest) < 2:
		return false
	case rest[1] == '/':
		return x.endTag()
	case bytes.HasPrefix(rest, []byte("<!--")):
		end := bytes.Index(rest[4:], []byte("--"))
		if end < 0 || len(x.open) == 0 || !bytes.HasPrefix(rest[4+end:], []byte("-->")) {
			return false
		}
		x.pos += 4 + end + 3
		return true
	}
	return x.startTag()
}

func (x *narrative) endTag() bool {
	x.pos += 2
	name := x.name()
	x.spaces()
	if len(x.open) == 0 || !bytes.Equal(x.cut(x.open[len(x.open)-1]), x.cut(name)) || !x.take('>') {
		return false
	}
	x.open = x.open[:len(x.open)-1]
	return true
}

func (x *narrative) startTag() bool {
	x.pos++
	name := x.name()
	tag := x.cut(name)
	if len(tag) == 0 || len(x.open) == 0 && string(tag) != "div" || len(x.open) > maxDepth {
		return false
	}
	x.strays = x.strays || !isNarrativeTag(tag)
	x.filled = x.filled || string(tag) == "img"
	x.open = append(x.open, name)
	for {
		apart := x.spaces()
		switch {
		case x.take('>'):
			return true
		case x.take('/'):
			x.open = x.open[:len(x.open)-1]
			return x.take('>')
		case !apart || !x.attribute(tag):
			return false
		}
	}
}

// attribute reads name="value".
func (x *narrative) attribute(tag []byte) bool {
	name := x.cut(x.name())
	x.spaces()
	if len(name) == 0 || !x.take('=') {
		return false
	}
	x.spaces()
	quote := x.peek()
	if quote != '"' && quote != '\'' {
		return false
	}
	x.pos++
	start := x.pos
	for x.peek() != quote {
		switch x.peek() {
		case 0, '<':
			return false
		case '&':
			if !x.entity() {
				return false
			}
		default:
			x.pos++
		}
	}
	if x.collect && (string(name) == "href" || string(name) == "src") {
		x.links = append(x.links, extent{start, x.pos})
	}
	x.judgeAttribute(tag, name, x.text[start:x.pos])
	x.pos++
	return true
}

// judgeAttribute notes attributes that R4 does not allow, or that run scripts.
func (x *narrative) judgeAttribute(tag, name, value []byte) {
	if string(name) == "xmlns" {
		x.spaced = x.spaced || len(x.open) == 1
		x.strays = x.strays || string(value) != xhtmlNamespace
		return
	}
	x.strays = x.strays || !isNarrativeAttribute(tag, name)
	if string(name) != "href" && string(name) != "src" {
		return
	}
	// Browsers drop white space inside a scheme, and a character reference can
	// hide one: neither belongs before the path.
	head := value
	if i := bytes.IndexAny(value, "/?#"); i >= 0 {
		head = value[:i]
	}
	scheme, _, absolute := bytes.Cut(bytes.TrimSpace(head), []byte(":"))
	switch {
	case bytes.IndexByte(head, '&') >= 0:
		x.strays = true
	case absolute:
		x.strays = x.strays || !isScheme(scheme, string(name) == "src")
	}
}

// isScheme accepts schemes that neither run scripts nor replace the page; data
// must be an image.
func isScheme(scheme []byte, image bool) bool {
	for _, c := range scheme {
		if !isAlphanumeric(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	is := func(name string) bool { return bytes.EqualFold(scheme, []byte(name)) }
	return !is("javascript") && !is("vbscript") && (image || !is("data"))
}

// entity reads &name; or a character reference.
func (x *narrative) entity() bool {
	end := bytes.IndexByte(x.text[x.pos:min(len(x.text), x.pos+12)], ';')
	if end < 2 {
		return false
	}
	name := x.text[x.pos+1 : x.pos+end]
	x.pos += end + 1
	switch string(name) {
	case "amp", "lt", "gt", "quot", "apos":
		return true
	}
	return name[0] == '#' && isCharacter(name[1:])
}

func isCharacter(digits []byte) bool {
	hex := len(digits) > 1 && digits[0] == 'x'
	if hex {
		digits = digits[1:]
	}
	for _, c := range digits {
		if hexDigit(c) < 0 || !hex && !isDigit(c) {
			return false
		}
	}
	return len(digits) > 0
}

// name reads an XML name of the kind that XHTML uses.
func (x *narrative) name() extent {
	start := x.pos
	for c := x.peek(); isAlphanumeric(c) || c == ':' || c == '-' || c == '_'; c = x.peek() {
		x.pos++
	}
	return extent{start, x.pos}
}

func (x *narrative) cut(s extent) []byte { return x.text[s.start:s.end] }

func (x *narrative) peek() byte {
	if x.pos < len(x.text) {
		return x.text[x.pos]
	}
	return 0
}

func (x *narrative) take(c byte) bool {
	if x.peek() != c {
		return false
	}
	x.pos++
	return true
}

func (x *narrative) spaces() bool {
	start := x.pos
	for isSpace(x.peek()) {
		x.pos++
	}
	return x.pos > start
}
