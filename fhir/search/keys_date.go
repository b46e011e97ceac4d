package search

import (
	"encoding/binary"
	"encoding/hex"
	"math"
)

// The open ends of a DateRange.
const (
	dateMin int64 = math.MinInt64
	dateMax int64 = math.MaxInt64
)

// appendTime appends ms so that byte order is time order.
func appendTime(to []byte, ms int64) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(ms)^1<<63)
	return hex.AppendEncode(to, b[:])
}
