package search

import (
	"strings"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// view is what is certain of the visibility of a type. What is neither shown nor hidden is
// judged row by row; no set has what is judged by itself.
type view struct {
	shown, hidden set
	open          set          // what is not hidden, for who sees little; hidden is not known then
	sight         *store.Sight // if it says all of that
	splits        []division   // of what is judged row by row
	within        set          // what alone is certainly shown, by splits; nil for everything
}

// narrow says that most of the type is hidden.
func (v *view) narrow() bool { return v.open != nil }

// leaves is what of some resources is not hidden.
func (v *view) leaves(of set) set {
	if v.narrow() {
		return within(of, v.open)
	}
	return without(of, v.hidden)
}

// hides is what of some resources is hidden.
func (v *view) hides(of set) set {
	if v.narrow() {
		return without(of, v.open)
	}
	return within(of, v.hidden)
}

// isHidden says whether a resource that there is is hidden.
func (v *view) isHidden(place int64) bool {
	if v.narrow() {
		return !contains(v.open, place)
	}
	return contains(v.hidden, place)
}

// view gives what a Sight says of a type in sets.
func (x *searcher) view(typ string) (v view, err error) {
	if v, known := x.views[typ]; known {
		return v, nil
	}
	switch {
	case x.visible == nil:
		v, err = x.evaluate(typ, &store.Sight{Free: store.Shown, Rest: store.Shown})
	case x.sight != nil:
		var s *store.Sight
		if s, err = x.sight(typ, x.Epoch); err == nil && s != nil {
			v, err = x.evaluate(typ, s)
			v.sight = s
		}
	}
	if err != nil {
		return v, err
	}
	if v, err = x.require(typ, v); err != nil {
		return v, err
	}
	if x.views == nil {
		x.views = map[string]view{}
	}
	x.views[typ] = v
	return v, nil
}

// evaluate makes sets of a Sight: of what is shown, and of what is hidden or, if that is the
// rest, of what is not.
func (x *searcher) evaluate(typ string, s *store.Sight) (v view, err error) {
	if s.Free == store.ByRow && s.Rest == store.ByRow && len(s.Groups) == 0 && !s.Marked() {
		return v, nil
	}
	sure := map[store.Sure]set{}
	add := func(is store.Sure, places set) { sure[is] = union(sure[is], places) }
	for i := range s.Groups {
		g := &s.Groups[i]
		if g.Is == s.Rest && g.Split == nil || len(g.Patients) == 0 {
			continue
		}
		places, err := x.group(typ, g)
		if err != nil {
			return v, err
		}
		add(g.Is, places)
		v.divide(g, places)
	}
	free, err := x.gathered(typ, search.HasKey{Key: search.FreeKey})
	if err != nil {
		return v, err
	}
	apart := union(sure[store.Shown], sure[store.Hidden], sure[store.ByRow], free) // what is not of the rest
	add(s.Free, free)
	single, err := x.gathered(typ, search.HasKey{Key: search.RowKey})
	if err != nil {
		return v, err
	}
	if s.Rest == store.Hidden {
		v.open = union(sure[store.Shown], sure[store.ByRow])
	} else if s.Rest == store.Shown {
		live, err := x.live(typ)
		if err != nil {
			return v, err
		}
		sure[store.Shown] = union(sure[store.Shown], without(live, apart))
	}
	v.shown, v.hidden = sure[store.Shown], sure[store.Hidden]
	if s.Marked() {
		err = x.constrain(typ, s, &v)
	}
	if v.narrow() {
		v.open = union(v.open, single)
	}
	v.shown, v.hidden = without(v.shown, single), without(v.hidden, single)
	for i := range v.splits {
		v.splits[i].places = without(v.splits[i].places, single)
	}
	return v, err
}

// constrain hides what the marks of a Sight hide.
func (x *searcher) constrain(typ string, s *store.Sight, v *view) error {
	hides, err := x.barred(typ, s.Barred)
	if err != nil {
		return err
	}
	live, err := x.live(typ)
	if err != nil {
		return err
	}
	for _, mark := range s.Needed {
		marked, err := x.gathered(typ, search.HasKey{Key: mark})
		if err != nil {
			return err
		}
		hides = union(hides, without(live, marked))
	}
	v.shown = without(v.shown, hides)
	if v.narrow() {
		v.open = without(v.open, hides)
	} else {
		v.hidden = union(v.hidden, hides)
	}
	return nil
}

// barred is what has one of some marks.
func (x *searcher) barred(typ string, marks []string) (set, error) {
	if len(marks) == 0 {
		return noPlaces(), nil
	}
	return x.kept(typ, marked(marks), func(to Sink) error {
		live, err := x.live(typ)
		if err != nil {
			return err
		}
		for begin, rests := range byBeginning(marks) {
			if err := x.Joined(typ, begin, rests, int64(live.GetCardinality()), to); err != nil {
				return err
			}
		}
		return nil
	})
}

// byBeginning are marks by what the keys of their kind begin with, in order.
func byBeginning(marks []string) map[string][]string {
	all := map[string][]string{}
	for _, m := range marks {
		begin := search.RowKey
		if search.IsRuled(m) {
			begin = m[:strings.IndexByte(m, '=')+1]
		}
		all[begin] = append(all[begin], m[len(begin):])
	}
	return all
}

// group is what is in the compartments of a group's patients.
func (x *searcher) group(typ string, g *store.Group) (set, error) {
	return x.kept(typ, member{g}, func(to Sink) error {
		live, err := x.live(typ)
		if err != nil {
			return err
		}
		return x.Joined(typ, search.CompartmentKey(""), g.Patients, int64(live.GetCardinality()), to)
	})
}

// matching are the places of a type for a condition, and what is certain of them.
type matching struct {
	bounds     // of the condition
	view       // of the type
	sure   set // matches, and is visible
	unsure set // what may match and may be visible, but for sure
	typ    string
	where  []search.Condition
}

// matching finds all that may match.
func (x *searcher) matching(typ string, where search.Condition) (m matching, err error) {
	m.typ, m.where = typ, byRank(where)
	if m.bounds, err = x.bounds(typ, where); err != nil || m.upper.GetCardinality() <= uint64(x.Patience.Few) {
		m.sure, m.unsure = noPlaces(), m.upper
		return m, err // to look at them is cheaper than to ask what is certain
	}
	if m.view, err = x.view(typ); err != nil {
		return m, err
	}
	m.part()
	return m, x.split(&m)
}

// part parts what matches by what is certain of it.
func (m *matching) part() {
	m.sure = within(m.lower, m.shown)
	m.unsure = without(m.leaves(m.upper), m.sure)
}

// judge says of a row of upper whether it matches and whether it is visible, and looks at
// no more of it than is not certain.
func (x *searcher) judge(m *matching, r *Row) (matches, visible bool, err error) {
	if r.Deleted || r.Ref.Type != m.typ {
		return false, false, nil
	}
	if !contains(m.lower, r.Place) {
		if matches, err := x.holdsAll(m.where, r); err != nil || !matches {
			return false, false, err
		}
	}
	switch {
	case m.isHidden(r.Place):
		return true, false, nil
	case contains(m.shown, r.Place):
		return true, true, nil
	}
	visible, err = x.sees(r)
	return true, visible, err
}

// visibleOf gives all visible resources of a type for which a condition holds.
func (x *searcher) visibleOf(typ string, where search.Condition) (set, error) {
	m, err := x.matching(typ, where)
	if err != nil || m.unsure.IsEmpty() {
		return m.sure, err
	}
	all := m.sure.Clone()
	return all, x.judgeUnsure(&m, func(r *Row, visible bool) error {
		if visible {
			all.Add(uint64(r.Place))
		}
		return nil
	})
}

// judgeUnsure visits the matches that are not certainly visible or hidden. Of those that
// certainly match it reads only what tells whether they are visible: if the visibility
// function requires something of the resource, that is all.
func (x *searcher) judgeUnsure(m *matching, visit func(r *Row, visible bool) error) error {
	judge := func(r *Row) error {
		matches, visible, err := x.judge(m, r)
		if err != nil || !matches {
			return err
		}
		return visit(r, visible)
	}
	briefly := x.readBriefly
	if required, err := x.required(m.typ); err != nil {
		return err
	} else if required.is {
		briefly = x.read
	}
	if err := briefly(m.typ, within(m.unsure, m.lower), judge); err != nil {
		return err
	}
	return x.read(m.typ, without(m.unsure, m.lower), judge)
}
