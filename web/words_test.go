package web

import (
	"math"
	"regexp"
	"strconv"
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	day := time.Date(2026, 5, 4, 23, 59, 58, 0, time.FixedZone("", 3600))
	for got, want := range map[string]string{
		count(0): "0", count(999): "999", count(1000): "1,000", count(-1234567): "-1,234,567", count(math.MaxInt64): "9,223,372,036,854,775,807",
		instant(day): "2026-05-04 22:59:58 UTC", clock(day, day.Add(time.Hour)): "22:59:58 UTC", clock(day, day.Add(2*time.Hour)): "2026-05-04 22:59:58 UTC",
		age(0): "under 1 s", age(59 * time.Second): "59 s", age(61 * time.Second): "1 min 1 s", age(3*time.Hour + 5*time.Minute): "3 h 5 min", age(49 * time.Hour): "2 d 1 h",
		span(5, 6): "5", span(0, 1024): "0–1,023", short("abcdefgh"): "abcdefgh", short("0123456789abc"): "01234567…",
		fit("hospital/n1", 34): "hospital/n1", fit("abcdefghij", 7): "abc…hij", fit("äöüäöüäöü", 5): "äö…öü",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

var grouped = regexp.MustCompile(`^-?\d{1,3}(,\d{3})*$`)

func FuzzCount(f *testing.F) {
	f.Add(int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, n int64) {
		s := count(n)
		if back, err := strconv.ParseInt(regexp.MustCompile(",").ReplaceAllString(s, ""), 10, 64); err != nil || back != n || !grouped.MatchString(s) {
			t.Errorf("%d gives %s", n, s)
		}
	})
}
