package search

import (
	"math"
	"math/bits"

	"github.com/aceso-health/aceso/fhir/search"
)

// Width is the class of an interval: the bit length of its width. An interval
// without an end has the highest class.
func Width(lo, hi int64) int { return bits.Len64(uint64(hi) - uint64(lo)) }

// DateSpan is the part of the index on lo that can hold matches: intervals of
// class k are narrower than 2^k, so one that ends after a time begins at most
// that long before it.
func DateSpan(c search.InDates, class int) (from, to int64) {
	wide := int64(math.MaxInt64)
	if class < 63 {
		wide = int64(1)<<class - 1
	}
	back := func(t int64) int64 {
		if class > 63 || t < math.MinInt64+wide {
			return math.MinInt64
		}
		return t - wide
	}
	return starts(c.Prefix, [2]int64{c.Lo, c.Hi}, [2]int64{math.MinInt64, math.MaxInt64}, back)
}

// NumberSpan is the part of the index on lo that can hold matches.
func NumberSpan(c search.InNumbers) (from, to string) {
	open := [2]string{search.NumberMin, search.NumberMax}
	return starts(c.Prefix, [2]string{c.Lo, c.Hi}, open, func(string) string { return open[search.Lo] })
}

// starts bounds the start of the ranges for which a prefix holds. back is the
// earliest start of a range that ends at a value.
func starts[T int64 | string](p search.Prefix, searched, open [2]T, back func(T) T) (from, to T) {
	from, to = open[search.Hi], open[search.Lo]
	for _, all := range p.Meaning() {
		low, high := open[search.Lo], open[search.Hi]
		for _, c := range all {
			switch v := searched[c.With]; {
			case c.Op[0] == '<': // so does the start of a range whose end is below
				high = min(high, v)
			case c.End == search.Hi:
				low = max(low, back(v))
			default:
				low = max(low, v)
			}
		}
		from, to = min(from, low), max(to, high)
	}
	return from, to
}
