package mongotest

import (
	"slices"
	"strings"
)

// A span is a range lo <= key < hi of encoded index keys; an empty hi is no end.
type span struct{ lo, hi string }

// scan visits the documents that may match, each once. It is no planner: it reads the
// hinted index, or else the first one that narrows the search down, or else everything.
func (q *query) scan(c *collection, x *index, visit func(hit) bool) {
	spans := []span{{}}
	if x != nil {
		if narrow := x.narrow(q.predicates); narrow != nil {
			spans = narrow
		}
	}
	for i := 0; x == nil && i < len(c.indexes); i++ {
		if narrow := c.indexes[i].narrow(q.predicates); narrow != nil {
			x, spans = c.indexes[i], narrow
		}
	}
	if x == nil {
		c.records.ascend("", "", func(key string, doc document) bool { return visit(hit{recordOf(key), doc}) })
		return
	}
	seen := map[uint64]bool{}
	for _, s := range spans {
		more := x.entries.ascend(s.lo, s.hi, func(_ string, record uint64) bool {
			if seen[record] {
				return true
			}
			seen[record] = true
			doc, _ := c.records.get(recordKey(record))
			return visit(hit{record, doc})
		})
		if !more {
			return
		}
	}
}

// hinted is the index that the client names, if any.
func (q *query) hinted(c *collection) (*index, error) {
	if q.hint.Type == 0 {
		return nil, nil
	}
	for _, x := range c.indexes {
		if q.hint.Type == tString && x.name == q.hint.StringValue() || q.hint.Type == tObject && encode(q.hint) == encode(documentValue(x.spec)) {
			return x, nil
		}
	}
	return nil, badValue("error processing query: ns=%s planner returned error :: caused by :: hint provided does not correspond to an existing index", c.ns)
}

// narrow is the part of an index with entries of all matches, nil if that may be the whole.
// It looks at the first field only, for a value or a list of values, or a range of _id.
func (x *index) narrow(filter []*predicate) []span {
	if spans := x.points(filter, ""); spans != nil || !x.id() {
		return spans
	}
	all := span{}
	for _, p := range filter {
		if len(p.path) != 1 || p.path[0] != "_id" {
			continue
		}
		switch key := encode(p.operand); p.op {
		case "$gt", "$gte":
			all.lo = max(all.lo, key)
		case "$lt", "$lte":
			if all.hi == "" || key+"\xff" < all.hi {
				all.hi = key + "\xff"
			}
		}
	}
	if all == (span{}) {
		return nil
	}
	return []span{all}
}

// points are the entries for the values that the filter requires of the first field.
// Paths in the filter continue the prefix.
func (x *index) points(filter []*predicate, prefix string) []span {
	for _, p := range filter {
		path := prefix + strings.Join(p.path, ".")
		var spans []span
		switch {
		case p.op == "$and" || p.op == "$all":
			spans = x.points(p.subs, prefix)
		case p.op == "$or":
			spans = x.union(p.subs, prefix)
		case p.op == "$elemMatch" && p.object:
			spans = x.points(p.subs, path+".")
		case path == x.fields[0].name && p.op == "$eq":
			spans = x.entriesOf(p.operand)
		case path == x.fields[0].name && p.op == "$in":
			spans = x.entriesOf(p.list...)
		}
		if spans != nil {
			return spans
		}
	}
	return nil
}

// union is the points of the branches of an $or, nil if one of them has none.
func (x *index) union(branches []*predicate, prefix string) (all []span) {
	for _, b := range branches {
		spans := x.points(b.subs, prefix)
		if spans == nil {
			return nil
		}
		all = append(all, spans...)
	}
	return inOrder(all)
}

func inOrder(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return strings.Compare(a.lo, b.lo) })
	return slices.Compact(spans)
}

// entriesOf is nil for values that match other entries than their own: null matches
// undefined, an array its elements.
func (x *index) entriesOf(list ...value) []span {
	spans := make([]span, 0, len(list))
	for _, v := range list {
		if v.Type == tNull || v.Type == tArray {
			return nil
		}
		key := component(v, x.fields[0].desc)
		spans = append(spans, span{key, key + "\xff"})
	}
	return inOrder(spans)
}
