package xml

import (
	"bytes"
	"html"
	"strconv"
)

// narrative reads the div of a Narrative: its bytes, without prefixes, instructions and
// CDATA, become a string. What may stand in it, fhir.Parse says.
func (r *reader) narrative(tag token, at *run) error {
	div := make([]byte, 0, 256)
	level := len(r.scope.open)
	for first := true; ; first = false {
		var err error
		switch tag.kind {
		case startTag:
			div, err = r.divTag(div, tag, first)
		case endTag:
			div = append(append(append(div, "</"...), localOf(tag.name)...), '>')
			err = r.scope.leave(&r.t, tag.name)
		case text:
			div = appendText(div, tag)
		case comment:
			div = append(div, tag.raw...)
		case ended:
			err = r.t.failed("an element has no end")
		}
		if err != nil {
			return err
		}
		if len(r.scope.open) == level {
			break
		}
		if tag, err = r.t.next(); err != nil {
			return err
		}
	}
	r.comma()
	r.member(at.name, false)
	r.out = appendQuoted(r.out, string(div))
	return nil
}

// divTag adds a start tag, which must be XHTML. The first one declares the namespace.
func (r *reader) divTag(div []byte, tag token, first bool) ([]byte, error) {
	if err := r.scope.enter(&r.t, tag); err != nil {
		return div, err
	}
	space, local, err := r.scope.resolve(&r.t, tag.name, false)
	if err != nil {
		return div, err
	}
	if space != xhtmlSpace || first && string(local) != "div" {
		return div, r.fault("The narrative is a div in the namespace " + xhtmlSpace + ".")
	}
	for _, a := range tag.attrs {
		for i := bytes.IndexByte(a.raw, '&'); i >= 0; {
			n, _ := reference(a.raw[i:])
			if n == 0 {
				return div, r.t.failed("a reference is none of &amp; &lt; &gt; &quot; &apos; and &#number;")
			}
			next := bytes.IndexByte(a.raw[i+n:], '&')
			if next < 0 {
				break
			}
			i += n + next
		}
	}
	if bytes.Equal(local, tag.name) && (!first || hasDefault(tag.attrs)) {
		div = append(div, tag.raw...)
	} else {
		div = appendTag(div, tag, local, first)
	}
	if tag.empty {
		err = r.finish(tag)
	}
	return div, err
}

func hasDefault(attrs []attr) bool {
	for _, a := range attrs {
		if string(a.name) == "xmlns" {
			return true
		}
	}
	return false
}

// appendTag writes a start tag without a prefix and without declarations of prefixes.
func appendTag(to []byte, tag token, local []byte, first bool) []byte {
	to = append(append(to, '<'), local...)
	if first {
		to = append(to, ` xmlns="`+xhtmlSpace+`"`...)
	}
	for _, a := range tag.attrs {
		if _, ok := declares(a.name); ok {
			continue
		}
		to = append(append(append(to, ' '), a.name...), `="`...)
		to = append(append(to, bytes.ReplaceAll(a.raw, []byte(`"`), []byte("&quot;"))...), '"')
	}
	if tag.empty {
		to = append(to, '/')
	}
	return append(to, '>')
}

func appendText(to []byte, t token) []byte {
	if !t.cdata {
		return append(to, t.raw...)
	}
	for _, c := range t.plain {
		switch c {
		case '&':
			to = append(to, "&amp;"...)
		case '<':
			to = append(to, "&lt;"...)
		case '>':
			to = append(to, "&gt;"...)
		default:
			to = append(to, c)
		}
	}
	return to
}

func localOf(name []byte) []byte {
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		return name[i+1:]
	}
	return name
}

// divOf is a stored narrative as a part of an XML document: its bytes, with the namespace
// and characters for references that only HTML has, if earlier versions took it so. It
// must be one element, or it could end the resource around it.
func divOf(stored []byte) ([]byte, error) {
	div := unnamed(bytes.TrimSpace(stored))
	if firstAlien(div) >= 0 {
		return nil, errJSON
	}
	t, s := tokens{data: div}, scope{}
	for first := true; ; first = false {
		tag, err := t.next()
		if err != nil {
			return nil, err
		}
		switch {
		case first && (tag.kind != startTag || string(tag.name) != "div"):
			return nil, errJSON
		case tag.kind == startTag:
			if first && !hasDefault(tag.attrs) {
				rest := append([]byte(`<div xmlns="`+xhtmlSpace+`"`), div[len("<div"):]...)
				return divOf(rest)
			}
			if err = s.enter(&t, tag); err == nil && tag.empty {
				err = s.leave(&t, tag.name)
			}
		case tag.kind == endTag:
			err = s.leave(&t, tag.name)
		}
		switch {
		case err != nil:
			return nil, err
		case len(s.open) == 0 && t.pos == len(div):
			return div, nil
		case len(s.open) == 0 || tag.kind == ended:
			return nil, errJSON
		}
	}
}

// unnamed replaces the references that HTML has and XML does not by characters.
func unnamed(div []byte) []byte {
	if bytes.IndexByte(div, '&') < 0 {
		return div
	}
	var out []byte
	for i := 0; i < len(div); i++ {
		if div[i] != '&' {
			out = append(out, div[i])
			continue
		}
		end := bytes.IndexByte(div[i:min(len(div), i+12)], ';')
		if n, _ := reference(div[i:]); n > 0 || end < 0 {
			out = append(out, '&')
			continue
		}
		named := string(div[i : i+end+1])
		if plain := html.UnescapeString(named); plain != named {
			for _, c := range plain {
				out = append(out, "&#"+strconv.Itoa(int(c))+";"...)
			}
			i += end
			continue
		}
		out = append(out, "&amp;"...)
	}
	return out
}
