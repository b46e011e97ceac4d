package search

import "github.com/aceso-health/aceso/fhir"

// date writes the range of a date, a period or a timing.
func (x *extractor) date(i int32, n int, p *planParam) {
	if lo, hi, ok := x.interval(i); ok {
		x.dateOf(lo, hi, n, p)
	}
}

// dateOf writes a range.
func (x *extractor) dateOf(lo, hi int64, n int, p *planParam) {
	param := x.note(p.name)
	x.addDate(dateValue{param, lo, hi})
	if p.sorted {
		from := uint32(len(x.buf))
		x.buf = AppendTime(x.buf, min(lo, hi))
		start := span{from, uint32(len(x.buf))}
		if !x.bounds(n, p, start, start) {
			x.buf = x.buf[:from]
		}
	}
}

// note writes a name to the arena.
func (x *extractor) note(name string) span {
	from := uint32(len(x.buf))
	x.buf = append(x.buf, name...)
	return span{from, uint32(len(x.buf))}
}

// interval returns the interval that a node covers.
func (x *extractor) interval(i int32) (lo, hi int64, ok bool) {
	switch x.class(i) {
	case dateClass:
		return fhir.DateSpan(x.value(i))
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
		if from, _, valid := fhir.DateSpan(x.value(start)); valid {
			lo = from
		}
	}
	if end >= 0 {
		if _, to, valid := fhir.DateSpan(x.value(end)); valid {
			hi = to
		}
	}
	return lo, hi, start >= 0 || end >= 0
}

// timing returns the outer limits of the events and the bounds.
func (x *extractor) timing(i int32) (lo, hi int64, ok bool) {
	lo, hi = dateMax, dateMin
	widen := func(l, h int64, valid bool) {
		if valid {
			lo, hi, ok = min(lo, l), max(hi, h), true
		}
	}
	for c := i + 1; c < x.Nodes[i].Next; c = x.Nodes[c].Next {
		switch x.role(c) {
		case roleEvent:
			widen(fhir.DateSpan(x.value(c)))
		case roleRepeat:
			if b := x.find(c, roleBounds); b >= 0 && x.class(b) == periodClass {
				widen(x.period(b))
			}
		}
	}
	return lo, hi, ok
}

// number writes a number as an exact range: the precision of a search is that of
// the searched number.
func (x *extractor) number(i int32, n int, p *planParam) {
	var d decimal
	if x.class(i) == numberClass && x.decimal(i, &d) {
		x.decimalOf(&d, n, p)
	}
}

// decimalOf writes a number.
func (x *extractor) decimalOf(d *decimal, n int, p *planParam) {
	x.begin(p, plainRange)
	param := x.closed()
	v := x.encoded(d, exact)
	x.addNumber(numberValue{param, v, v})
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
	x.refuse("A number has too many digits to be searched: at most 64, with an exponent of at most 9999.")
}

func (x *extractor) encoded(d *decimal, e nudge) span {
	from := uint32(len(x.buf))
	x.buf = d.append(x.buf, e)
	return span{from, uint32(len(x.buf))}
}
