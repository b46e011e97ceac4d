package search

import (
	"cmp"
	"crypto/sha256"
	"iter"
	"slices"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// must is what the visibility function requires of the resources of a type, in sets.
type must struct {
	is bool // it requires something
	of requirement
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
		m.is, m.of = true, requirementOf(c)
		if m.bounds, err = x.boundsRequired(typ, m.of); err != nil {
			return m, err
		}
	}
	if x.musts == nil {
		x.musts = map[string]must{}
	}
	x.musts[typ] = m
	return m, nil
}

// requirement is what is required, as the subject of a set.
type requirement struct {
	condition
	id string
}

func requirementOf(c search.Condition) requirement {
	sum := sha256.Sum256([]byte(condition{c}.name()))
	return requirement{condition{c}, "required " + string(sum[:])}
}

func (r requirement) name() string { return r.id }

// itself says whether a row alone tells if it satisfies what is required.
func (r requirement) itself() bool { return itself(r.Condition) }

// boundsRequired are the bounds of what is required. Those who call with a scope ask for the
// same again and again: from the second time on its set is kept, however small it is.
func (x *searcher) boundsRequired(typ string, of requirement) (b bounds, err error) {
	e, err := x.edition(typ)
	if err != nil {
		return b, err
	}
	if k := e.sets[of.name()]; k != nil {
		x.use(k)
		return exactly(k.set), nil
	}
	b, err = x.bounds(typ, of.Condition)
	if err != nil || x.Sets == nil || !b.exact() || !of.itself() {
		return b, err
	}
	if looksUp(of.Condition) && b.upper.GetCardinality() >= uint64(x.Sets.Least) {
		return b, nil // it is kept as it is
	}
	if x.Sets.inVain(typ, of, 1) > 1 {
		x.Sets.notInVain(typ, of)
		x.hold(e, of.name(), &keptSet{set: b.upper, of: of, size: int(b.upper.GetSizeInBytes()) + 2*len(of.name())})
	}
	return b, nil
}

// mostRequired is how many sets and rankings of what is required are kept of a type: each of
// them costs the next search after a write.
const mostRequired = 64

// isRequirement says whether a subject is what is required, or a ranking of that.
func isRequirement(of subject) bool {
	if l, ranks := of.(sortedList); ranks {
		of = l.subject
	}
	_, is := of.(requirement)
	return is
}

// boundRequired forgets those of an edition that were not used for the longest time.
func (e *edition) boundRequired() {
	var names []string
	for name, k := range e.sets {
		if isRequirement(k.of) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(e.sets[a].used, e.sets[b].used) })
	for _, name := range names[:max(0, len(names)-mostRequired)] {
		delete(e.sets, name)
	}
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
	v.shown, v.sight = within(v.shown, m.lower), nil
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

// itself says whether a row alone tells if a condition holds.
func itself(c search.Condition) bool {
	switch c := c.(type) {
	case search.All:
		return !slices.ContainsFunc(c, func(m search.Condition) bool { return !itself(m) })
	case search.Any:
		return !slices.ContainsFunc(c, func(m search.Condition) bool { return !itself(m) })
	case search.Not:
		return itself(c.C)
	case search.Chain, search.Reverse:
		return false
	}
	return true
}
