package search

import "github.com/aceso-health/aceso/fhir/search"

// matches passes all visible matches that the walk may still show to out. Those of several
// types come in one order: places are those of all types.
func (x *searcher) matches(q *search.Query, at cursor, out *collector) error {
	for _, part := range q.Parts() {
		one := *q
		one.Type, one.Where, one.Among = part.Type, part.Where, nil
		out.begin()
		if err := x.matchesOf(&one, at, out); err != nil {
			return err
		}
	}
	return nil
}

// matchesOf passes those of one type.
func (x *searcher) matchesOf(q *search.Query, at cursor, out *collector) error {
	if out.count {
		return x.counted(q, at, out)
	}
	if w := x.walker(q, at, out); w != nil {
		return w.page(q)
	}
	if !out.needsAll() && out.limit > 0 && !out.several {
		return x.unsorted(q, at, out)
	}
	p, err := x.plan(q.Type, q.Where)
	if err != nil {
		return err
	}
	return x.judgeAll(p, at, out)
}
