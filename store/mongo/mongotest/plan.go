package mongotest

import (
	"slices"
	"strings"
)

// A plan says how a query reads a collection.
type plan struct {
	query      *query
	collection *collection
	index      *index // nil: the whole collection
	bounds     []span // in the order of the index
	backward   bool
	sorted     bool // the index gives the order of the query
	dedup      bool
	either     []*plan // the branches of an $or, instead of one index
	keys, docs int     // examined
	score      int
}

// A span is a range lo <= key < hi of encoded index keys.
type span struct{ lo, hi string }

func (q *query) plan(c *collection) (*plan, error) {
	p := &plan{query: q, collection: c}
	hinted, err := q.hinted(c)
	if err != nil || c == nil || q.natural() {
		return p, err
	}
	if hinted != nil {
		p.use(hinted)
		return p, nil
	}
	best := p
	for _, x := range c.indexes {
		candidate := &plan{query: q, collection: c}
		candidate.use(x)
		if candidate.score > best.score {
			best = candidate
		}
	}
	if best.index == nil {
		best.planEither()
	}
	return best, nil
}

func (q *query) natural() bool {
	return q.hint.Type == tObject && field(q.hint.Data, "$natural").Type != 0
}

// hinted is the index that the client wants.
func (q *query) hinted(c *collection) (*index, error) {
	if q.hint.Type == 0 || q.natural() || q.hint.Type == tObject && len(q.hint.Data) == 5 {
		return nil, nil
	}
	if c == nil {
		return nil, nil
	}
	for _, x := range c.indexes {
		if q.hint.Type == tString && x.name == q.hint.StringValue() || q.hint.Type == tObject && encode(q.hint) == encode(documentValue(x.spec)) {
			return x, nil
		}
	}
	return nil, badValue("error processing query: ns=%s planner returned error :: caused by :: hint provided does not correspond to an existing index", c.ns)
}

// planEither plans each branch of a single $or for itself.
func (p *plan) planEither() {
	for _, pr := range p.query.predicates {
		if pr.op != "$or" {
			continue
		}
		var branches []*plan
		for _, sub := range pr.subs {
			q := &query{predicates: sub.subs}
			b, err := q.plan(p.collection)
			if err != nil || b.index == nil && b.either == nil {
				branches = nil
				break
			}
			branches = append(branches, b)
		}
		if branches != nil {
			p.either, p.dedup = branches, true
			return
		}
	}
}

// use plans with one index.
func (p *plan) use(x *index) {
	p.index, p.dedup = x, len(x.multikey) > 0
	prefixes := []span{{}}
	points := 0
	var group *predicate
	bounded := false
	for i := range x.fields {
		var ranges []span
		ranges, group = x.ranges(i, p.query.predicates, group, bounded)
		if ranges == nil || len(prefixes)*len(ranges) > 10_000 {
			break
		}
		bounded = true
		exact := !slices.ContainsFunc(ranges, func(s span) bool { return s.hi != s.lo+"\xff" })
		prefixes = product(prefixes, ranges)
		if !exact {
			p.score++
			break
		}
		p.score += 2
		if points++; len(prefixes) > 1 {
			p.score-- // several points are less than one
		}
	}
	p.bounds = p.bound(prefixes, bounded)
	p.order(points, len(prefixes) <= 1)
	if p.sorted && len(p.query.sort) > 0 {
		p.score++
	}
}

func (p *plan) bound(prefixes []span, bounded bool) []span {
	if !bounded {
		return []span{{}}
	}
	slices.SortFunc(prefixes, func(a, b span) int { return strings.Compare(a.lo, b.lo) })
	merged := prefixes[:0]
	for _, s := range prefixes {
		if n := len(merged); n > 0 && s.lo < merged[n-1].hi {
			merged[n-1].hi = max(merged[n-1].hi, s.hi)
			continue
		}
		if s.lo < s.hi {
			merged = append(merged, s)
		}
	}
	return merged
}

// product appends ranges to prefixes. A prefix that is a point has an empty hi.
func product(prefixes, ranges []span) []span {
	var all []span
	for _, a := range prefixes {
		for _, b := range ranges {
			lo := strings.TrimSuffix(a.hi, "\xff")
			if a.hi == "" {
				lo = a.lo
			}
			all = append(all, span{lo + b.lo, lo + b.hi})
		}
	}
	return all
}

// order looks whether the index gives the order of the query, read forward or
// backward, after a number of fields with one value each.
func (p *plan) order(points int, single bool) {
	want := p.query.sort
	x := p.index
	if len(want) == 0 {
		return
	}
	fixed := map[string]bool{}
	rest := x.fields
	if single {
		for _, f := range x.fields[:points] {
			fixed[f.name] = !x.isMultikey(f)
		}
		rest = x.fields[points:]
	}
	direction := 0
	for _, w := range want {
		if fixed[w.name] {
			continue
		}
		if len(rest) == 0 || rest[0].name != w.name || x.isMultikey(rest[0]) {
			return
		}
		d := 1
		if rest[0].desc != w.desc {
			d = -1
		}
		if direction != 0 && d != direction {
			return
		}
		direction, rest = d, rest[1:]
	}
	p.sorted, p.backward = true, direction < 0
}

// isMultikey says whether some document has an array on the path of a field.
func (x *index) isMultikey(f indexField) bool { return len(x.arraysOn(f)) > 0 }

// arraysOn are the places on the path of a field where documents have arrays.
func (x *index) arraysOn(f indexField) []string {
	path := "." + f.name
	return slices.DeleteFunc(slices.Clone(x.multikey), func(m string) bool { return path != m && !strings.HasPrefix(path, m+".") })
}

// scan calls visit with record numbers in the order of the plan.
func (p *plan) scan(visit func(uint64) bool) {
	switch {
	case p.either != nil:
		for _, b := range p.either {
			stopped := false
			b.scan(func(r uint64) bool {
				stopped = !visit(r)
				return !stopped
			})
			p.keys += b.keys
			if stopped {
				return
			}
		}
	case p.index == nil:
		p.collection.records.ascend("", "", func(key string, _ document) bool { return visit(recordOf(key)) })
	default:
		p.scanIndex(visit)
	}
}

func (p *plan) scanIndex(visit func(uint64) bool) {
	entry := func(_ string, r uint64) bool {
		p.keys++
		return visit(r)
	}
	for i := range p.bounds {
		if p.backward {
			b := p.bounds[len(p.bounds)-1-i]
			if !p.index.entries.descend(b.lo, b.hi, entry) {
				return
			}
			continue
		}
		if b := p.bounds[i]; !p.index.entries.ascend(b.lo, b.hi, entry) {
			return
		}
	}
}
