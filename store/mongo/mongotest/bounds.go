package mongotest

import (
	"encoding/binary"
	"slices"
	"strings"
)

func recordOf(key string) uint64 { return binary.BigEndian.Uint64([]byte(key)) }

// A bound is a predicate on the path of an index field, and the $elemMatch
// that it is in.
type bound struct {
	p     *predicate
	group *predicate
}

// ranges are the spans of encoded values that index field i may have, nil if
// the filter says nothing about it. Where documents have arrays, each
// predicate may hold for another element: only one is used, or those of one
// $elemMatch.
func (x *index) ranges(i int, all []*predicate, group *predicate, later bool) ([]span, *predicate) {
	f := x.fields[i]
	var usable []bound
	collectBounds(all, nil, nil, strings.Join(f.path, "."), &usable)
	if len(usable) == 0 {
		return nil, group
	}
	multi := x.isMultikey(f)
	if multi {
		usable = x.chooseBounds(f, usable, group, later && x.shares(i))
		if len(usable) == 0 {
			return nil, group
		}
		group = usable[0].group
	}
	spans := spansOf(usable[0].p, f.desc)
	for _, b := range usable[1:] {
		spans = intersect(spans, spansOf(b.p, f.desc))
	}
	return spans, group
}

// shares says whether an earlier field is multikey by the same array.
func (x *index) shares(i int) bool {
	arrays := x.arraysOn(x.fields[i])
	return slices.ContainsFunc(x.fields[:i], func(f indexField) bool {
		return slices.ContainsFunc(x.arraysOn(f), func(a string) bool { return slices.Contains(arrays, a) })
	})
}

// chooseBounds keeps what must hold for the same element: the bounds of the
// group of the fields before, or else the first best one and its group.
func (x *index) chooseBounds(f indexField, usable []bound, group *predicate, bind bool) []bound {
	pick := usable[0]
	if bind {
		if group == nil {
			return nil
		}
		pick = bound{group: group}
	} else {
		for _, b := range usable[1:] {
			if strength(b.p) > strength(pick.p) {
				pick = b
			}
		}
	}
	if pick.group == nil {
		return []bound{pick}
	}
	same := slices.DeleteFunc(usable, func(b bound) bool { return b.group != pick.group })
	elements := "." + strings.Join(pick.group.path, ".")
	if len(same) > 1 && slices.ContainsFunc(x.arraysOn(f), func(a string) bool { return len(a) > len(elements) }) {
		return same[:1] // arrays inside the elements
	}
	return same
}

func strength(p *predicate) int {
	switch p.op {
	case "$eq":
		return 3
	case "$in":
		return 2
	}
	return 1
}

// collectBounds finds the predicates on a path that give bounds.
func collectBounds(all []*predicate, prefix []string, group *predicate, path string, to *[]bound) {
	for _, p := range all {
		full := strings.Join(append(append([]string{}, prefix...), p.path...), ".")
		switch p.op {
		case "$and":
			collectBounds(p.subs, prefix, group, path, to)
		case "$all":
			if len(p.subs) > 0 {
				collectBounds(p.subs[:1], prefix, group, path, to)
			}
		case "$elemMatch":
			if group == nil {
				collectBounds(p.subs, append(append([]string{}, prefix...), p.path...), p, path, to)
			}
		default:
			if full == path && givesBounds(p) {
				*to = append(*to, bound{p, group})
			}
		}
	}
}

func givesBounds(p *predicate) bool {
	switch p.op {
	case "$eq":
		return p.operand.Type != tArray
	case "$gt", "$gte", "$lt", "$lte":
		return p.operand.Type != tArray && p.operand.Type != tNull && !isNaN(p.operand)
	case "$in":
		for _, v := range p.list {
			if v.Type == tArray {
				return false
			}
		}
		return true
	}
	return false
}

func spansOf(p *predicate, desc bool) []span {
	switch p.op {
	case "$eq":
		return points([]value{p.operand}, desc)
	case "$in":
		return points(p.list, desc)
	}
	e := component(p.operand, desc)
	c := class(p.operand.Type)
	lo, hi := string([]byte{c}), string([]byte{c + 1})
	if desc {
		lo, hi = string([]byte{^c}), string([]byte{^c + 1})
	}
	upward := p.op == "$gt" || p.op == "$gte"
	switch {
	case upward != desc && (p.op == "$gte" || p.op == "$lte"):
		lo = e
	case upward != desc:
		lo = e + "\xff"
	case p.op == "$gte" || p.op == "$lte":
		hi = e + "\xff"
	default:
		hi = e
	}
	return []span{{lo, hi}}
}

func component(v value, desc bool) string { return string(appendComponent(nil, v, desc)) }

func points(list []value, desc bool) []span {
	all := []span{}
	for _, v := range list {
		e := component(v, desc)
		all = append(all, span{e, e + "\xff"})
		if v.Type == tNull {
			e := component(undefined, desc)
			all = append(all, span{e, e + "\xff"})
		}
	}
	return all
}

func intersect(a, b []span) []span {
	all := []span{}
	for _, x := range a {
		for _, y := range b {
			lo, hi := max(x.lo, y.lo), min(x.hi, y.hi)
			if lo < hi {
				all = append(all, span{lo, hi})
			}
		}
	}
	return all
}
