package fhir

import "bytes"

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
