package fhir

// timeFault checks date, dateTime, instant and time; other formats pass.
func (f format) timeFault(text []byte) string {
	switch f {
	case formatDate:
		return when(!isDate(text), "A date is written as YYYY, YYYY-MM or YYYY-MM-DD, and must exist.")
	case formatDateTime:
		return when(!isDateTime(text), "A dateTime is a date, or a date and a time with seconds and time zone, as 2015-02-07T13:28:17+02:00.")
	case formatInstant:
		return when(!isInstant(text), "An instant is written to the second with a time zone, as 2015-02-07T13:28:17.239+02:00.")
	case formatTime:
		return when(!isTime(text), "A time is written as hh:mm:ss, without time zone.")
	}
	return ""
}

func isDate(t []byte) bool {
	switch len(t) {
	case 4:
		return isYear(t)
	case 7:
		return isYear(t[:4]) && t[4] == '-' && between(t[5:7], 1, 12)
	case 10:
		return isDay(t)
	}
	return false
}

func isYear(t []byte) bool {
	return between(t[:2], 0, 99) && between(t[2:], 0, 99) && string(t) != "0000"
}

// isDay requires YYYY-MM-DD and a day that exists.
func isDay(t []byte) bool {
	if !isYear(t[:4]) || t[4] != '-' || !between(t[5:7], 1, 12) || t[7] != '-' {
		return false
	}
	return between(t[8:10], 1, daysIn(two(t)*100+two(t[2:]), two(t[5:])))
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

func isDateTime(t []byte) bool { return len(t) <= 10 && isDate(t) || isInstant(t) }

func isInstant(t []byte) bool {
	if len(t) < len("2015-02-07T13:28:17Z") || !isDay(t[:10]) || t[10] != 'T' {
		return false
	}
	zone := len(t) - 1
	if t[zone] != 'Z' {
		zone = len(t) - len("+02:00")
		if !isZone(t[zone:]) {
			return false
		}
	}
	return zone > 11 && isTime(t[11:zone])
}

func isZone(t []byte) bool {
	if t[0] != '+' && t[0] != '-' || t[3] != ':' {
		return false
	}
	return between(t[1:3], 0, 13) && between(t[4:6], 0, 59) || string(t[1:]) == "14:00"
}

// isTime requires hh:mm:ss with an optional fraction. It accepts leap seconds.
func isTime(t []byte) bool {
	if len(t) < 8 || !between(t[:2], 0, 23) || t[2] != ':' || !between(t[3:5], 0, 59) || t[5] != ':' || !between(t[6:8], 0, 60) {
		return false
	}
	if len(t) == 8 {
		return true
	}
	for _, c := range t[9:] {
		if !isDigit(c) {
			return false
		}
	}
	return t[8] == '.' && len(t) > 9
}

// between requires two digits that form a number from low to high.
func between(t []byte, low, high int) bool {
	return isDigit(t[0]) && isDigit(t[1]) && two(t) >= low && two(t) <= high
}

func two(t []byte) int { return int(t[0]-'0')*10 + int(t[1]-'0') }
