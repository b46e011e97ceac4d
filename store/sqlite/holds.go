package sqlite

import (
	"bytes"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

var _ plan.Quick = (*row)(nil)

// HoldsQuickly judges conditions on keys without decoding all of them.
func (r *row) HoldsQuickly(c search.Condition) (holds, known bool, err error) {
	if !onKeys(c) {
		return false, false, nil
	}
	raw, err := store.Unpack(r.packedIndex)
	if err != nil {
		return false, false, r.Damaged("idx")
	}
	keys, ok := packedKeysOf(raw)
	if !ok {
		return false, false, r.Damaged("idx")
	}
	if holds = keys.hold(c); keys.damaged {
		return false, false, r.Damaged("idx")
	}
	return holds, true, nil
}

// onKeys says whether a condition is about keys only, and few.
func onKeys(c search.Condition) bool {
	switch c := c.(type) {
	case search.HasKey, search.KeyRange:
		return true
	case search.Not:
		return onKeys(c.C)
	case search.Any:
		return allOnKeys(c)
	case search.All:
		return allOnKeys(c)
	}
	return false
}

// mostQuick is how many alternatives are looked for one by one.
const mostQuick = 8

func allOnKeys(all []search.Condition) bool {
	if len(all) > mostQuick {
		return false
	}
	for _, c := range all {
		if !onKeys(c) {
			return false
		}
	}
	return true
}

// packedKeys are the keys of a version as encodeIndex writes them.
type packedKeys struct {
	indexReader
	n       int
	damaged bool
}

// packedKeysOf passes over what comes before the keys.
func packedKeysOf(raw []byte) (k packedKeys, ok bool) {
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
	return k, !k.bad
}

func (k *packedKeys) hold(c search.Condition) bool {
	switch c := c.(type) {
	case search.HasKey:
		return k.between(c.Key, c.Key+"\x00")
	case search.KeyRange:
		return k.between(c.From, c.To)
	case search.Not:
		return !k.hold(c.C)
	case search.Any:
		for _, m := range c {
			if k.hold(m) {
				return true
			}
		}
		return false
	case search.All:
		for _, m := range c {
			if !k.hold(m) {
				return false
			}
		}
		return true
	}
	return false
}

// between says whether there is a key from one on and below another. The keys are in order.
func (k *packedKeys) between(from, to string) bool {
	var room [256]byte
	key, low, high := room[:0], []byte(from), []byte(to)
	x := k.indexReader
	for range k.n {
		n, rest := x.uint(), x.text()
		if x.bad || n > uint64(len(key)) {
			k.damaged = true
			return false
		}
		key = append(key[:n], rest...)
		if bytes.Compare(key, low) >= 0 {
			return bytes.Compare(key, high) < 0
		}
	}
	return false
}
