package fhirpath

import (
	"cmp"
	"time"
)

// How far the zone of a time without one may be from UTC.
const (
	farthestEast = 14 * time.Hour
	farthestWest = 12 * time.Hour
)

// compare says which of two moments is earlier; known is false if their precision, or a
// missing zone, leaves that open.
func (m *moment) compare(o *moment) (order int, known bool) {
	if m.zoned != o.zoned {
		return m.compareZones(o)
	}
	a, b := m.utc(), o.utc()
	for i := toYear; i <= min(a.to, b.to); i++ {
		if order := cmp.Compare(a.part[i], b.part[i]); order != 0 {
			return order, true
		}
	}
	if a.to == toSecond && b.to == toSecond {
		return cmp.Compare(a.nano, b.nano), true
	}
	return 0, a.to == b.to
}

// compareZones compares two moments of which one has no zone: only what lies further
// apart than zones do has an order.
func (m *moment) compareZones(o *moment) (order int, known bool) {
	firstM, lastM := m.bounds()
	firstO, lastO := o.bounds()
	switch {
	case lastM.Before(firstO):
		return -1, true
	case firstM.After(lastO):
		return 1, true
	}
	return 0, false
}

// bounds are the first and last instant that a moment may be.
func (m *moment) bounds() (first, last time.Time) {
	first = m.utc().time()
	last = m.utc().end()
	if !m.zoned {
		return first.Add(-farthestEast), last.Add(farthestWest)
	}
	return first, last
}

// time is the first instant of a moment, in UTC.
func (m *moment) time() time.Time {
	p := m.part
	return time.Date(p[0], time.Month(max(p[1], 1)), max(p[2], 1), p[3], p[4], p[5], m.nano, time.UTC)
}

// end is the last instant of a moment, in UTC.
func (m *moment) end() time.Time {
	t := m.time()
	switch m.to {
	case toYear:
		t = t.AddDate(1, 0, 0)
	case toMonth:
		t = t.AddDate(0, 1, 0)
	case toDay:
		t = t.AddDate(0, 0, 1)
	case toHour:
		t = t.Add(time.Hour)
	case toMinute:
		t = t.Add(time.Minute)
	default:
		t = t.Add(time.Millisecond)
	}
	return t.Add(-1)
}

// utc is the moment in UTC, if it has a zone.
func (m *moment) utc() *moment {
	if !m.zoned || m.zone == 0 {
		return m
	}
	u := m.at(m.time().Add(-time.Duration(m.zone) * time.Minute))
	u.zone = 0
	return u
}

// at is a moment with the same precision at another time.
func (m *moment) at(t time.Time) *moment {
	c := *m
	c.part = [6]int{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second()}
	c.nano = t.Nanosecond()
	return &c
}

// equal says whether two moments are the same; known as in compare.
func (m *moment) equal(o *moment) (same, known bool) {
	if (m.kind == Time) != (o.kind == Time) {
		return false, true
	}
	order, known := m.compare(o)
	return order == 0, known
}

// equivalent is like equal, but what is open is not equivalent.
func (m *moment) equivalent(o *moment) bool {
	same, known := m.equal(o)
	return same && known && m.to == o.to
}
