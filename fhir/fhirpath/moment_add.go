package fhirpath

import "time"

// steps are the units that can be added to a moment, by the precision they are of.
var steps = map[string]struct {
	to precision
	n  int64 // how many of that precision; of a millisecond it is 0
}{
	"year": {toYear, 1}, "month": {toMonth, 1}, "week": {toDay, 7}, "day": {toDay, 1},
	"hour": {toHour, 1}, "minute": {toMinute, 1}, "second": {toSecond, 1}, "millisecond": {toSecond, 0},
}

// exactUnits are the UCUM units that may be added, as if they were those of the calendar.
// Those of a month and a year may not: UCUM has them as 30.4375 and 365.25 days.
var exactUnits = map[string]string{"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}

// per is how many of a precision make one of that before it, for moments that are known
// less precisely than what is added.
var per = [...]int64{toMonth: 12, toDay: 30, toHour: 24, toMinute: 60, toSecond: 60}

// plus adds a number of units; its digits after the point are left out. known is false for
// units that are no durations, and ok for a year before 1 or after 9999.
func (m *moment) plus(amount *decimal, unit string) (sum *moment, known, ok bool) {
	step, known := steps[unit]
	n := amount.whole().unscaled
	if !known || !n.IsInt64() {
		return nil, known, false
	}
	count := n.Int64()
	if most := int64(1) << 48; count > most || count < -most {
		return nil, true, false
	}
	millis := int64(0)
	if step.n == 0 && m.to == toSecond {
		millis, count = count%1000, count/1000
	} else if step.n == 0 {
		count /= 1000
	} else {
		count *= step.n
	}
	to := step.to
	for ; to > m.to; to-- {
		if to == toDay && m.to == toYear {
			count, to = count/365, toMonth
			continue
		}
		count /= per[to]
	}
	sum, ok = m.move(to, count, millis)
	return sum, true, ok
}

// move adds to one part of the moment.
func (m *moment) move(to precision, n, millis int64) (*moment, bool) {
	if m.kind == Time && to < toHour {
		return nil, false
	}
	if to <= toMonth {
		return m.moveMonths(to, n)
	}
	unit := [...]time.Duration{toDay: 24 * time.Hour, toHour: time.Hour, toMinute: time.Minute, toSecond: time.Second}[to]
	const most = 10_000 * 366 * 24 * 3600 // seconds of all years there are
	seconds := n * int64(unit/time.Second)
	if n > most || n < -most || seconds > most || seconds < -most {
		return nil, false
	}
	t := m.time().AddDate(0, 0, int(seconds/86400)).Add(time.Duration(seconds%86400)*time.Second + time.Duration(millis)*time.Millisecond)
	moved := m.at(t)
	if millis != 0 {
		moved.fraction = max(m.fraction, 3)
	}
	if m.kind == Time {
		moved.part[0], moved.part[1], moved.part[2] = 0, 0, 0
		return moved, true
	}
	return moved.clear(), moved.part[0] >= 1 && moved.part[0] <= 9999
}

// moveMonths adds months or years; a day that the month does not have becomes its last.
func (m *moment) moveMonths(to precision, n int64) (*moment, bool) {
	if to == toYear {
		n *= 12
	}
	if n > 12*10_000 || n < -12*10_000 {
		return nil, false
	}
	c := *m
	months := c.part[0]*12 + max(c.part[1], 1) - 1 + int(n)
	c.part[0] = months / 12
	if m.to >= toMonth {
		c.part[1] = months%12 + 1
	}
	if months < 12 || c.part[0] > 9999 {
		return nil, false
	}
	if m.to >= toDay {
		c.part[2] = min(c.part[2], daysIn(c.part[0], c.part[1]))
	}
	return &c, true
}

// clear empties the parts beyond the precision.
func (m *moment) clear() *moment {
	for i := m.to + 1; i <= toSecond; i++ {
		m.part[i] = 0
	}
	return m
}
