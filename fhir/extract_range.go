package fhir

import "bytes"

// date writes the range of a date, a period or a timing.
func (x *extractor) date(i int32, n int, p *planParam) {
	lo, hi, ok := x.interval(i)
	if !ok {
		return
	}
	param := x.note(p.name)
	x.dates = append(x.dates, dateValue{param, lo, hi})
	if p.sorted {
		from := uint32(len(x.buf))
		x.buf = appendTime(appendTime(x.buf, lo), hi)
		x.bounds(n, p, span{from, from + 16}, span{from + 16, from + 32})
	}
}

// note puts a name into the arena that is no key.
func (x *extractor) note(name string) span {
	from := uint32(len(x.buf))
	x.buf = append(x.buf, name...)
	return span{from, uint32(len(x.buf))}
}

// interval gives the interval that a node covers.
func (x *extractor) interval(i int32) (lo, hi int64, ok bool) {
	switch x.class(i) {
	case dateClass:
		return dateSpan(x.value(i))
	case periodClass:
		return x.period(i)
	case timingClass:
		return x.timing(i)
	}
	return 0, 0, false
}

func (x *extractor) period(i int32) (lo, hi int64, ok bool) {
	lo, hi = dateMin, dateMax
	start, end := x.find(i, roleStart), x.find(i, roleEnd)
	if start >= 0 {
		if from, _, valid := dateSpan(x.value(start)); valid {
			lo = from
		}
	}
	if end >= 0 {
		if _, to, valid := dateSpan(x.value(end)); valid {
			hi = to
		}
	}
	return lo, hi, start >= 0 || end >= 0
}

// timing gives the outer limits of the events and of the bounds.
func (x *extractor) timing(i int32) (lo, hi int64, ok bool) {
	lo, hi = dateMax, dateMin
	widen := func(l, h int64, valid bool) {
		if valid {
			lo, hi, ok = min(lo, l), max(hi, h), true
		}
	}
	for c := i + 1; c < x.nodes[i].next; c = x.nodes[c].next {
		if x.nodes[c].primitiveExt {
			continue
		}
		switch x.roles.elements[x.nodes[c].elem] {
		case roleEvent:
			widen(dateSpan(x.value(c)))
		case roleRepeat:
			if b := x.find(c, roleBounds); b >= 0 && x.class(b) == periodClass {
				widen(x.period(b))
			}
		}
	}
	return lo, hi, ok
}

// number writes the range of a number, which is exact: the precision of a
// search is that of the number searched for.
func (x *extractor) number(i int32, n int, p *planParam) {
	var d decimal
	if x.class(i) != numberClass || !x.decimal(i, &d) {
		return
	}
	param := x.note(p.name)
	v := x.encoded(&d, exact)
	x.numbers = append(x.numbers, numberValue{param, v, v})
	x.bounds(n, p, v, v)
}

func (x *extractor) decimal(i int32, d *decimal) bool {
	if i < 0 {
		return false
	}
	if !d.parse(x.value(i)) {
		x.tooLong()
		return false
	}
	return true
}

func (x *extractor) tooLong() {
	x.fault = &Error{Kind: Unprocessable, Detail: "A number has more digits than can be searched: at most 64, with an exponent of at most 9999."}
}

func (x *extractor) encoded(d *decimal, e nudge) span {
	from := uint32(len(x.buf))
	x.buf = d.append(x.buf, e)
	return span{from, uint32(len(x.buf))}
}

// amount is a quantity that was read: the ends of its interval and its unit.
type amount struct {
	lo, hi         decimal
	loEdge, hiEdge nudge
	openLo, openHi bool
	system, code   []byte
	unit           []byte // as people read it
}

// quantity writes the ranges of a quantity, of money or of a range.
func (x *extractor) quantity(i int32, s *sink, p *planParam) {
	var a amount
	if !x.amount(i, &a) {
		return
	}
	x.amounts(&a, s.param, p, nil)
}

// amount reads a node; it is false if it has no value.
func (x *extractor) amount(i int32, a *amount) bool {
	switch x.class(i) {
	case quantityClass:
		return x.simple(i, a)
	case moneyClass:
		a.system, a.code = []byte("urn:iso:std:iso:4217"), x.child(i, roleCurrency)
		ok := x.decimal(x.find(i, roleValue), &a.lo)
		a.hi = a.lo
		return ok
	case rangeClass:
		return x.rangeOf(i, a)
	}
	return false
}

func (x *extractor) simple(i int32, a *amount) bool {
	if !x.decimal(x.find(i, roleValue), &a.lo) {
		return false
	}
	a.hi = a.lo
	a.system, a.code = x.coding(i)
	a.unit = x.child(i, roleUnit)
	switch string(x.child(i, roleComparator)) {
	case "<":
		a.openLo, a.hiEdge = true, below
	case "<=":
		a.openLo = true
	case ">":
		a.openHi, a.loEdge = true, above
	case ">=":
		a.openHi = true
	}
	return true
}

func (x *extractor) rangeOf(i int32, a *amount) bool {
	low, high := x.find(i, roleLow), x.find(i, roleHigh)
	var other amount
	hasLow, hasHigh := low >= 0 && x.simple(low, a), high >= 0 && x.simple(high, &other)
	switch {
	case hasLow && hasHigh:
		a.hi = other.hi
	case hasHigh:
		*a = other
	}
	a.openLo, a.openHi, a.loEdge, a.hiEdge = !hasLow, !hasHigh, exact, exact
	return hasLow || hasHigh
}

// amounts writes one range for any unit, one for the unit's text without a
// system, and one for the unit, which is the canonical one if it converts. The
// token of a composite comes before the unit.
func (x *extractor) amounts(a *amount, n int, p *planParam, token []byte) {
	lo, hi := x.ends(a)
	x.ranged(p, token, &amount{}, lo, hi)
	if len(a.code) > 0 {
		x.ranged(p, token, &amount{code: a.code}, lo, hi)
	}
	if len(a.unit) > 0 && !bytes.Equal(a.unit, a.code) {
		x.ranged(p, token, &amount{code: a.unit}, lo, hi)
	}
	if len(a.system) > 0 && len(a.code) > 0 {
		lo, hi = x.ranged(p, token, a, lo, hi)
	}
	x.bounds(n, p, lo, hi)
}

// ranged writes one range for the unit of an amount: [lo, hi], or what the
// amount is in the canonical unit.
func (x *extractor) ranged(p *planParam, token []byte, a *amount, lo, hi span) (span, span) {
	param := x.note(p.name)
	if token != nil {
		x.buf = append(append(append(x.buf, '|'), token...), '$')
	}
	var u unit
	converts := false
	if a.code == nil {
		x.buf = append(x.buf, '|')
	} else {
		x.buf, u, converts = appendUnit(x.buf, a.system, a.code)
	}
	param.to = uint32(len(x.buf))
	if converts {
		in := *a
		if !u.convert(&in.lo) || !u.convert(&in.hi) {
			x.tooLong()
		}
		lo, hi = x.ends(&in)
	}
	x.numbers = append(x.numbers, numberValue{param, lo, hi})
	return lo, hi
}

// ends encodes the interval.
func (x *extractor) ends(a *amount) (lo, hi span) {
	if a.openLo {
		lo = x.note(NumberMin)
	} else {
		lo = x.encoded(&a.lo, a.loEdge)
	}
	if a.openHi {
		return lo, x.note(NumberMax)
	}
	return lo, x.encoded(&a.hi, a.hiEdge)
}
