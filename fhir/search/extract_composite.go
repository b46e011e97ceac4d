package search

import (
	"bytes"
	"math/bits"
	"slices"
)

// composite writes the keys of a composite parameter for the element at i, which
// has all parts. It returns false if a part has no value.
func (x *extractor) composite(i int32, s *sink, p *planParam) bool {
	for k := len(s.parts) - 1; k > 0; k-- {
		if x.parts[k] = x.collectAll(i, &s.parts[k], x.parts[k][:0]); len(x.parts[k]) == 0 {
			return false
		}
	}
	tokens, ok := x.tokens(i, &s.parts[0]) // in all of R4 the first part is a token and rarely missing: it is last
	if !ok {
		return false
	}
	for _, c := range x.parts[1] {
		x.second(c, s, p, tokens)
	}
	return true
}

// tokens are the different tokens of the first part of a composite, as keys hold them.
// Those of a part that lies outside the element are the same for every element. ok says
// whether the part has a value.
func (x *extractor) tokens(i int32, first *part) (all [][]byte, ok bool) {
	shared := first.shared()
	for _, old := range x.shared {
		if shared && old.part == first {
			return old.tokens, old.ok
		}
	}
	x.parts[0] = x.collectAll(i, first, x.parts[0][:0])
	x.tails = x.tails[:0]
	for _, c := range x.parts[0] {
		x.tailsOf(c)
	}
	x.tails, ok = different(x.tails), len(x.parts[0]) > 0
	if shared {
		x.shared = append(x.shared, sharedTokens{first, slices.Clone(x.tails), ok})
	}
	return x.tails, ok
}

// sharedTokens are the tokens of a part that is the same for every element.
type sharedTokens struct {
	part   *part
	tokens [][]byte
	ok     bool
}

func (p *part) shared() bool {
	return !slices.ContainsFunc(p.paths, func(one partPath) bool { return !one.global })
}

// different removes copies from a long list. (Those of a short one are sorted away.)
func different(list [][]byte) [][]byte {
	const few = 16
	if len(list) <= few {
		return list
	}
	slices.SortFunc(list, bytes.Compare)
	return slices.CompactFunc(list, bytes.Equal)
}

// collectAll lists the nodes that the paths of a part lead to.
func (x *extractor) collectAll(i int32, p *part, to []int32) []int32 {
	for n := range p.paths {
		to = x.collect(i, &p.paths[n], to)
	}
	return to
}

// collect lists the nodes that a path leads to.
func (x *extractor) collect(i int32, p *partPath, to []int32) []int32 {
	if p.global {
		i = x.at
	}
	elem := p.elems[0]
	for c := x.firstOf(i, elem); c >= 0 && c < x.Nodes[i].Next && x.Nodes[c].Elem == elem && !x.Nodes[c].PrimitiveExt; c = x.Nodes[c].Next {
		switch {
		case len(p.elems) > 1:
			to = x.descend(c, p.elems[1:], p.typ, to)
		case p.typ < 0 || p.typ == x.Nodes[c].Type:
			to = append(to, c)
		}
	}
	return to
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

func (x *extractor) descend(i int32, elems []int32, typ int32, to []int32) []int32 {
	for c := i + 1; c < x.Nodes[i].Next; c = x.Nodes[c].Next {
		switch {
		case x.Nodes[c].Elem != elems[0] || x.Nodes[c].PrimitiveExt:
		case len(elems) > 1:
			to = x.descend(c, elems[1:], typ, to)
		case typ < 0 || typ == x.Nodes[c].Type:
			to = append(to, c)
		}
	}
	return to
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

// second writes the keys of every token with one value of the second part.
func (x *extractor) second(c int32, s *sink, p *planParam, tokens [][]byte) {
	switch s.parts[1].kind {
	case quantitySink:
		if x.measure(c) {
			x.combineAll(tokens, x.measured.n, func(token []byte) { x.ranges(p, token) })
		}
	case dateSink:
		if lo, hi, ok := x.interval(c); ok {
			x.combineAll(tokens, 1, func(token []byte) { x.addDate(dateValue{x.tokenName(p, token).key, lo, hi}) })
		}
	case numberSink:
		for _, end := range x.parts[2] {
			x.between(c, end, p, tokens)
		}
	case tokenSink:
		from := len(x.tails)
		x.tailsOf(c)
		values := different(x.tails[from:])
		x.combineAll(tokens, len(values), func(token []byte) { x.pairs(p, token, values) })
		x.tails = x.tails[:from]
	case stringSink:
		folded := x.folded(x.value(c))
		from := len(x.text)
		x.text = appendCut(x.text, folded)
		x.pairAll(p, tokens, x.text[from:])
	case referenceSink:
		if target := x.related(c, p); len(target) > 0 {
			x.pairAll(p, tokens, target)
		}
	}
}

// combineAll writes n values for each token, unless that is too much.
func (x *extractor) combineAll(tokens [][]byte, n int, write func(token []byte)) {
	if !x.combine(len(tokens) * n) {
		return
	}
	for _, token := range tokens {
		if write(token); x.fault != nil {
			return
		}
	}
}

func (x *extractor) pairAll(p *planParam, tokens [][]byte, value []byte) {
	x.combineAll(tokens, 1, func(token []byte) { x.pair(p, token, value) })
}

func (x *extractor) pairs(p *planParam, token []byte, values [][]byte) {
	for _, v := range values {
		x.pair(p, token, v)
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

// related is a reference as a key holds it, empty for none.
func (x *extractor) related(c int32, p *planParam) []byte {
	t, ok := x.target(c, p)
	from := len(x.text)
	switch {
	case !ok:
	case t.typ != nil:
		x.text = append(append(append(x.text, t.typ...), '/'), t.id...)
	default:
		x.text = appendLong(x.text, t.url)
	}
	return x.text[from:]
}

// between writes a window of a sequence: as a range, and as one key of both ends.
func (x *extractor) between(start, end int32, p *planParam, tokens [][]byte) {
	var s, e decimal
	if !x.decimal(start, &s) || !x.decimal(end, &e) {
		return
	}
	lo, hi := x.encoded(&s, exact), x.encoded(&e, exact)
	x.combineAll(tokens, 2, func(token []byte) {
		x.addNumber(numberValue{x.tokenName(p, token), lo, hi})
		x.begin(p, tokenKey)
		x.buf = append(x.buf, token...)
		x.buf = append(append(x.buf, '$'), x.span(lo)...)
		x.buf = append(append(x.buf, '$'), x.span(hi)...)
		x.end()
	})
}
