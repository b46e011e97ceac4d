package fhir

import (
	"bytes"
	"time"
)

const (
	msSecond = int64(1000)
	msMinute = 60 * msSecond
	msHour   = 60 * msMinute
	msDay    = 24 * msHour
)

// DateSpan reads a FHIR date, dateTime or instant as the closed interval of
// milliseconds that its precision implies. The default time zone is UTC.
func DateSpan(text []byte) (lo, hi int64, ok bool) {
	day, clock := text, []byte(nil)
	if len(text) > 10 && text[10] == 'T' {
		day, clock = text[:10], text[11:]
	}
	year, ok := digits(day, 0, 4)
	if !ok || year == 0 {
		return 0, 0, false
	}
	if len(day) == 4 {
		return midnight(year, 1, 1), midnight(year+1, 1, 1) - 1, true
	}
	month, ok := digits(day, 5, 2)
	if !ok || day[4] != '-' || month < 1 || month > 12 {
		return 0, 0, false
	}
	switch len(day) {
	case 7:
		return midnight(year, month, 1), midnight(year, month+1, 1) - 1, true
	case 10:
		return daySpan(day, clock, year, month)
	}
	return 0, 0, false
}

// midnight is the beginning of a day; a month after December is in the next year.
func midnight(year, month, day int) int64 {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).UnixMilli()
}

func daySpan(day, clock []byte, year, month int) (lo, hi int64, ok bool) {
	d, ok := digits(day, 8, 2)
	lo = midnight(year, month, d)
	if !ok || day[7] != '-' || d < 1 || d > 28 && lo >= midnight(year, month+1, 1) {
		return 0, 0, false
	}
	if clock == nil {
		return lo, lo + msDay - 1, true
	}
	start, width, ok := clockSpan(clock)
	return lo + start, lo + start + width - 1, ok
}

// clockSpan reads hh:mm[:ss[.fff]][zone] as milliseconds from midnight UTC.
func clockSpan(clock []byte) (start, width int64, ok bool) {
	if len(clock) < 5 || clock[2] != ':' {
		return 0, 0, false
	}
	h, okH := digits(clock, 0, 2)
	m, okM := digits(clock, 3, 2)
	if !okH || !okM || h > 23 || m > 59 {
		return 0, 0, false
	}
	start, width, clock = int64(h)*msHour+int64(m)*msMinute, msMinute, clock[5:]
	if len(clock) > 0 && clock[0] == ':' {
		s, ok := digits(clock, 1, 2)
		if !ok || s > 60 {
			return 0, 0, false
		}
		part, w, n := fraction(clock[3:])
		start, width, clock = start+int64(min(s, 59))*msSecond+part, w, clock[3+n:]
	}
	offset, ok := zone(clock)
	return start - offset, width, ok
}

// fraction reads .fff and ignores digits beyond the millisecond.
func fraction(text []byte) (part, width int64, n int) {
	width = msSecond
	if len(text) == 0 || text[0] != '.' {
		return 0, width, 0
	}
	for n = 1; n < len(text) && '0' <= text[n] && text[n] <= '9'; n++ {
		if width > 1 {
			width /= 10
			part += int64(text[n]-'0') * width
		}
	}
	if n == 1 {
		return 0, 0, 0 // a point alone: zone will refuse it
	}
	return part, width, n
}

// zone reads Z, +hh:mm, -hh:mm or nothing. A space counts as '+': an unescaped
// '+' in a URL becomes a space.
func zone(text []byte) (offset int64, ok bool) {
	if len(text) == 0 || len(text) == 1 && text[0] == 'Z' {
		return 0, true
	}
	if len(text) != 6 || text[3] != ':' {
		return 0, false
	}
	h, okH := digits(text, 1, 2)
	m, okM := digits(text, 4, 2)
	offset = int64(h)*msHour + int64(m)*msMinute
	if text[0] == '-' {
		offset = -offset
	} else if text[0] != '+' && text[0] != ' ' {
		return 0, false
	}
	return offset, okH && okM && h*60+m <= 14*60 && m <= 59
}

func digits(text []byte, at, n int) (v int, ok bool) {
	if len(text) < at+n {
		return 0, false
	}
	for _, c := range text[at : at+n] {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, true
}

func isDate(t []byte) bool {
	_, _, ok := DateSpan(t)
	return ok && len(t) <= len("2015-02-07")
}

func isDateTime(t []byte) bool { return isDate(t) || isInstant(t) }

// isInstant requires seconds and a time zone.
func isInstant(t []byte) bool {
	_, _, ok := DateSpan(t)
	if !ok || len(t) < len("2015-02-07T13:28:17Z") || t[16] != ':' {
		return false
	}
	sign := t[len(t)-len("+02:00")]
	return t[len(t)-1] == 'Z' || sign == '+' || sign == '-'
}

// isTime requires seconds and no time zone.
func isTime(t []byte) bool {
	_, _, ok := clockSpan(t)
	return ok && len(t) >= len("13:28:17") && t[5] == ':' && !bytes.ContainsAny(t, "Z+- ")
}
