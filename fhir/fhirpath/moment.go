package fhirpath

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// precision is the last part of a date or time that is known.
type precision uint8

const (
	toYear precision = iota
	toMonth
	toDay
	toHour
	toMinute
	toSecond // with or without a fraction: seconds and their fraction are one precision
)

// moment is a date, dateTime or time as far as it is known.
type moment struct {
	kind     Kind
	to       precision
	part     [6]int // year, month, day, hour, minute, second
	nano     int
	fraction int // digits of the fraction of the second
	zoned    bool
	zone     int // minutes east of UTC
}

// widths are the digits of each part.
var widths = [6]int{4, 2, 2, 2, 2, 2}

// parseMoment reads what follows the @ of a literal: a date, a dateTime with its T, or a
// time that begins with T.
func parseMoment(text string) (*moment, Kind, bool) {
	m := &moment{kind: Date}
	day, clock, withT := strings.Cut(text, "T")
	if withT {
		m.kind = DateTime
	}
	if text != "" && text[0] == 'T' {
		m.kind = Time
	} else if !m.days(day) {
		return nil, 0, false
	}
	if clock == "" && m.kind != Time {
		return m, m.kind, true
	}
	ok := m.clock(clock) && m.exists() && (m.kind == Time && !m.zoned || m.kind == DateTime && len(day) == len("2015-02-04"))
	return m, m.kind, ok
}

// parseAs reads the text of a value as a date, dateTime or time.
func parseAs(kind Kind, text string) (*moment, bool) {
	switch {
	case kind == Time:
		text = "T" + text
	case kind == DateTime && !strings.Contains(text, "T"):
		text += "T"
	}
	m, found, ok := parseMoment(text)
	return m, ok && found == kind
}

func (m *moment) days(text string) bool {
	for i, part := range strings.Split(text, "-") {
		if i > 2 || !m.set(i, part) {
			return false
		}
	}
	return m.exists()
}

func (m *moment) set(i int, text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	m.part[i], m.to = int(n), precision(i)
	return err == nil && len(text) == widths[i]
}

// clock reads hh[:mm[:ss[.fff]]][zone].
func (m *moment) clock(text string) bool {
	text, ok := m.cutZone(text)
	text, fraction, point := strings.Cut(text, ".")
	parts := strings.Split(text, ":")
	if !ok || len(parts) > 3 || point && len(parts) < 3 {
		return false
	}
	for i, part := range parts {
		if !m.set(3+i, part) {
			return false
		}
	}
	return !point || m.setFraction(fraction)
}

func (m *moment) setFraction(text string) bool {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return false
	}
	nano, err := strconv.Atoi((text + "000000000")[:9])
	m.nano, m.fraction = nano, min(len(text), 9)
	return err == nil
}

func (m *moment) cutZone(text string) (string, bool) {
	i := strings.IndexAny(text, "Z+-")
	if i < 0 {
		return text, true
	}
	zone := text[i:]
	m.zoned = true
	if zone == "Z" {
		return text[:i], true
	}
	h, errH := strconv.ParseUint(zone[1:min(3, len(zone))], 10, 8)
	minutes, errM := strconv.ParseUint(zone[min(4, len(zone)):], 10, 8)
	m.zone = int(h*60 + minutes)
	if zone[0] == '-' {
		m.zone = -m.zone
	}
	return text[:i], len(zone) == 6 && zone[3] == ':' && errH == nil && errM == nil && minutes < 60 && h <= 14
}

// exists says whether the day and time are on the calendar.
func (m *moment) exists() bool {
	p := &m.part
	if p[3] > 23 || p[4] > 59 || p[5] > 60 {
		return false
	}
	if m.kind == Time {
		return true
	}
	return p[0] >= 1 && (m.to < toMonth || p[1] >= 1 && p[1] <= 12) && (m.to < toDay || p[2] >= 1 && p[2] <= daysIn(p[0], p[1]))
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// String is the value as FHIR writes it, without @ and, for a time, without T.
func (m *moment) String() string {
	var b strings.Builder
	first := toYear
	if m.kind == Time {
		first = toHour
	}
	for i := first; i <= m.to; i++ {
		if i > first {
			b.WriteByte("--T::"[i-1])
		}
		fmt.Fprintf(&b, "%0*d", widths[i], m.part[i])
	}
	if m.to == toSecond && m.fraction > 0 {
		b.WriteString("." + fmt.Sprintf("%09d", m.nano)[:m.fraction])
	}
	b.WriteString(m.zoneText())
	return b.String()
}

func (m *moment) zoneText() string {
	switch {
	case !m.zoned || m.to < toHour:
		return ""
	case m.zone == 0:
		return "Z"
	case m.zone < 0:
		return fmt.Sprintf("-%02d:%02d", -m.zone/60, -m.zone%60)
	}
	return fmt.Sprintf("+%02d:%02d", m.zone/60, m.zone%60)
}

// momentOf is an instant to the millisecond, to the day, or its time.
func momentOf(kind Kind, t time.Time) Value {
	_, offset := t.Zone()
	m := &moment{kind: kind, to: toSecond, fraction: 3, zoned: kind == DateTime, zone: offset / 60}
	m.part = [6]int{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second()}
	m.nano = t.Nanosecond() / 1e6 * 1e6
	switch kind {
	case Date:
		m.to, m.fraction, m.nano = toDay, 0, 0
		m.clear()
	case Time:
		m.part[0], m.part[1], m.part[2] = 0, 0, 0
	}
	return Value{kind: kind, moment: m}
}
