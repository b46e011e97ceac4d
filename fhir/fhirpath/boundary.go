package fhirpath

// Digits of the precision of dates and times, by their last part.
var momentDigits = [...]int{toYear: 4, toMonth: 6, toDay: 8, toHour: 10, toMinute: 12, toSecond: 17}

// mostBoundary is the most digits after the point that a boundary may have.
const mostBoundary = 28

// digits is the precision as R4 counts it: those of a date and time with milliseconds
// are 17.
func (m *moment) digits() int {
	d := momentDigits[m.to]
	if m.to == toSecond && m.fraction == 0 {
		d = 14
	}
	if m.kind == Time {
		return d - 8
	}
	return d
}

// boundary is the least or greatest value that a value may stand for, to a precision.
func (r *run) boundary(c *call, s *scope, on Collection, side int) Collection {
	v, ok := r.one(on, "what "+c.name+"() is applied to")
	if !ok {
		return nil
	}
	given := -1
	if len(c.args) > 0 {
		if given, ok = r.whole(c.arg(r, s, 0), "the precision of "+c.name+"()"); !ok || given < 0 {
			return nil
		}
	}
	switch {
	case v.amount() != nil:
		return boundaryOfNumber(&v, given, side)
	case v.moment != nil:
		return boundaryOfMoment(&v, given, side)
	}
	return r.fail(unfit("%s() is applied to something that has no precision", c.name))
}

// boundaryOfNumber is half a unit of the last digit away. To fewer digits it is cut
// towards zero and rounded away from it.
func boundaryOfNumber(v *Value, scale, side int) Collection {
	if scale < 0 {
		scale = 8
	}
	if scale > mostBoundary {
		return nil
	}
	d := v.amount()
	half := wholeDecimal(int64(5 * side))
	half.scale = d.scale + 1
	d = d.add(half)
	if d.unscaled.Sign() == side {
		d = d.stretched(scale)
	} else {
		d = d.cut(scale).stretched(scale)
	}
	if v.kind == Quantity {
		q := *v
		q.num = d
		return Collection{q}
	}
	return Collection{decimalOf(d)}
}

// boundaryOfMoment fills the parts that are not known with their first or last values,
// and leaves out those beyond the precision.
func boundaryOfMoment(v *Value, digits, side int) Collection {
	m := *v.moment
	to, ok := precisionAt(m.kind, digits)
	if !ok {
		return nil
	}
	if m.to < to {
		m.fill(to, side)
	}
	if to >= toHour && m.kind == DateTime && !m.zoned {
		m.zoned, m.zone = true, -12*60
		if side < 0 {
			m.zone = 14 * 60
		}
	}
	if to == toSecond && m.fraction < 3 {
		m.fraction = 3
	}
	m.to = to
	return Collection{{kind: m.kind, moment: m.clear()}}
}

// precisionAt is the last part of that many digits; without a number it is the last one
// of the type.
func precisionAt(kind Kind, digits int) (precision, bool) {
	switch {
	case digits < 0 && kind == Date:
		return toDay, true
	case digits < 0:
		return toSecond, true
	case kind == Time:
		digits += 8
	}
	for to, n := range momentDigits {
		if n == digits && (kind != Date || precision(to) <= toDay) && (kind != Time || precision(to) >= toHour) {
			return precision(to), true
		}
	}
	return 0, false
}

func (m *moment) fill(to precision, side int) {
	for i := m.to + 1; i <= to; i++ {
		if side < 0 {
			m.part[i] = [...]int{1, 1, 1, 0, 0, 0}[i]
			continue
		}
		m.part[i] = [...]int{9999, 12, 31, 23, 59, 59}[i]
		if i == toDay {
			m.part[i] = daysIn(m.part[0], m.part[1])
		}
	}
	if to == toSecond && side > 0 {
		m.nano = 999_000_000
	}
}
