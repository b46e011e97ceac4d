package store

import (
	"math"
	"time"
)

// StampShift is by how many bits the milliseconds in a stamp are shifted. A stamp is
// never below the time of its version, also when the clock ran backwards.
const StampShift = 20

// FirstStamp is not above any stamp of a version written at or after t.
func FirstStamp(t time.Time) int64 {
	const last = math.MaxInt64 >> StampShift
	return max(-last, min(t.UnixMilli(), last)) << StampShift
}
