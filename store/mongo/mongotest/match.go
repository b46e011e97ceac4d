package mongotest

import (
	"slices"
)

// matches says whether all predicates hold for a document.
func matches(all []*predicate, doc document) bool {
	for _, p := range all {
		if !p.matches(doc) {
			return false
		}
	}
	return true
}

func (p *predicate) matches(doc document) bool {
	switch p.op {
	case "$and":
		return matches(p.subs, doc)
	case "$or":
		return slices.ContainsFunc(p.subs, func(s *predicate) bool { return s.matches(doc) })
	case "$nor":
		return !slices.ContainsFunc(p.subs, func(s *predicate) bool { return s.matches(doc) })
	case "$not":
		return !matches(p.subs, doc)
	case "$all":
		return len(p.subs) > 0 && matches(p.subs, doc)
	case "$ne", "$nin":
		return !reach(doc, p.path, true, p.positive)
	case "$exists":
		return reach(doc, p.path, false, func(v value) bool { return v.Type != 0 }) == truth(p.operand)
	case "$size", "$elemMatch":
		return reach(doc, p.path, false, p.positive)
	}
	return reach(doc, p.path, true, p.positive)
}

// holds says whether the predicate, inside an $elemMatch of values, holds for
// one element.
func (p *predicate) holds(v value) bool {
	switch p.op {
	case "$not":
		return !slices.ContainsFunc(p.subs, func(s *predicate) bool { return !s.holds(v) })
	case "$all":
		return len(p.subs) > 0 && !slices.ContainsFunc(p.subs, func(s *predicate) bool { return !s.holds(v) })
	case "$ne", "$nin":
		return !p.positive(v)
	case "$exists":
		return truth(p.operand)
	}
	return p.positive(v)
}

// positive looks at one value; $ne and $nin are read as $eq and $in.
func (p *predicate) positive(v value) bool {
	switch p.op {
	case "$in", "$nin":
		return slices.ContainsFunc(p.list, func(e value) bool {
			return equal(e, v) && v.Type != 0 || e.Type == tNull && (v.Type == 0 || v.Type == tUndefined)
		})
	case "$size":
		return v.Type == tArray && int64(len(values(v.Data))) == p.number
	case "$regex":
		return v.Type == tString && p.pattern.MatchString(v.StringValue())
	case "$elemMatch":
		return p.elemMatch(v)
	}
	return p.compares(v)
}

func (p *predicate) elemMatch(array value) bool {
	if array.Type != tArray {
		return false
	}
	for _, e := range fields(array.Data) {
		if p.object && (e.Type == tObject || e.Type == tArray) && matches(p.subs, e.Data) {
			return true
		}
		if !p.object && !slices.ContainsFunc(p.subs, func(s *predicate) bool { return !s.holds(e) }) {
			return true
		}
	}
	return false
}

func (p *predicate) compares(v value) bool {
	rhs := p.operand
	if rhs.Type == tNull && (v.Type == 0 || v.Type == tUndefined) {
		return p.op != "$gt" && p.op != "$lt"
	}
	if v.Type == 0 || class(v.Type) != class(rhs.Type) {
		return false
	}
	if isNaN(v) || isNaN(rhs) {
		return isNaN(v) && isNaN(rhs) && p.op != "$gt" && p.op != "$lt"
	}
	c := compare(v, rhs)
	switch p.op {
	case "$gt":
		return c > 0
	case "$gte":
		return c >= 0
	case "$lt":
		return c < 0
	case "$lte":
		return c <= 0
	}
	return c == 0
}
