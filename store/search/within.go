package search

import (
	"iter"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// must is what the visibility function requires of the resources of a type, in sets.
type must struct {
	is bool // it requires something
	bounds
}

// required is what the visibility function requires of a type.
func (x *searcher) required(typ string) (m must, err error) {
	if x.within == nil || x.visible == nil {
		return m, nil
	}
	if m, known := x.musts[typ]; known {
		return m, nil
	}
	if c := x.within(typ); c != nil {
		m.is = true
		if m.bounds, err = x.bounds(typ, c); err != nil {
			return m, err
		}
	}
	if x.musts == nil {
		x.musts = map[string]must{}
	}
	x.musts[typ] = m
	return m, nil
}

// sees asks the visibility function about a current row, unless it is certainly hidden.
func (x *searcher) sees(r *Row) (bool, error) {
	m, err := x.required(r.Ref.Type)
	if err != nil {
		return false, err
	}
	if m.is && !contains(m.upper, r.Place) {
		return false, nil
	}
	return seesWithin(x.visible, r, x.Epoch, m.is && contains(m.lower, r.Place))
}

// pageWithin passes a page without reading what does not satisfy what is required.
func (x *searcher) pageWithin(q *search.Query, p *plan, must must, at cursor, out *collector) (err error) {
	m := matching{typ: q.Type, where: byRank(q.Where)}
	rest := m.where
	if p.places == nil {
		if m.bounds, err = x.bounds(q.Type, q.Where); err != nil {
			return err
		}
	} else {
		rest = p.rest
		m.bounds = bounds{noPlaces(), setOf(p.places)}
		if len(rest) == 0 {
			m.lower = m.upper
		}
	}
	among := within(m.upper, must.upper)
	m.hidden = without(m.upper, must.upper)
	from := at.Place
	if out.needsAll() {
		from = 0
	}
	page := &plan{typ: q.Type, rest: rest, sure: m.lower, rows: func(after int64) iter.Seq2[*Row, error] { return x.among(q.Type, among, after) }}
	if err := x.judgeFrom(page, from, at, out); err != nil {
		return err
	}
	return x.namePassed(&m, from, out)
}

// require leaves out of what is certain what does not satisfy what is required: that is
// hidden, and what may not is not certainly shown.
func (x *searcher) require(typ string, v view) (view, error) {
	m, err := x.required(typ)
	if err != nil || !m.is {
		return v, err
	}
	v.shown, v.sight, v.within = within(v.shown, m.lower), nil, m.lower
	if v.narrow() {
		v.open = within(v.open, m.upper)
		return v, nil
	}
	live, err := x.live(typ)
	v.hidden = union(v.hidden, without(live, m.upper))
	return v, err
}

// withContent lets versions tell what they hold.
func withContent(versions []store.Version, rows []*Row) {
	for i := range versions {
		versions[i].Content = rows[i]
	}
}
