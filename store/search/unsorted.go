package search

import (
	"iter"
	"math"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// unsorted passes a page in the order of creation. It judges some rows one by one and, if
// the page is not complete then and most of the type is hidden, leaves out what certainly is.
func (x *searcher) unsorted(q *search.Query, at cursor, out *collector) error {
	p, err := x.plan(q.Type, q.Where)
	if err != nil {
		return err
	}
	must, err := x.required(q.Type)
	switch {
	case err != nil:
		return err
	case must.is && x.Choice != JudgeAll:
		return x.pageWithin(q, p, must, at, out)
	case x.sight == nil || x.Choice == JudgeAll:
		return x.judgeAll(p, at, out)
	}
	rows, left, last := p.rows, x.Patience.Few+2*out.limit, at.Place
	p.rows = func(after int64) iter.Seq2[*Row, error] {
		return func(yield func(*Row, error) bool) {
			for r, err := range rows(after) {
				if left--; left < 0 && err == nil {
					return
				}
				if err == nil {
					last = r.Place
				}
				if !yield(r, err) {
					return
				}
			}
		}
	}
	if err := x.judgeAll(p, at, out); err != nil || left >= 0 || out.full() {
		return err
	}
	p.rows = rows
	if hidden, err := x.mostHidden(q.Type); err != nil {
		return err
	} else if hidden {
		return x.pageBySets(q, p, last, at, out)
	}
	return x.judgeFrom(p, last, at, out)
}

// pageBySets goes on after a place. Whom the hidden ones on the way are about is found out
// for the record, as if they had been read.
func (x *searcher) pageBySets(q *search.Query, p *plan, from int64, at cursor, out *collector) error {
	m, err := x.matching(q.Type, q.Where)
	if err != nil {
		return err
	}
	among := m.leaves(m.upper)
	p.rest, p.rows = m.where, func(after int64) iter.Seq2[*Row, error] { return x.among(q.Type, among, after) }
	if err := x.judgeFrom(p, from, at, out); err != nil {
		return err
	}
	return x.namePassed(&m, from, out)
}

// namePassed notes whom those hidden ones are about that a page has passed over.
func (x *searcher) namePassed(m *matching, from int64, out *collector) error {
	hidden := m.hides(m.upper)
	hidden.RemoveRange(0, uint64(from)+1)
	if out.full() {
		hidden.RemoveRange(uint64(out.kept[len(out.kept)-1].place)+1, math.MaxUint64)
	}
	return x.nameHidden(m, hidden)
}

// among reads the rows of a set after a place, in growing portions.
func (x *searcher) among(typ string, s set, place int64) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		for n := glance; ; n = min(2*n, readAtOnce) {
			places := after(s, place, n)
			if len(places) == 0 {
				return
			}
			place = places[len(places)-1]
			for r, err := range x.Rows(typ, places) {
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// mostHidden says whether most of a type is hidden, for all that is certain.
func (x *searcher) mostHidden(typ string) (bool, error) {
	if x.sight == nil {
		return false, nil
	}
	s, err := x.sight(typ, x.Epoch)
	return err == nil && s != nil && s.Rest == store.Hidden, err
}
