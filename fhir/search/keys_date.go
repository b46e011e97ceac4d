package search

import "math"

// The open ends of a DateRange.
const (
	dateMin int64 = math.MinInt64
	dateMax int64 = math.MaxInt64
)

// appendTime appends ms so that byte order is time order.
func appendTime(to []byte, ms int64) []byte {
	const hex = "0123456789abcdef"
	v := uint64(ms) ^ 1<<63
	var digits [16]byte
	for i := range digits {
		digits[i] = hex[v>>(60-4*i)&15]
	}
	return append(to, digits[:]...)
}
