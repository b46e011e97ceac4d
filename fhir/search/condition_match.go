package search

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// Match is the brute-force evaluator: the definition of what a Condition means.
// all lists every visible current resource (for Chain and Reverse).
func Match(c Condition, h Holder, all []Holder) bool {
	switch c := c.(type) {
	case All:
		return !slices.ContainsFunc(c, func(m Condition) bool { return !Match(m, h, all) })
	case Any:
		return slices.ContainsFunc(c, func(m Condition) bool { return Match(m, h, all) })
	case Not:
		return !Match(c.C, h, all)
	case Chain:
		return c.match(h, all)
	case Reverse:
		return c.match(h, all)
	}
	return h.Index.holds(c)
}

// Holds evaluates a condition on one document that no store keeps, however many keys
// it has. Chains and _has find nothing.
func Holds(c Condition, document []byte, base string) (bool, error) {
	t, err := fhir.ReadTape(document)
	if err != nil {
		return false, err
	}
	defer t.Close()
	x := extract(t, base, limits{})
	defer x.release()
	index, err := x.all()
	return err == nil && Match(c, Holder{Index: index}, nil), err
}

// match looks for a target; a resource may refer to itself.
func (c Chain) match(h Holder, all []Holder) bool {
	return slices.ContainsFunc(all, func(o Holder) bool {
		return slices.Contains(c.Types, o.Ref.Type) && h.Refers(c.Param, o) && Match(c.Where, o, all)
	})
}

func (c Reverse) match(h Holder, all []Holder) bool {
	return slices.ContainsFunc(all, func(o Holder) bool {
		return o.Ref.Type == c.Type && o.Refers(c.Param, h) && Match(c.Where, o, all)
	})
}

// Refers says whether a parameter of a resource leads to another one.
func (h Holder) Refers(param string, to Holder) bool {
	if h.Index.has(RefKey(param, to.Ref)) {
		return true
	}
	return slices.ContainsFunc(h.Index.Canonicals(param), func(c Canonical) bool { return c.is(to.Index) })
}

// holds answers the conditions that need one resource only.
func (x *Index) holds(c Condition) bool {
	switch c := c.(type) {
	case HasKey:
		return x.has(c.Key)
	case KeyRange:
		from := x.from(c.From)
		return len(from) > 0 && from[0] < c.To
	case Contains:
		return x.contains(c)
	case Near:
		return c.holds(x)
	case InDates:
		return slices.ContainsFunc(x.Dates, func(d DateRange) bool {
			return d.Param == c.Param && holds(c.Prefix, [2]int64{d.Lo, d.Hi}, [2]int64{c.Lo, c.Hi})
		})
	case InNumbers:
		return slices.ContainsFunc(x.Numbers, func(n NumberRange) bool {
			return n.Param == c.Param && holds(c.Prefix, [2]string{n.Lo, n.Hi}, [2]string{c.Lo, c.Hi})
		})
	}
	return false
}

func (x *Index) has(key string) bool {
	_, found := slices.BinarySearch(x.Keys, key)
	return found
}

// from returns the keys that are not less than key.
func (x *Index) from(key string) []string {
	i, _ := slices.BinarySearch(x.Keys, key)
	return x.Keys[i:]
}

func (x *Index) contains(c Contains) bool {
	for _, k := range x.from(c.Prefix()) {
		if !strings.HasPrefix(k, c.Prefix()) {
			return false
		}
		if c.In(k) {
			return true
		}
	}
	return false
}

// Prefix begins the keys that Contains searches.
func (c Contains) Prefix() string { return c.Param + string(opFolded) }

// In says whether such a key contains the needle. It ignores the hash at the end
// of a truncated key.
func (c Contains) In(key string) bool {
	text, _, cut := strings.Cut(strings.TrimPrefix(key, c.Prefix()), string(hashMark))
	if c.AtEnd {
		return !cut && strings.HasSuffix(text, c.Needle)
	}
	return strings.Contains(text, c.Needle)
}
