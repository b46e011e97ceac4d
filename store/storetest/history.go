package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// history is what the model expects, newest first.
func (m *model) history(h store.History) []stored {
	var all []stored
	for i, v := range m.versions {
		if h.Type != "" && h.Type != v.Ref.Type || h.ID != "" && h.ID != v.Ref.ID {
			continue
		}
		if v.LastUpdated.Before(h.Since) {
			continue
		}
		until := h.Until
		if until.IsZero() {
			until = h.At.Add(time.Millisecond)
		}
		if !h.At.IsZero() && (!v.LastUpdated.Before(until) || !m.end(i).After(h.At)) {
			continue
		}
		v.Facts = m.protected(i)
		if sees(h.Visible, v) {
			all = append(all, v)
		}
	}
	slices.Reverse(all)
	return all
}

// end is when a version was replaced.
func (m *model) end(i int) time.Time {
	for _, v := range m.versions[i+1:] {
		if v.Ref == m.versions[i].Ref {
			return v.LastUpdated
		}
	}
	return time.Unix(1<<40, 0)
}

// protected are the facts of a version with the patients and labels of later ones, and what
// those lead to.
func (m *model) protected(i int) fhir.Facts {
	f := m.versions[i].Facts
	f.Labels, f.Patients, f.Loose = slices.Clone(f.Labels), slices.Clone(f.Patients), len(f.Patients) == 0
	for _, v := range m.versions[i+1:] {
		if v.Ref != m.versions[i].Ref {
			continue
		}
		for _, l := range v.Facts.Labels {
			if !slices.Contains(f.Labels, l) {
				f.Labels = append(f.Labels, l)
			}
		}
		f.Patients = append(f.Patients, v.Facts.Patients...)
		f.Later = slices.Concat(f.Later, v.Facts.References, v.Facts.Contents)
		f.Loose = f.Loose || len(v.Facts.Patients) == 0
	}
	for j := len(m.versions) - 1; j > i; j-- {
		if v := m.versions[j]; v.Ref == m.versions[i].Ref {
			f.LaterCodes = store.Union(f.LaterCodes, v.Facts.Codes)
		}
	}
	slices.Sort(f.Later)
	f.Later = slices.Compact(f.Later)
	slices.Sort(f.Patients)
	f.Patients = slices.Compact(f.Patients)
	return f
}

// walkHistory reads all pages and compares.
func (w *world) walkHistory(h store.History) {
	w.Helper()
	want := w.model.history(h)
	var got []store.Version
	for {
		page, err := w.store.History(w.Context(), h)
		w.check(err)
		got = append(got, page.Matches...)
		if h.Count && page.Total != int64(len(want)) {
			w.Errorf("total %d, want %d", page.Total, len(want))
		}
		if page.Next == nil {
			break
		}
		h.After = page.Next
	}
	if len(got) != len(want) {
		w.Fatalf("history %+v: %d versions, want %d", h, len(got), len(want))
	}
	for i := range got {
		slices.Sort(got[i].Facts.Patients)
		w.same(got[i], want[i])
	}
}

func testHistory(w *world) {
	g := newGenerator(600, 8)
	w.fill(g)
	w.fill(g)
	for _, visible := range callers {
		w.walkHistory(store.History{Visible: visible, Limit: 1000, Count: true})
		for _, typ := range types {
			w.walkHistory(store.History{Type: typ, Visible: visible, Limit: 1000, Count: true})
			w.walkHistory(store.History{Type: typ, ID: g.ref(typ).ID, Visible: visible, Limit: 1000, Count: true})
		}
	}
	w.walkHistory(store.History{Type: "Patient", ID: "nobody", Limit: 10, Count: true})
	w.walkHistory(store.History{Type: "Device", Limit: 10, Count: true})
}

func testHistoryPages(w *world) {
	g := newGenerator(601, 8)
	w.fill(g)
	for _, limit := range []int{1, 4, 9} {
		w.walkHistory(store.History{Limit: limit, Visible: hideOthers, Count: true})
		w.walkHistory(store.History{Type: "Patient", Limit: limit})
	}
	h := store.History{Limit: 3}
	want := w.model.history(h)
	for i := 0; i < len(want); {
		page, err := w.store.History(w.Context(), h)
		w.check(err)
		for _, v := range page.Matches {
			w.same(v, stored{Version: v}) // only the identity counts here: labels may be added meanwhile
			if v.Ref != want[i].Ref || v.Version != want[i].Version.Version {
				w.Fatalf("version %d of the walk is %s/%d", i, v.Ref, v.Version)
			}
			i++
		}
		h.After = page.Next
		w.commit(g.write(fhir.Ref{Type: "Patient", ID: fmt.Sprintf("late%d", i)}, 0, w.tick()))
	}
}

func testHistoryTimes(w *world) {
	g := newGenerator(602, 6)
	w.fill(g)
	w.now = w.now.Add(-time.Minute) // the clock leaps back
	w.fill(g)
	for _, year := range []int{1, 1969, 2300, 9999} {
		w.walkHistory(store.History{Since: time.Date(year, 2, 3, 0, 0, 0, 0, time.UTC), Limit: 1000, Count: true})
	}
	for i := range 12 {
		at := w.model.versions[i*len(w.model.versions)/12].LastUpdated
		for _, d := range []time.Duration{-time.Millisecond, 0, time.Millisecond} {
			w.walkHistory(store.History{Since: at.Add(d), Limit: 1000, Count: true})
			w.walkHistory(store.History{Type: "Encounter", Since: at.Add(d), Limit: 5})
			w.walkHistory(store.History{At: at.Add(d), Limit: 7, Visible: hideOthers})
			w.walkHistory(store.History{Type: "Patient", ID: g.ref("Patient").ID, At: at.Add(d), Limit: 3})
			w.walkHistory(store.History{At: at.Add(d), Until: at.Add(d + time.Second), Limit: 7, Visible: hideOthers})
		}
	}
}

func testLaterLabels(w *world) {
	g := newGenerator(603, 6)
	open := g.write(anna, 0, w.tick())
	open.Facts.Labels, open.Facts.Patients = nil, []string{"Patient/anna"}
	w.commit(open)
	v, err := w.store.GetVersion(w.Context(), anna, 1)
	w.check(err)
	if len(v.Facts.Labels) != 0 {
		w.Fatalf("labels %v", v.Facts.Labels)
	}
	secret := g.write(anna, 1, w.tick())
	secret.Facts.Labels = []fhir.Coding{{System: "conf", Code: "R"}}
	secret.Facts.Patients = []string{"Patient/ben"}
	w.commit(secret)
	open.Expect, open.LastUpdated = 2, w.tick()
	w.commit(open)
	for n, labelled := range []bool{true, true, false} {
		v, err := w.store.GetVersion(w.Context(), anna, int64(n+1))
		w.check(err)
		if got := len(v.Facts.Labels) == 1; got != labelled {
			w.Errorf("version %d has labels %v", n+1, v.Facts.Labels)
		}
	}
	page, err := w.store.History(w.Context(), store.History{Type: "Patient", ID: "anna", Visible: hideRestricted, Limit: 10})
	w.check(err)
	if len(page.Matches) != 1 || page.Matches[0].Version != 3 {
		w.Errorf("the history shows %d versions", len(page.Matches))
	}
	first, err := w.store.GetVersion(w.Context(), anna, 1)
	w.check(err)
	if want := []string{"Patient/anna", "Patient/ben"}; !slices.Equal(first.Facts.Patients, want) {
		w.Errorf("patients of the first version %v, want %v", first.Facts.Patients, want)
	}
}

// testProtectedPages tests the rule where a store easily loses it: across pages, across
// a delete, with later versions left out, and with a label raised between two pages.
func testProtectedPages(w *world) {
	g := newGenerator(604, 6)
	ben := fhir.Ref{Type: "Patient", ID: "ben"}
	labelled := []fhir.Coding{{System: "conf", Code: "R"}}
	write := func(ref fhir.Ref, expect int64, labels []fhir.Coding, patient string) {
		v := g.write(ref, expect, w.tick())
		v.Facts.Labels, v.Facts.Patients = labels, []string{patient}
		w.commit(v)
	}
	write(ben, 0, nil, "Patient/ben")
	write(anna, 0, nil, "Patient/anna")
	shown := w.now
	w.commit(tombstone(w.get(anna), w.tick()))
	write(ben, 1, nil, "Patient/ben")
	write(anna, 2, labelled, "Patient/zoe")
	write(anna, 3, nil, "Patient/anna")
	for _, h := range []store.History{{}, {Type: "Patient"}, {Type: "Patient", ID: "anna"}, {Type: "Patient", ID: "anna", At: w.now}, {At: shown}} {
		for _, visible := range []store.Visible{nil, hideRestricted} {
			h.Limit, h.Visible = 1, visible
			w.walkHistory(h)
			h.Count = true
			w.walkHistory(h)
		}
	}
	for version := int64(1); version <= 3; version++ {
		v, err := w.store.GetVersion(w.Context(), anna, version)
		w.check(err)
		if !slices.Equal(v.Facts.Labels, labelled) || !slices.Contains(v.Facts.Patients, "Patient/zoe") {
			w.Errorf("version %d has labels %v and patients %v", version, v.Facts.Labels, v.Facts.Patients)
		}
	}
	h := store.History{Type: "Patient", ID: "ben", Visible: hideRestricted, Limit: 1}
	page, err := w.store.History(w.Context(), h)
	w.check(err)
	if len(page.Matches) != 1 || page.Next == nil {
		w.Fatalf("the first page has %d versions", len(page.Matches))
	}
	write(ben, 2, labelled, "Patient/ben")
	h.After = page.Next
	page, err = w.store.History(w.Context(), h)
	w.check(err)
	if len(page.Matches) != 0 {
		w.Error("a label that was raised between two pages does not protect the second")
	}
}
