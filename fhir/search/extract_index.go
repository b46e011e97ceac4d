package search

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// IndexOf returns the search keys of a resource. base is the server's base URL ("" if none):
// absolute references below it are indexed as relative ones.
func IndexOf(r *fhir.Resource, base string) (*Index, error) {
	t, err := fhir.ReadTape(r.Bytes())
	if err != nil {
		return nil, err
	}
	defer t.Close()
	x := extract(t, base, limitsOf(len(r.Bytes())))
	defer x.release()
	return x.index()
}

// index is all, if a store can keep that many keys.
func (x *extractor) index() (*Index, error) {
	index, err := x.all()
	if err == nil && x.limit.keys > 0 && index.Len() > x.limit.keys { // with hulls
		x.here = 0
		x.tooMany()
		return nil, x.fault
	}
	return index, err
}

// all copies the keys out of the arena.
func (x *extractor) all() (*Index, error) {
	if x.fault != nil {
		return nil, x.fault
	}
	x.order()
	text := string(x.buf)
	cut := func(s span) string { return text[s.from:s.to] }
	index := &Index{
		Keys:    make([]string, len(x.keys)),
		Dates:   make([]DateRange, len(x.dates)),
		Numbers: make([]NumberRange, len(x.numbers)),
	}
	for i, k := range x.keys {
		index.Keys[i] = cut(k.key)
	}
	// Stores find ranges by their ends. A range with swapped ends is invalid but
	// accepted: it covers the values between them.
	for i, d := range x.dates {
		index.Dates[i] = DateRange{cut(d.param), min(d.lo, d.hi), max(d.lo, d.hi)}
	}
	for i, n := range x.numbers {
		lo, hi := cut(n.lo), cut(n.hi)
		index.Numbers[i] = NumberRange{cut(n.param.key), min(lo, hi), max(lo, hi)}
	}
	index.Dates = appendHulls(index.Dates)
	index.Sorts = x.sorts(cut)
	return index, x.follow(index)
}

// appendHulls adds one range that covers all ranges of a parameter, if it has several.
func appendHulls(dates []DateRange) []DateRange {
	n := len(dates)
	for i := 0; i < n; {
		hull, first := dates[i], i
		for i++; i < n && dates[i].Param == hull.Param; i++ {
			hull.Lo, hull.Hi = min(hull.Lo, dates[i].Lo), max(hull.Hi, dates[i].Hi)
		}
		if i-first > 1 {
			hull.Param = hullParam(hull.Param)
			dates = append(dates, hull)
		}
	}
	return dates
}

// order sorts keys and ranges and removes duplicates.
func (x *extractor) order() {
	x.sortKeys()
	if len(x.dates) > 1 {
		x.sortDates()
	}
	if len(x.numbers) > 1 {
		x.sortNumbers()
	}
}

func (x *extractor) sortDates() {
	date := func(a, b dateValue) int {
		return cmp.Or(x.compare(a.param, b.param), cmp.Compare(a.lo, b.lo), cmp.Compare(a.hi, b.hi))
	}
	slices.SortFunc(x.dates, date)
	x.dates = slices.CompactFunc(x.dates, func(a, b dateValue) bool { return date(a, b) == 0 })
}

func (x *extractor) sortNumbers() {
	const few = 24
	if len(x.numbers) > few {
		slices.SortFunc(x.numbers, func(a, b numberValue) int { return x.compareNumbers(&a, &b) })
		x.numbers = slices.CompactFunc(x.numbers, func(a, b numberValue) bool { return x.compareNumbers(&a, &b) == 0 })
		return
	}
	n := 1 // sorted so far
	for i := 1; i < len(x.numbers); i++ {
		v := x.numbers[i]
		at, c := n, 1
		for ; at > 0; at-- {
			if c = x.compareNumbers(&v, &x.numbers[at-1]); c >= 0 {
				break
			}
		}
		if c != 0 {
			copy(x.numbers[at+1:n+1], x.numbers[at:n])
			x.numbers[at] = v
			n++
		}
	}
	x.numbers = x.numbers[:n]
}

func (x *extractor) compareNumbers(a, b *numberValue) int {
	if c := x.compareHeaded(&a.param, &b.param); c != 0 {
		return c
	}
	return cmp.Or(x.compare(a.lo, b.lo), x.compare(a.hi, b.hi))
}

func (x *extractor) compare(a, b span) int { return bytes.Compare(x.span(a), x.span(b)) }

func (x *extractor) sorts(cut func(span) string) []Sort {
	var n int
	for i := range x.seen {
		if x.seen[i].sorted {
			n++
		}
	}
	list := make([]Sort, 0, n)
	plan := x.custom
	if plan == nil {
		plan = x.roles.plans[x.Nodes[x.root].Type]()
	}
	for i := range x.seen {
		if v := &x.seen[i]; v.sorted {
			lo, hi := cut(v.lo), cut(v.hi)
			list = append(list, Sort{plan.params[i].name, min(lo, hi), max(lo, hi)})
		}
	}
	slices.SortFunc(list, func(a, b Sort) int { return strings.Compare(a.Param, b.Param) })
	return list
}
