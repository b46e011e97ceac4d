package search

import (
	"bytes"

	"github.com/aceso-health/aceso/fhir/ucum"
)

// amount is a parsed quantity: the ends of its interval and its unit.
type amount struct {
	lo, hi         decimal
	one            bool // hi equals lo and is not set
	loEdge, hiEdge nudge
	openLo, openHi bool
	system, code   []byte
	unit           []byte // Quantity.unit, for people
}

// measured caches the forms of the amount at a node: several parameters, and
// several tokens of a composite, need them.
type measured struct {
	at    int32
	ok    bool
	forms [4]form
	n     int
	full  int // index of the form with system|unit; canonical if the unit converts
}

// form is an amount in one unit: the part of the key after name| and token, and
// the range.
type form struct{ unit, lo, hi span }

// quantity writes the ranges of a quantity, of money or of a range.
func (x *extractor) quantity(i int32, s *sink, p *planParam) {
	if !x.measure(i) {
		return
	}
	x.ranges(p, nil)
	f := &x.measured.forms[x.measured.full]
	start := f.lo
	if x.compare(f.hi, start) < 0 {
		start = f.hi
	}
	x.bounds(s.param, p, start, start)
}

// ranges writes the last measured amount. The token of a composite precedes the
// unit.
func (x *extractor) ranges(p *planParam, token []byte) {
	for k := range x.measured.n {
		f := &x.measured.forms[k]
		x.begin(p, unitRange)
		if token != nil {
			x.buf = append(append(append(x.buf, token...), '$'), '|')
		}
		x.buf = append(x.buf, x.span(f.unit)...)
		x.addNumber(numberValue{x.closed(), f.lo, f.hi})
	}
}

// measure reads the amount at a node in several forms: without a unit, with the
// unit's code or text without a system, and with the full unit, canonical if it
// converts.
func (x *extractor) measure(i int32) bool {
	m := &x.measured
	if m.at == i {
		return m.ok
	}
	m.at, m.ok, m.n, m.full = i, false, 0, 0
	var a amount
	if !x.amount(i, &a) {
		return false
	}
	m.ok = true
	lo, hi := x.ends(&a)
	x.form(x.note(""), lo, hi)
	if len(a.system) > 0 && len(a.code) > 0 { // first: the order in which it sorts
		m.full = 1
		x.fullUnit(&a, lo, hi)
	}
	if len(a.code) > 0 {
		x.form(x.bareUnit(a.code), lo, hi)
	}
	if len(a.unit) > 0 && !bytes.Equal(a.unit, a.code) {
		x.form(x.bareUnit(a.unit), lo, hi)
	}
	return true
}

func (x *extractor) form(unit, lo, hi span) {
	x.measured.forms[x.measured.n] = form{unit, lo, hi}
	x.measured.n++
}

// bareUnit writes |unit.
func (x *extractor) bareUnit(unit []byte) span {
	s := x.note("|")
	x.buf = cutTail(appendPart(x.buf, unit), int(s.from))
	s.to = uint32(len(x.buf))
	return s
}

// fullUnit writes system|unit and the range in that unit.
func (x *extractor) fullUnit(a *amount, lo, hi span) {
	s := span{from: uint32(len(x.buf))}
	u := &knownUnit{}
	if string(a.system) == ucum.System {
		u = x.unit(a.code)
	}
	if !u.converts {
		x.buf = appendToken(x.buf, a.system, a.code)
		s.to = uint32(len(x.buf))
		x.form(s, lo, hi)
		return
	}
	x.buf = append(append(x.buf, ucum.System+"|"...), u.canonical...)
	s.to = uint32(len(x.buf))
	if !a.lo.convert(&u.Unit) || !a.one && !a.hi.convert(&u.Unit) {
		x.tooLong()
	}
	lo, hi = x.ends(a)
	x.form(s, lo, hi)
}

// knownUnit is a cached unit.
type knownUnit struct {
	ucum.Unit
	converts  bool
	canonical string
}

// unit parses a UCUM code and caches it.
func (x *extractor) unit(code []byte) *knownUnit {
	const most = 256
	if u, ok := x.units[string(code)]; ok {
		return u
	}
	u := &knownUnit{}
	if u.converts = u.Parse(code); u.converts {
		u.canonical = string(u.AppendCode(nil))
	}
	if x.units == nil {
		x.units = make(map[string]*knownUnit)
	}
	if len(x.units) < most && len(code) <= keyLimit {
		x.units[string(code)] = u
	}
	return u
}

// amount reads a node, and returns false if it has no value.
func (x *extractor) amount(i int32, a *amount) bool {
	switch x.class(i) {
	case quantityClass:
		return x.simple(i, a)
	case moneyClass:
		a.system, a.code = []byte("urn:iso:std:iso:4217"), x.child(i, roleCurrency)
		a.one = true
		return x.decimal(x.find(i, roleValue), &a.lo)
	case rangeClass:
		return x.rangeOf(i, a)
	}
	return false
}

func (x *extractor) simple(i int32, a *amount) bool {
	value, comparator := int32(-1), int32(-1)
	for c := i + 1; c < x.Nodes[i].Next; c = x.Nodes[c].Next {
		switch x.role(c) {
		case roleValue:
			value = c
		case roleComparator:
			comparator = c
		case roleSystem:
			a.system = x.value(c)
		case roleCode:
			a.code = x.value(c)
		case roleUnit:
			a.unit = x.value(c)
		}
	}
	if !x.decimal(value, &a.lo) {
		return false
	}
	a.one = true
	if comparator >= 0 {
		a.compare(x.value(comparator))
	}
	return true
}

// compare opens one end of the interval.
func (a *amount) compare(comparator []byte) {
	switch string(comparator) {
	case "<":
		a.openLo, a.hiEdge = true, below
	case "<=":
		a.openLo = true
	case ">":
		a.openHi, a.loEdge = true, above
	case ">=":
		a.openHi = true
	}
}

func (x *extractor) rangeOf(i int32, a *amount) bool {
	low, high := x.find(i, roleLow), x.find(i, roleHigh)
	var other amount
	hasLow, hasHigh := low >= 0 && x.simple(low, a), high >= 0 && x.simple(high, &other)
	switch {
	case hasLow && hasHigh:
		a.hi, a.one = other.lo, false
	case hasHigh:
		*a = other
	}
	a.openLo, a.openHi, a.loEdge, a.hiEdge = !hasLow, !hasHigh, exact, exact
	return hasLow || hasHigh
}

// ends encodes the interval.
func (x *extractor) ends(a *amount) (lo, hi span) {
	if a.openLo {
		lo = x.note(NumberMin)
	} else {
		lo = x.encoded(&a.lo, a.loEdge)
	}
	switch {
	case a.openHi:
		return lo, x.note(NumberMax)
	case a.one && !a.openLo && a.loEdge == a.hiEdge:
		return lo, lo
	case a.one:
		return lo, x.encoded(&a.lo, a.hiEdge)
	}
	return lo, x.encoded(&a.hi, a.hiEdge)
}
