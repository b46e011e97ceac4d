package search

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
)

// The open ends of a DateRange.
const (
	dateMin int64 = math.MinInt64
	dateMax int64 = math.MaxInt64
)

// AppendTime appends ms as a sort value: the order of bytes is that of time.
func AppendTime(to []byte, ms int64) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(ms)^1<<63)
	return hex.AppendEncode(to, b[:])
}

// ParseTime is the inverse of AppendTime.
func ParseTime(value string) (ms int64, ok bool) {
	u, err := strconv.ParseUint(value, 16, 64)
	return int64(u ^ 1<<63), err == nil && len(value) == 16
}
