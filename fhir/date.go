package fhir

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
	switch len(day) {
	case 4:
		return civil(year, 1, 1) * msDay, civil(year+1, 1, 1)*msDay - 1, true
	case 7:
		return monthSpan(day, year)
	case 10:
		return daySpan(day, clock, year)
	}
	return 0, 0, false
}

func monthSpan(day []byte, year int) (lo, hi int64, ok bool) {
	month, ok := digits(day, 5, 2)
	if !ok || day[4] != '-' || month < 1 || month > 12 {
		return 0, 0, false
	}
	lo = civil(year, month, 1) * msDay
	return lo, lo + int64(daysIn(year, month))*msDay - 1, true
}

func daySpan(day, clock []byte, year int) (lo, hi int64, ok bool) {
	month, okMonth := digits(day, 5, 2)
	d, okDay := digits(day, 8, 2)
	if !okMonth || !okDay || day[4] != '-' || day[7] != '-' || month < 1 || month > 12 || d < 1 || d > daysIn(year, month) {
		return 0, 0, false
	}
	lo = civil(year, month, d) * msDay
	if clock == nil {
		return lo, lo + msDay - 1, true
	}
	start, width, ok := clockSpan(clock)
	return lo + start, lo + start + width - 1, ok
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
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

// civil counts the days from 1970-01-01 in the proleptic Gregorian calendar.
// Years begin in March here, so that the leap day is the last of its year.
func civil(year, month, day int) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	return int64(365*year+year/4-year/100+year/400+(153*(month-3)+2)/5+day-1) - 719468
}
