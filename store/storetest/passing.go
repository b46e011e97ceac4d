package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// backward makes a visibility function of past versions that keeps to a Sight, and the
// Sight: what somebody certainly hides hides all that was hers once. The rest is judged by
// rule, and so is what is certainly shown, for it may have been hidden.
func (a *asker) backward(rule store.Visible) (store.Visible, store.Sights) {
	sights := map[string]*store.Sight{}
	for _, typ := range wardTypes {
		s := a.sight()
		s.Barred, s.Needed = nil, nil
		for i := range s.Groups {
			s.Groups[i].Split = nil
		}
		sights[typ] = s
	}
	visible := func(r store.Row) (bool, error) {
		s := sights[r.Ref.Type]
		if s.Free == store.Hidden && (r.Facts.Loose || len(r.Facts.Patients) == 0) {
			return false, nil
		}
		for _, p := range r.Facts.Patients {
			if s.Of(&fhir.Facts{Type: r.Ref.Type, Patients: []string{p}}, "") == store.Hidden {
				return false, nil
			}
		}
		return rule(r)
	}
	return visible, func(typ string, _ int64) (*store.Sight, error) { return sights[typ], nil }
}

// testHistoryPasses reads histories of what is moved, deleted, made again and labelled.
func testHistoryPasses(w *world) {
	a := &asker{author: newAuthor(605, 40)}
	w.populate(a.author)
	shown := func(store.Row) (bool, error) { return true, nil }
	for i := range 12 {
		w.change(a.author, 10)
		h := store.History{Limit: []int{5, 20, 500, 500}[i%4], Count: a.once(2)}
		h.Visible, h.Sight = a.backward([]store.Visible{shown, hideLabelled, hideOthers}[i%3])
		at := w.model.versions[a.IntN(len(w.model.versions))].LastUpdated
		switch a.IntN(4) {
		case 0:
			h.Since = at
		case 1:
			h.At = at.Add(time.Duration(a.IntN(3)-1) * time.Millisecond)
		}
		if i%2 == 1 {
			w.walkHistory(h)
		}
		h.Type = a.pick(wardTypes)
		w.walkHistory(h)
	}
}

// mostJudged is how many versions of a type a history may judge in vain.
const mostJudged = 100

// testHistoryJudgesFew counts what is judged for a caller who sees one of 400 resources.
func testHistoryJudgesFew(w *world) {
	const resources, seen = 1200, 400
	g := newGenerator(606, 1)
	var writes []store.Write
	for i := range resources {
		v := g.write(fhir.Ref{Type: "Observation", ID: fmt.Sprint("o", i)}, 0, w.tick())
		v.Facts.Patients, v.Facts.References = []string{"Patient/others"}, nil
		if i%seen == 0 {
			v.Facts.Patients = []string{"Patient/anna"}
		}
		v.Index.Keys = []string{"_id=" + v.Ref.ID, search.CompartmentKey(v.Facts.Patients[0])}
		writes = append(writes, v)
	}
	for some := range slices.Chunk(writes, 100) {
		w.commit(some...)
	}
	sight := &store.Sight{Free: store.Hidden, Rest: store.Hidden, Groups: []store.Group{{Name: "anna", Is: store.Shown, Patients: []string{"Patient/anna"}}}}
	judged := 0
	h := store.History{Limit: 2, Sight: func(string, int64) (*store.Sight, error) { return sight, nil }}
	h.Visible = func(r store.Row) (bool, error) {
		judged++
		return slices.Contains(r.Facts.Patients, "Patient/anna"), nil
	}
	for _, typ := range []string{"Observation", ""} {
		for _, count := range []bool{false, true} {
			h.Type, h.Count, judged = typ, count, 0
			page, err := w.store.History(w.Context(), h)
			w.check(err)
			if len(page.Matches) != 2 || page.Next == nil || count && page.Total != resources/seen || judged > mostJudged {
				w.Errorf("%q: %d versions of %d, %d were judged", typ, len(page.Matches), page.Total, judged)
			}
		}
	}
}
