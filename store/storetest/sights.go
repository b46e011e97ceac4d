package storetest

import (
	"fmt"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// sighted makes a visibility function that keeps to a Sight, and the Sight. What the Sight
// leaves open is judged by rule.
func (a *asker) sighted(rule store.Visible) (store.Visible, store.Sights) {
	sights := map[string]*store.Sight{}
	of := func(typ string) *store.Sight {
		if sights[typ] == nil {
			sights[typ] = a.sight()
		}
		return sights[typ]
	}
	for _, typ := range wardTypes { // queries must not change what comes next
		of(typ)
	}
	visible := func(r store.Row) (bool, error) {
		switch of(r.Ref.Type).Of(r.Facts, r.Owner) {
		case store.Hidden:
			return false, nil
		case store.Shown:
			return true, nil
		}
		return rule(r)
	}
	return visible, func(typ string, _ int64) (*store.Sight, error) { return of(typ), nil }
}

// sight puts patients into groups.
func (a *asker) sight() *store.Sight {
	s := &store.Sight{Free: a.sure(), Rest: a.sure(), Groups: make([]store.Group, a.IntN(4))}
	if a.IntN(4) == 0 {
		s.Barred = []string{search.LabelMark(fhir.Coding{System: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", Code: "R"}), search.LabelMark(fhir.Coding{System: "x", Code: "V"})}
	}
	if a.IntN(4) == 0 {
		s.Needed = append(s.Needed, search.OwnerMark(Organization))
	}
	if a.IntN(8) == 0 {
		s.Needed = append(s.Needed, search.AuthorMark("Organization/r1"))
	}
	for i := range s.Groups {
		s.Groups[i].Is = a.sure()
	}
	for i := range a.ids {
		if n := a.IntN(2 * (len(s.Groups) + 1)); n < len(s.Groups) {
			s.Groups[n].Patients = append(s.Groups[n].Patients, fmt.Sprint("Patient/r", i))
		}
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		slices.Sort(g.Patients)
		g.Name = fmt.Sprint(g.Patients)
		if g.Is == store.ByRow && a.IntN(2) == 0 {
			g.Split = a.split()
		}
	}
	return s
}

// split tells resources apart by how many codes they have.
func (a *asker) split() *store.Split {
	of := [3]store.Sure{a.sure(), a.sure(), a.sure()}
	return &store.Split{Name: fmt.Sprint(of), Of: func(f *fhir.Facts) store.Sure { return of[len(f.Codes)%len(of)] }}
}

func (a *asker) sure() store.Sure {
	return []store.Sure{store.ByRow, store.Hidden, store.Shown}[a.IntN(3)]
}

// selected are the patients of what a query matches, seen and hidden, sorted.
func (m *model) selected(q *search.Query, visible store.Visible) (seen, hidden []string) {
	v := m.seenBy(visible)
	for _, s := range m.current() {
		h := search.Holder{Ref: s.Ref, Index: s.index}
		if !v.matches(q, h) {
			continue
		}
		if _, shown := v.rows[s.Ref]; shown {
			seen = append(seen, s.Facts.Patients...)
		} else {
			hidden = append(hidden, s.Facts.Patients...)
		}
	}
	return distinct(seen), distinct(hidden)
}

func distinct(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
