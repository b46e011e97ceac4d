package web

import (
	"encoding/hex"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
)

// words are the functions of the templates.
func words() template.FuncMap {
	return template.FuncMap{"count": count, "instant": instant, "clock": clock, "age": age, "hash": hash, "short": short, "span": span, "parts": parts, "next": next, "rows": rows}
}

// count writes 1234567 as 1,234,567.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func records(n int64) string {
	if n == 1 {
		return "1 record"
	}
	return count(n) + " records"
}

// instant writes a time in full; comparing logs needs one zone for all.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// clock omits the day if it is today.
func clock(t, now time.Time) string {
	if t.UTC().Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return t.UTC().Format("15:04:05 UTC")
	}
	return instant(t)
}

// age writes a duration in at most its two largest units.
func age(d time.Duration) string {
	switch s := int64(d / time.Second); {
	case s < 1:
		return "under 1 s"
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%d d %d h", s/86400, s/3600%24)
	}
}

func hash(h [32]byte) string { return hex.EncodeToString(h[:]) }

// short is the beginning of a long hexadecimal text.
func short(s string) string {
	if len(s) <= 10 {
		return s
	}
	return s[:8] + "…"
}

// span names the records from <= seq < to.
func span(from, to int64) string {
	if to <= from+1 {
		return count(from)
	}
	return count(from) + "–" + count(to-1)
}

// next counts from 1 what is counted from 0.
func next(i int) int { return i + 1 }

// rows are how high the field for a text of some lines is.
func rows(lines int) int { return max(6, min(lines+1, 40)) }

// parts are where a source's name may be broken.
func parts(source string) []string { return strings.SplitAfter(source, "/") }

// fit cuts a name in its middle: both ends tell it apart from others.
func fit(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	half := (width - 1) / 2
	return strings.TrimSpace(string(r[:half])) + "…" + strings.TrimSpace(string(r[len(r)-half:]))
}
