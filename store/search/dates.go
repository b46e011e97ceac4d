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
	switch c.Prefix {
	case search.Eq:
		return c.Lo, c.Hi
	case search.Gt:
		return back(c.Hi), math.MaxInt64
	case search.Ge:
		return min(back(c.Hi), c.Lo), math.MaxInt64
	case search.Sa:
		return c.Hi, math.MaxInt64
	case search.Lt, search.Eb:
		return math.MinInt64, c.Lo
	case search.Le:
		return math.MinInt64, max(c.Lo, c.Hi)
	case search.Ap:
		return back(c.Lo), c.Hi
	}
	return math.MinInt64, math.MaxInt64
}
