package search

import (
	"slices"

	"github.com/aceso-health/aceso/store"
)

// division is resources of which a Split tells what is certain.
type division struct {
	places set
	*store.Split
}

// divide adds what a group's Split tells apart.
func (v *view) divide(g *store.Group, places set) {
	if g.Is != store.ByRow || g.Split == nil {
		return
	}
	i := slices.IndexFunc(v.splits, func(d division) bool { return d.Name == g.Split.Name })
	if i < 0 {
		v.splits = append(v.splits, division{places, g.Split})
		return
	}
	v.splits[i].places = union(v.splits[i].places, places)
}

// answered is the subject of a set of resources by what a Split says of them, as far as it
// was asked: one that has changed is asked again.
type answered struct {
	split string
	is    string
}

func (a answered) name() string         { return a.is + " by " + a.split }
func (answered) has(*Row) (bool, error) { return false, nil }

// split moves to what is certain of a matching what Splits say of its resources.
func (x *searcher) split(m *matching) error {
	shown, hidden := noPlaces(), noPlaces()
	for _, d := range m.splits {
		open := within(m.unsure, d.places)
		if open.IsEmpty() {
			continue
		}
		a, err := x.answers(m.typ, d.Split, open)
		if err != nil {
			return err
		}
		shown.Or(within(a.shown, open))
		hidden.Or(within(a.hidden, open))
	}
	if m.within != nil {
		shown = within(shown, m.within)
	}
	m.shown = union(m.shown, shown)
	if m.narrow() {
		m.open = without(m.open, hidden)
	} else {
		m.hidden = union(m.hidden, hidden)
	}
	m.part()
	return nil
}

// told is what a Split has said so far: of some resources, that they are shown or hidden;
// all others of asked are judged.
type told struct{ asked, shown, hidden set }

// answers asks a Split about resources, unless that is kept.
func (x *searcher) answers(typ string, by *store.Split, of set) (t told, err error) {
	e, err := x.edition(typ)
	if err != nil {
		return t, err
	}
	parts := map[string]*set{"asked": &t.asked, "shown": &t.shown, "hidden": &t.hidden}
	for is, part := range parts {
		k := e.sets[answered{by.Name, is}.name()]
		if k == nil { // never asked, or a part is forgotten
			t = told{noPlaces(), noPlaces(), noPlaces()}
			break
		}
		x.use(k)
		*part = k.set
	}
	rest := without(of, t.asked)
	if rest.IsEmpty() {
		return t, nil
	}
	t = told{t.asked.Clone(), t.shown.Clone(), t.hidden.Clone()}
	err = x.readBriefly(typ, rest, func(r *Row) error { return t.ask(by, r) })
	for is, part := range parts {
		of := answered{by.Name, is}
		k := &keptSet{set: *part, of: of, size: int((*part).GetSizeInBytes()) + 2*len(of.name()), passing: x.Sets == nil}
		x.hold(e, of.name(), k)
	}
	return t, err
}

func (t *told) ask(by *store.Split, r *Row) error {
	facts, err := r.Facts()
	if err != nil {
		return err
	}
	place := uint64(r.Place)
	t.asked.Add(place)
	switch by.Of(facts) {
	case store.Shown:
		t.shown.Add(place)
	case store.Hidden:
		t.hidden.Add(place)
	}
	return nil
}
