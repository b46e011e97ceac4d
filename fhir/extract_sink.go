package fhir

import "bytes"

// sink writes the keys of one parameter for one node.
func (x *extractor) sink(i int32, s *sink) {
	p := &x.plan.params[s.param]
	if x.quiet || x.brief {
		x.brieflySink(i, s, p)
		return
	}
	switch s.kind {
	case "reference":
		if !x.reference(i, s, p) {
			return
		}
	case "token":
		if s.exists && string(x.value(i)) == "false" {
			return
		}
		x.token(i, s, p)
	case "string":
		x.strings(i, s, p)
	case "date":
		x.date(i, s.param, p)
	case "number":
		x.number(i, s.param, p)
	case "quantity":
		x.quantity(i, s, p)
	case "uri":
		x.uri(i, s, p)
	case "composite":
		if !x.composite(i, s, p) {
			return
		}
	}
	x.present(s.param, p)
}

// brieflySink does what counts for a nested resource and for facts.
func (x *extractor) brieflySink(i int32, s *sink, p *planParam) {
	switch {
	case p.compartments != 0:
		x.membership(i, s, p)
	case s.kind == "date" && !x.quiet:
		x.date(i, s.param, p)
	}
}

// present writes the marker for :missing, once per parameter.
func (x *extractor) present(n int, p *planParam) {
	if p.silent || x.seen[n].present {
		return
	}
	x.seen[n].present = true
	x.begin(p.name)
	x.buf = append(x.buf, opPresent)
	x.end()
}

// sort notes the value that the arena holds from a place on.
func (x *extractor) sort(n int, p *planParam, from uint32) {
	here := span{from, uint32(len(x.buf))}
	x.bounds(n, p, here, here)
}

// bounds widens what is known of a parameter to lo and hi.
func (x *extractor) bounds(n int, p *planParam, lo, hi span) {
	if !p.sorted {
		return
	}
	v := &x.seen[n]
	if !v.sorted || bytes.Compare(x.span(lo), x.span(v.lo)) < 0 {
		v.lo = lo
	}
	if !v.sorted || bytes.Compare(x.span(hi), x.span(v.hi)) > 0 {
		v.hi = hi
	}
	v.sorted = true
}

func (x *extractor) span(s span) []byte { return x.buf[s.from:s.to] }

// sortText notes a text that is no key.
func (x *extractor) sortText(n int, p *planParam, text []byte) {
	if p.sorted {
		from := uint32(len(x.buf))
		x.buf = appendCut(x.buf, text)
		x.sort(n, p, from)
	}
}

// token writes the keys of a token parameter.
func (x *extractor) token(i int32, s *sink, p *planParam) {
	if s.exists {
		x.code(s.param, p, nil, []byte("true"))
		return
	}
	switch x.class(i) {
	case conceptClass:
		x.concept(i, s.param, p)
	case codingClass:
		x.oneCoding(i, s.param, p)
	case identifierClass:
		x.identifier(i, s.param, p)
	case contactClass:
		x.contact(i, s.param, p)
	case otherClass, periodClass, referenceClass, quantityClass, rangeClass, timingClass, nameClass, addressClass, moneyClass:
	default:
		x.bareCode(i, s.param, p)
	}
}

func (x *extractor) concept(i int32, n int, p *planParam) {
	for c := i + 1; c < x.nodes[i].next; c = x.nodes[c].next {
		switch {
		case x.nodes[c].primitiveExt:
		case x.roles.elements[x.nodes[c].elem] == roleCoding:
			x.oneCoding(c, n, p)
		case x.roles.elements[x.nodes[c].elem] == roleText:
			x.words(p, x.value(c))
			x.sortWords(n, p, x.value(c))
		}
	}
}

// sortWords sorts a concept without a code by its text.
func (x *extractor) sortWords(n int, p *planParam, text []byte) {
	if !x.seen[n].sorted {
		x.sortText(n, p, x.folded(text))
	}
}

func (x *extractor) oneCoding(i int32, n int, p *planParam) {
	system, code := x.coding(i)
	if code != nil {
		x.code(n, p, system, code)
	}
	if display := x.child(i, roleDisplay); display != nil {
		x.words(p, display)
	}
}

// code writes the three forms of a token.
func (x *extractor) code(n int, p *planParam, system, code []byte) {
	x.forms(p.name, opToken, system, code, p.name == "code" && x.plan.joined)
	x.sortText(n, p, code)
}

func (x *extractor) forms(name string, op byte, system, code []byte, joined bool) {
	x.begin(name)
	x.buf = append(x.buf, op)
	x.buf = appendCode(x.buf, code)
	x.end()
	x.joins(len(name)+1, joined)
	x.begin(name)
	x.buf = append(x.buf, op)
	x.buf = appendToken(x.buf, system, code)
	x.end()
	x.joins(len(name)+1, joined)
	if len(system) > 0 {
		x.begin(name)
		x.buf = append(x.buf, op)
		x.buf = appendToken(x.buf, system, nil)
		x.end()
	}
}

// joins notes the code of the last key for the keys with patients.
func (x *extractor) joins(skip int, joined bool) {
	last := x.keys[len(x.keys)-1]
	last.from += uint32(skip)
	if joined && joins(x.span(last)) {
		x.codes = append(x.codes, last)
	}
}

// bareCode writes a code, boolean or other primitive. The system of a code is
// that of the required value set.
func (x *extractor) bareCode(i int32, n int, p *planParam) {
	code := x.value(i)
	x.code(n, p, nil, code)
	codes := x.d.elements[x.nodes[i].elem].codes
	if codes == nil {
		return
	}
	for k := range codes.systems {
		if codes.systems[k].has(code) {
			x.system(p.name, codes.systems[k].system, code)
		}
	}
}

func (x *extractor) system(name, system string, code []byte) {
	for _, c := range [2][]byte{code, nil} {
		x.begin(name)
		x.buf = append(x.buf, opToken)
		from := len(x.buf)
		x.buf = append(append(x.buf, system...), '|') // systems of R4 hold nothing to mark
		x.buf = cutTail(appendPart(x.buf, c), from)
		x.end()
		if c != nil {
			x.joins(len(name)+1, name == "code" && x.plan.joined)
		}
	}
}

func (x *extractor) identifier(i int32, n int, p *planParam) {
	system, value := x.child(i, roleSystem), x.child(i, roleValue)
	if value == nil {
		return
	}
	x.code(n, p, system, value)
	if t := x.find(i, roleType); t >= 0 {
		x.identifierType(t, p, value)
	}
}

// identifierType writes the keys of :of-type and :text.
func (x *extractor) identifierType(t int32, p *planParam, value []byte) {
	for c := t + 1; c < x.nodes[t].next; c = x.nodes[c].next {
		switch {
		case x.nodes[c].primitiveExt:
		case x.roles.elements[x.nodes[c].elem] == roleText:
			x.words(p, x.value(c))
		case x.roles.elements[x.nodes[c].elem] == roleCoding:
			system, code := x.coding(c)
			if system == nil || code == nil {
				continue
			}
			x.begin(p.name)
			x.buf = append(x.buf, opOfType)
			x.buf = appendOfType(x.buf, system, code, value)
			x.end()
		}
	}
}

func (x *extractor) contact(i int32, n int, p *planParam) {
	value := x.child(i, roleValue)
	if value == nil {
		return
	}
	x.code(n, p, nil, value)
	if system := x.child(i, roleSystem); system != nil {
		x.begin(p.name)
		x.buf = append(x.buf, opToken)
		x.buf = appendToken(x.buf, system, value)
		x.end()
	}
}

// words writes a key for every word of a text.
func (x *extractor) words(p *planParam, text []byte) {
	for rest := x.folded(text); ; {
		var word []byte
		if word, rest = nextWord(rest); word == nil {
			return
		}
		x.begin(p.name)
		x.buf = append(x.buf, opWord)
		x.buf = appendCut(x.buf, word)
		x.end()
	}
}

func (x *extractor) folded(text []byte) []byte {
	from := len(x.text)
	x.text = appendFolded(x.text, text)
	return x.text[from:]
}

// undeceased gives the parameter that asks whether an element is there and not
// false its other value.
func (x *extractor) undeceased() {
	n := x.plan.deceased
	if n < 0 {
		return
	}
	p := &x.plan.params[n]
	if !x.seen[n].present {
		x.code(n, p, nil, []byte("false"))
		x.present(n, p)
	}
}

// join writes the keys of patient and code together.
func (x *extractor) join() {
	for _, s := range x.subjects {
		for _, c := range x.codes {
			x.begin(keyPatientCode)
			x.buf = append(x.buf, x.buf[s.from:s.to]...)
			x.buf = append(x.buf, '|')
			x.buf = append(x.buf, x.buf[c.from:c.to]...)
			x.end()
		}
	}
}
