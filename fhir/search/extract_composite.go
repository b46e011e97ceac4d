package search

import "math/bits"

// composite writes the keys of a composite parameter for the element at i, which
// has all parts. It returns false if a part has no value.
func (x *extractor) composite(i int32, s *sink, p *planParam) bool {
	for k := len(s.parts) - 1; k >= 0; k-- { // part 0 is a token in all of R4 and rarely missing: check it last
		x.parts[k] = x.parts[k][:0]
		for n := range s.parts[k].paths {
			x.collect(i, k, &s.parts[k].paths[n])
		}
		if len(x.parts[k]) == 0 {
			return false
		}
	}
	x.tails = x.tails[:0]
	for _, c := range x.parts[0] {
		x.tailsOf(c)
	}
	first := len(x.tails)
	for _, c := range x.parts[1] {
		for t := range first {
			x.second(i, c, s, p, x.tails[t])
		}
	}
	return true
}

// collect lists the nodes that a path leads to.
func (x *extractor) collect(i int32, k int, p *partPath) {
	if p.global {
		i = x.at
	}
	elem := p.elems[0]
	for c := x.firstOf(i, elem); c >= 0 && c < x.Nodes[i].Next && x.Nodes[c].Elem == elem && !x.Nodes[c].PrimitiveExt; c = x.Nodes[c].Next {
		switch {
		case len(p.elems) > 1:
			x.descend(c, k, p.elems[1:], p.typ)
		case p.typ < 0 || p.typ == x.Nodes[c].Type:
			x.parts[k] = append(x.parts[k], c)
		}
	}
}

// firsts caches the first children of a node by element, which all composites of
// a type need.
type firsts struct {
	at    int32
	have  uint64
	first [64]int32
}

// firstOf returns the first child of a node with an element, or -1. Children with
// the same element are adjacent.
func (x *extractor) firstOf(i, elem int32) int32 {
	f := &x.firsts
	if f.at != i {
		f.at, f.have = i, 0
		for c := i + 1; c < x.Nodes[i].Next; c = x.Nodes[c].Next {
			n := &x.Nodes[c]
			if bit := x.d.Elements[n.Elem].Bit; !n.PrimitiveExt && f.have&bit == 0 {
				f.have |= bit
				f.first[bits.TrailingZeros64(bit)] = c
			}
		}
	}
	bit := x.d.Elements[elem].Bit
	if at := f.first[bits.TrailingZeros64(bit)&63]; f.have&bit != 0 && x.Nodes[at].Elem == elem {
		return at
	}
	return -1
}

func (x *extractor) descend(i int32, k int, elems []int32, typ int32) {
	for c := i + 1; c < x.Nodes[i].Next; c = x.Nodes[c].Next {
		switch {
		case x.Nodes[c].Elem != elems[0] || x.Nodes[c].PrimitiveExt:
		case len(elems) > 1:
			x.descend(c, k, elems[1:], typ)
		case typ < 0 || typ == x.Nodes[c].Type:
			x.parts[k] = append(x.parts[k], c)
		}
	}
}

// tailsOf appends the tokens of a node as keys hold them.
func (x *extractor) tailsOf(i int32) {
	switch x.class(i) {
	case conceptClass:
		for c := i + 1; c < x.Nodes[i].Next; c = x.Nodes[c].Next {
			if x.role(c) == roleCoding {
				x.tail(x.coding(c))
			}
		}
	case codingClass:
		x.tail(x.coding(i))
	case identifierClass:
		x.tail(x.child(i, roleSystem), x.child(i, roleValue))
	default:
		if x.Nodes[i].Kind != '{' {
			x.bareTail(i)
		}
	}
}

// bareTail appends a code, also with the system of its value set.
func (x *extractor) bareTail(i int32) {
	code := x.value(i)
	x.tail(nil, code)
	for system := range x.d.Elements[x.Nodes[i].Elem].SystemsOf(code) {
		from := len(x.text)
		x.text = append(append(x.text, system...), '|')
		x.text = cutTail(appendPart(x.text, code), from)
		x.tails = append(x.tails, x.text[from:])
	}
}

// tail appends code and system|code.
func (x *extractor) tail(system, code []byte) {
	if code == nil {
		return
	}
	from := len(x.text)
	x.text = appendCode(x.text, code)
	middle := len(x.text)
	x.text = appendToken(x.text, system, code)
	x.tails = append(x.tails, x.text[from:middle], x.text[middle:])
}

// second writes the keys of one token and one value of the second part.
func (x *extractor) second(i, c int32, s *sink, p *planParam, token []byte) {
	switch s.parts[1].kind {
	case quantitySink:
		if x.measure(c) {
			x.ranges(p, token)
		}
	case dateSink:
		if lo, hi, ok := x.interval(c); ok {
			x.dates = append(x.dates, dateValue{x.tokenName(p, token).key, lo, hi})
		}
	case numberSink:
		for _, end := range x.parts[2] {
			x.between(c, end, p, token)
		}
	case tokenSink:
		from := len(x.tails)
		x.tailsOf(c)
		for _, t := range x.tails[from:] {
			x.pair(p, token, t)
		}
		x.tails = x.tails[:from]
	case stringSink:
		from := len(x.text)
		x.text = appendCut(x.text, x.folded(x.value(c)))
		x.pair(p, token, x.text[from:])
	case referenceSink:
		x.related(c, p, token)
	}
}

// tokenName writes the name of a range with a token.
func (x *extractor) tokenName(p *planParam, token []byte) headed {
	x.begin(p, unitRange)
	x.buf = append(x.buf, token...)
	return x.closed()
}

func (x *extractor) pair(p *planParam, token, value []byte) {
	x.begin(p, tokenKey)
	x.buf = append(x.buf, token...)
	x.buf = append(append(x.buf, '$'), value...)
	x.end()
}

// related writes the key of a token and a reference.
func (x *extractor) related(c int32, p *planParam, token []byte) {
	t, ok := x.target(c, p)
	if !ok || t.typ == nil && len(t.url) == 0 {
		return
	}
	from := len(x.text)
	if t.typ != nil {
		x.text = append(append(append(x.text, t.typ...), '/'), t.id...)
	} else {
		x.text = appendCut(x.text, t.url)
	}
	x.pair(p, token, x.text[from:])
}

// between writes a window of a sequence: as a range, and as one key of both ends.
func (x *extractor) between(start, end int32, p *planParam, token []byte) {
	var s, e decimal
	if !x.decimal(start, &s) || !x.decimal(end, &e) {
		return
	}
	lo, hi := x.encoded(&s, exact), x.encoded(&e, exact)
	x.numbers = append(x.numbers, numberValue{x.tokenName(p, token), lo, hi})
	x.begin(p, tokenKey)
	x.buf = append(x.buf, token...)
	x.buf = append(append(x.buf, '$'), x.span(lo)...)
	x.buf = append(append(x.buf, '$'), x.span(hi)...)
	x.end()
}
