package fhir

import "bytes"

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
