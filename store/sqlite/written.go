package sqlite

import (
	"strconv"

	"github.com/aceso-health/aceso/store"
)

// written knows when a type was last written, as the stamp of that version. Only the
// goroutine that writes touches it.
type written struct {
	before int64 // the last stamp of a process before this one
	last   map[string]int64
}

// since says whether a resource of one of the types was written after a snapshot. What was
// rolled back counts, too.
func (w *written) since(at []byte, types []string) bool {
	stamp, err := strconv.ParseInt(string(at), 10, 64)
	if err != nil || stamp < w.before {
		return true
	}
	for _, typ := range types {
		if w.last[typ] > stamp {
			return true
		}
	}
	return false
}

func (w *written) note(typ string, stamp int64) {
	if w.last == nil {
		w.last = map[string]int64{}
	}
	w.last[typ] = max(w.last[typ], stamp)
}

// holds says whether a guard holds without a search.
func (w *written) holds(g *store.Guard) bool { return !w.since(g.At, g.Query.Types()) }
