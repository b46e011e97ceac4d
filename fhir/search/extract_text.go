package search

import "bytes"

// strings writes the keys of a string parameter: of every text in a name or
// address, of the texts of a concept, or of one text.
func (x *extractor) strings(i int32, s *sink, p *planParam) {
	switch c := x.class(i); c {
	case nameClass, addressClass:
		x.texts(i, s.param, p)
	case conceptClass:
		x.conceptTexts(i, s.param, p)
	case codingClass:
		if display := x.find(i, roleDisplay); display >= 0 {
			x.string(display, s.param, p)
		}
	default:
		if x.Nodes[i].Kind != '{' {
			x.string(i, s.param, p)
		}
	}
}

// texts writes the keys of every text, except those of codes.
func (x *extractor) texts(i int32, n int, p *planParam) {
	for c := i + 1; c < x.Nodes[i].Next; c = x.Nodes[c].Next {
		r := x.role(c)
		if x.Nodes[c].Kind == '"' && r != roleUse && r != roleID && r != roleType {
			x.string(c, n, p)
		}
	}
}

func (x *extractor) conceptTexts(i int32, n int, p *planParam) {
	for c := i + 1; c < x.Nodes[i].Next; c = x.Nodes[c].Next {
		switch x.role(c) {
		case roleText:
			x.string(c, n, p)
		case roleCoding:
			if display := x.find(c, roleDisplay); display >= 0 {
				x.string(display, n, p)
			}
		}
	}
}

func (x *extractor) string(i int32, n int, p *planParam) {
	x.stringOf(x.value(i), n, p)
}

// stringOf writes the keys of a text.
func (x *extractor) stringOf(text []byte, n int, p *planParam) {
	folded := x.folded(text)
	if len(folded) > 0 {
		x.begin(p, foldedKey)
		x.buf = appendLong(x.buf, folded)
		key := x.end()
		x.bounds(n, p, key, key)
	}
	x.begin(p, exactKey)
	x.buf = appendCut(x.buf, text)
	x.end()
}

// uri writes the keys of a uri: the whole, and the paths above it for :below.
func (x *extractor) uri(i int32, s *sink, p *planParam) {
	var u []byte
	switch {
	case x.class(i) == identifierClass:
		u = x.child(i, roleValue)
	case x.Nodes[i].Kind == '"':
		u = x.value(i)
	}
	if len(u) == 0 {
		return
	}
	x.begin(p, referenceKey)
	x.buf = appendLong(x.buf, u)
	key := x.end()
	x.bounds(s.param, p, key, key)
	if x.class(i) == canonicalClass && bytes.ContainsAny(u, "|#") {
		x.editions(p, u)
	}
	for above := (paths{url: u, limit: keyLimit}); above.next() && x.fault == nil; {
		x.begin(p, pathKey)
		x.buf = above.append(x.buf, false)
		x.end()
	}
}
