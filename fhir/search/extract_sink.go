package search

import (
	"bytes"
	"slices"
)

// sink writes the keys of one parameter for one node.
func (x *extractor) sink(i int32, s *sink) {
	if x.fault != nil {
		return
	}
	p := &x.plan.params[s.param]
	x.here = i
	if x.quiet {
		if p.compartments != 0 {
			x.membership(i, s, p)
		}
		return
	}
	switch s.kind {
	case referenceSink:
		if !x.reference(i, s, p) {
			return
		}
	case tokenSink:
		if s.exists && string(x.value(i)) == "false" {
			return
		}
		x.token(i, s, p)
	case stringSink:
		x.strings(i, s, p)
	case dateSink:
		x.date(i, s.param, p)
	case numberSink:
		x.number(i, s.param, p)
	case quantitySink:
		x.quantity(i, s, p)
	case placeSink:
		x.place(i, p)
	case uriSink:
		x.uri(i, s, p)
	case compositeSink:
		if !x.composite(i, s, p) {
			return
		}
	}
	x.present(s.param, p)
}

// present writes the mark for :missing, once per parameter.
func (x *extractor) present(n int, p *planParam) {
	if p.silent || x.seen[n].present {
		return
	}
	x.seen[n].present = true
	x.begin(p, presentKey)
	x.end()
}

// bounds widens the sort values of a parameter to lo and hi, and says whether that made a
// difference.
func (x *extractor) bounds(n int, p *planParam, lo, hi span) (wider bool) {
	if !p.sorted {
		return false
	}
	v := &x.seen[n]
	if !v.sorted || bytes.Compare(x.span(lo), x.span(v.lo)) < 0 {
		v.lo, wider = lo, true
	}
	if !v.sorted || bytes.Compare(x.span(hi), x.span(v.hi)) > 0 {
		v.hi, wider = hi, true
	}
	v.sorted = true
	return wider
}

func (x *extractor) span(s span) []byte { return x.buf[s.from:s.to] }

// makeToken writes the keys of a token parameter without the memo.
func (x *extractor) makeToken(i int32, s *sink, p *planParam) {
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
	for c := i + 1; c < x.Nodes[i].Next; c = x.Nodes[c].Next {
		switch x.role(c) {
		case roleCoding:
			x.oneCoding(c, n, p)
		case roleText:
			x.words(p, x.value(c))
			x.sortWords(n, p, x.value(c))
		}
	}
}

// sortWords sorts a concept without a code by its text, which has a key of its own for that.
func (x *extractor) sortWords(n int, p *planParam, text []byte) {
	if !p.sorted || x.seen[n].sorted {
		return
	}
	folded := x.folded(text)
	x.begin(p, orderKey)
	x.buf = appendLong(x.buf, folded)
	key := x.end()
	x.bounds(n, p, key, key)
}

func (x *extractor) oneCoding(i int32, n int, p *planParam) {
	system, code, display := x.fullCoding(i)
	x.here = i
	if code != nil {
		x.code(n, p, system, code)
	}
	if display != nil {
		x.words(p, display)
	}
}

// code writes the three forms of a token, which sorts as it is without its system.
func (x *extractor) code(n int, p *planParam, system, code []byte) {
	bare := x.forms(p, tokenKey, system, code, p.joined)
	x.bounds(n, p, bare, bare)
}

// forms gives the form without a system.
func (x *extractor) forms(p *planParam, kind keyKind, system, code []byte, joined bool) (bare span) {
	x.begin(p, kind)
	x.buf = appendCode(x.buf, code)
	bare = x.end()
	x.joins(joined, bare)
	if len(system) > 0 {
		x.begin(p, kind)
		x.buf = appendToken(x.buf, system, nil)
		x.end()
	}
	x.begin(p, kind)
	x.buf = appendToken(x.buf, system, code)
	x.joins(joined, x.end())
	return bare
}

// joins notes the code of a key for the keys of patient and code.
func (x *extractor) joins(joined bool, code span) {
	if joined && joins(x.span(code)) {
		x.codes = append(x.codes, code)
	}
}

// bareCode writes a code, boolean or other primitive. The required value set has
// the system of a code.
func (x *extractor) bareCode(i int32, n int, p *planParam) {
	code := x.value(i)
	if p.caseless {
		from := len(x.text)
		x.text = appendCaseless(x.text, code)
		code = x.text[from:]
	}
	x.code(n, p, nil, code)
	for system := range x.d.Elements[x.Nodes[i].Elem].SystemsOf(code) {
		x.system(p, system, code)
	}
}

func (x *extractor) system(p *planParam, system string, code []byte) {
	for _, c := range [2][]byte{code, nil} {
		x.begin(p, tokenKey)
		from := len(x.buf)
		x.buf = append(append(x.buf, system...), '|') // systems of R4 need no escapes
		x.buf = cutTail(appendPart(x.buf, c), from)
		x.joins(p.joined && c != nil, x.end())
	}
}

func (x *extractor) identifier(i int32, n int, p *planParam) {
	system, value := x.child(i, roleSystem), x.child(i, roleValue)
	if value != nil {
		x.code(n, p, system, value)
	}
	if t := x.find(i, roleType); t >= 0 {
		x.identifierType(t, p, value)
	}
}

// identifierType writes the keys of :of-type, if there is a value, and :text.
func (x *extractor) identifierType(t int32, p *planParam, value []byte) {
	for c := t + 1; c < x.Nodes[t].Next; c = x.Nodes[c].Next {
		switch x.role(c) {
		case roleText:
			x.words(p, x.value(c))
		case roleCoding:
			system, code := x.coding(c)
			if system == nil || code == nil || value == nil {
				continue
			}
			x.begin(p, ofTypeKey)
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
		x.begin(p, tokenKey)
		x.buf = appendToken(x.buf, system, value)
		x.end()
	}
}

// words writes a key for every word of a text.
func (x *extractor) words(p *planParam, text []byte) {
	if plainASCII(text) {
		x.plainWords(p, text)
		return
	}
	for word := range bytes.FieldsFuncSeq(x.folded(text), betweenWords) {
		x.begin(p, wordKey)
		x.buf = appendCut(x.buf, word)
		x.end()
	}
}

// plainWords is words for ASCII text.
func (x *extractor) plainWords(p *planParam, text []byte) {
	for i := 0; i < len(text); {
		if wordLetters[text[i]] == 0 {
			i++
			continue
		}
		x.begin(p, wordKey)
		from, buf := len(x.buf), x.buf
		for ; i < len(text) && wordLetters[text[i]] != 0; i++ {
			buf = append(buf, wordLetters[text[i]])
		}
		x.buf = cutTail(buf, from)
		x.end()
	}
}

func (x *extractor) folded(text []byte) []byte {
	from := len(x.text)
	x.text = appendFolded(x.text, text)
	return x.text[from:]
}

// notDeceased writes false for the parameter that says whether an element exists
// and is not false.
func (x *extractor) notDeceased() {
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
	if len(x.subjects)*len(x.codes) > manyKeys {
		slices.SortFunc(x.codes, x.compare)
		x.codes = slices.CompactFunc(x.codes, func(a, b span) bool { return x.compare(a, b) == 0 })
	}
	for _, s := range x.subjects {
		if !x.combine(len(x.codes)) {
			return
		}
		for _, c := range x.codes {
			x.beginOther(&patientCodePrefix)
			x.buf = append(x.buf, x.buf[s.from:s.to]...)
			x.buf = append(x.buf, '|')
			x.buf = append(x.buf, x.buf[c.from:c.to]...)
			x.end()
		}
	}
}
