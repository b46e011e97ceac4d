package search

import (
	"bytes"
	"cmp"
	"math"
	"strings"

	"github.com/aceso-health/aceso/fhir/search"
)

// Order is the order of a walk through the current resources of a type: by a value (see
// search.Sort), then those without one, and alike ones by creation; up, or down if Desc is
// set, but those without a value always last.
type Order struct {
	search.SortBy
	After  *Entry // where it goes on; nil: it begins
	Valued bool   // only those with a value
	// Within, if it is not nil, lets a store leave out dates for which it does not hold. It
	// MUST NOT as long as a resource of the type has several dates: one may be sorted by
	// another date than that for which Within holds.
	Within *search.InDates
	// Skip, if it is not nil, says of which places no entries are wanted. A store may give
	// them nevertheless.
	Skip func(place int64) bool
}

// Entry is a value of a resource in an order. A resource with several values has more
// entries than the one that it is sorted by.
type Entry struct {
	Value []byte // nil: it has none, or perhaps it has
	Place int64
}

// Compare orders entries as their Order does.
func (o *Order) Compare(a, b Entry) int {
	return cmp.Or(compareValues(a.Value, b.Value, o.Desc), comparePlaces(a.Place, b.Place, o.Desc))
}

// compareValues orders values: none last in either direction.
func compareValues(a, b []byte, desc bool) int {
	switch {
	case a == nil || b == nil:
		return boolInt(a == nil) - boolInt(b == nil)
	case desc:
		return bytes.Compare(b, a)
	}
	return bytes.Compare(a, b)
}

func comparePlaces(a, b int64, desc bool) int {
	if desc {
		a, b = b, a
	}
	return cmp.Compare(a, b)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Before is a place before all others of an order.
func Before(desc bool) int64 {
	if desc {
		return math.MaxInt64
	}
	return 0
}

// value is what a row is sorted by, nil if it has no value.
func (o *Order) value(r *Row) ([]byte, error) {
	switch o.Param {
	case "_id":
		return []byte(r.Ref.ID), nil
	case "_lastUpdated":
		return search.AppendTime(nil, r.Updated), nil
	}
	index, err := r.Ranges()
	if err != nil {
		return nil, err
	}
	for _, v := range index.Sorts {
		switch {
		case v.Param != o.Param:
		case o.Desc:
			return append([]byte{}, v.Hi...), nil
		default:
			return append([]byte{}, v.Lo...), nil
		}
	}
	return nil, nil
}

// narrow uses a condition on the parameter of the order that all matches satisfy.
func (o *Order) narrow(typ string, c search.Condition) {
	signs := search.OrderOf(typ, o.Param).Signs
	switch c := c.(type) {
	case search.InDates:
		if c.Param == o.Param {
			o.Valued, o.Within = true, &c
		}
	case search.InNumbers:
		o.Valued = o.Valued || c.Param == o.Param || strings.HasPrefix(c.Param, o.Param+"|")
	case search.HasKey:
		param, rest := CutKey(c.Key)
		o.Valued = o.Valued || param == o.Param && signs != "" && strings.Contains(signs, rest[:1])
	case search.KeyRange:
		param, rest := CutKey(c.From)
		o.Valued = o.Valued || param == o.Param && signs != "" && strings.Contains(signs, rest[:1])
	}
}
