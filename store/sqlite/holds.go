package sqlite

import (
	"bytes"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

var _ plan.Quick = (*row)(nil)

// HoldsQuickly judges conditions on ranges, and on keys without decoding all of them.
func (r *row) HoldsQuickly(c search.Condition) (holds, known bool, err error) {
	if !isQuick(c) {
		return false, false, nil
	}
	q := quick{row: r}
	if holds = q.hold(c); q.damaged {
		return false, false, r.Damaged("idx")
	}
	return holds, true, nil
}

// isQuick says whether a condition is about keys and ranges only, and few.
func isQuick(c search.Condition) bool {
	switch c := c.(type) {
	case search.HasKey, search.KeyRange, search.InDates, search.InNumbers:
		return true
	case search.Not:
		return isQuick(c.C)
	case search.Any:
		return allQuick(c)
	case search.All:
		return allQuick(c)
	}
	return false
}

// mostQuick is how many alternatives are looked for one by one.
const mostQuick = 8

func allQuick(all []search.Condition) bool {
	if len(all) > mostQuick {
		return false
	}
	for _, c := range all {
		if !isQuick(c) {
			return false
		}
	}
	return true
}

// quick judges one row.
type quick struct {
	row     *row
	keys    *packedKeys // once they are asked for
	damaged bool
}

func (q *quick) hold(c search.Condition) bool {
	switch c := c.(type) {
	case search.HasKey:
		return q.between(c.Key, c.Key+"\x00")
	case search.KeyRange:
		return q.between(c.From, c.To)
	case search.Not:
		return !q.hold(c.C)
	case search.Any:
		for _, m := range c {
			if q.hold(m) {
				return true
			}
		}
		return false
	case search.All:
		for _, m := range c {
			if !q.hold(m) {
				return false
			}
		}
		return true
	}
	x, err := q.row.Ranges()
	q.damaged = q.damaged || err != nil
	return err == nil && search.Match(c, search.Holder{Index: x}, nil)
}

// between says whether there is a key from one on and below another.
func (q *quick) between(from, to string) bool {
	if q.keys == nil {
		raw, err := store.Unpack(q.row.packedIndex)
		k := packedKeysOf(raw)
		q.keys, q.damaged = &k, q.damaged || err != nil || k.bad
	}
	holds := !q.damaged && q.keys.between(from, to)
	q.damaged = q.damaged || q.keys.bad
	return holds
}

// packedKeys are the keys of a version as encodeIndex writes them.
type packedKeys struct {
	indexReader
	n int
}

// packedKeysOf passes over what comes before the keys.
func packedKeysOf(raw []byte) (k packedKeys) {
	k.b = string(raw)
	for range k.count() {
		k.text()
		k.int()
		k.int()
	}
	for range 2 {
		for range k.count() {
			k.text()
			k.text()
			k.text()
		}
	}
	k.n = k.count()
	return k
}

// between says whether there is a key from one on and below another. The keys are in order.
func (k *packedKeys) between(from, to string) bool {
	var room [256]byte
	key, low, high := room[:0], []byte(from), []byte(to)
	x := k.indexReader
	for range k.n {
		n, rest := x.uint(), x.text()
		if x.bad || n > uint64(len(key)) {
			k.bad = true
			return false
		}
		key = append(key[:n], rest...)
		if bytes.Compare(key, low) >= 0 {
			return bytes.Compare(key, high) < 0
		}
	}
	return false
}
