package search

import (
	"iter"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// counted passes all visible matches: of a few places row by row, of many by sets. What the
// page of a walk shows is found apart from them.
func (x *searcher) counted(q *search.Query, at cursor, out *collector) error {
	p, err := x.intersect(q.Type, byRank(q.Where), x.Patience.Few)
	if err != nil {
		return err
	}
	if p != nil {
		return x.judgeAll(p, at, out)
	}
	if len(out.sort) == 0 {
		return x.countBySets(q, at, out)
	}
	w := x.walker(q, at, out)
	if w == nil {
		if p, err = x.plan(q.Type, q.Where); err != nil {
			return err
		}
		return x.judgeAll(p, at, out)
	}
	total := &collector{count: true, at: at}
	if err := x.countBySets(q, at, total); err != nil {
		return err
	}
	before := out.total
	out.count = false
	err = w.page(q)
	out.count, out.total = true, before+total.total
	return err
}

// countBySets counts all matches, and passes those of one page to out.
func (x *searcher) countBySets(q *search.Query, at cursor, out *collector) error {
	m, err := x.matching(q.Type, q.Where)
	if err != nil {
		return err
	}
	if few := m.upper.GetCardinality(); few <= uint64(x.Patience.Few) {
		places := after(m.upper, 0, int(few))
		rows := func(int64) iter.Seq2[*Row, error] { return x.Rows(q.Type, places) }
		return x.judgeAll(&plan{typ: q.Type, rows: rows, rest: m.where}, at, out)
	}
	found, err := x.decide(&m)
	if err != nil {
		return err
	}
	if found, err = x.sinceThen(q.Type, found, at); err != nil {
		return err
	}
	out.total += int64(found.GetCardinality())
	return x.showFrom(q.Type, found, at, out)
}

// decide gives the visible matches, and notes whom they and the hidden ones are about.
func (x *searcher) decide(m *matching) (set, error) {
	if err := x.name(m.typ, m.sure, &x.selected.visible, store.SelectedLimit); err != nil {
		return nil, err
	}
	found := m.sure
	if !m.unsure.IsEmpty() {
		found = found.Clone()
	}
	err := x.judgeUnsure(m, func(r *Row, visible bool) error {
		if visible {
			found.Add(uint64(r.Place))
		}
		return x.selected.add(r, visible)
	})
	if err != nil {
		return nil, err
	}
	return found, x.nameHidden(m, m.hides(m.upper))
}

// counting counts rows as they are read.
func (x *searcher) counting(rows iter.Seq2[*Row, error]) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		for r, err := range rows {
			if err == nil {
				err = x.count()
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// sinceThen leaves out what did not exist when a walk began.
func (x *searcher) sinceThen(typ string, found set, at cursor) (set, error) {
	if at.Place == 0 {
		return found, nil
	}
	rows, is, err := x.Since(typ, at.Mark, mostSince)
	if err != nil {
		return nil, err
	}
	written := placesOf(rows)
	if is != Known { // each of them may have been
		written = found
	}
	found = found.Clone()
	err = x.read(typ, within(written, found), func(r *Row) error {
		then, err := x.Then(r, at.Mark)
		if err == nil && (then == nil || then.Deleted) {
			found.Remove(uint64(r.Place))
		}
		return err
	})
	return found, err
}

// mostSince is after how many writes it is cheaper to look at all matches.
const mostSince = 10_000

// showFrom passes the page that begins after a place.
func (x *searcher) showFrom(typ string, found set, at cursor, out *collector) error {
	for place := at.Place; out.limit > 0 && out.wants(place); {
		places := after(found, place, min(out.limit+1, readAtOnce))
		if len(places) == 0 {
			return nil
		}
		place = places[len(places)-1]
		for r, err := range x.counting(x.Rows(typ, places)) {
			if err != nil {
				return err
			}
			visible, err := x.sees(r)
			if err != nil {
				return err
			}
			if visible && out.wants(r.Place) {
				out.insert(match{row: r, place: r.Place})
			}
		}
	}
	return nil
}

// namedFirst is of how many it is read at first whose they are.
const namedFirst = 64

// name notes the patients of a set, without what is judged by itself, up to limit. It looks
// at some resources, leaves out all of their patients', and goes on with the rest.
func (x *searcher) name(typ string, of set, to *distinct, limit int) error {
	if of.IsEmpty() || len(to.list) >= limit {
		return nil
	}
	free, err := x.gathered(typ, search.HasKey{Key: search.FreeKey})
	if err != nil {
		return err
	}
	live, err := x.live(typ)
	if err != nil {
		return err
	}
	rest, first, most := without(of, free), namedFirst, limit+limit/10
	if rest.GetCardinality() > uint64(50*limit) {
		first = most // they are probably many patients'
	}
	for n := first; !rest.IsEmpty(); n = min(4*n, most) {
		patients, err := x.patientsOf(typ, rest, sample(rest, n), to)
		if err != nil || len(to.list) >= limit {
			return err
		}
		theirs, err := x.joined(typ, search.CompartmentKey(""), patients, live)
		if err != nil {
			return err
		}
		rest = without(rest, theirs)
	}
	return nil
}
