package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// testAt: at each time the version that was current then is found, as it was: without the
// labels and patients of later ones, also if it was a tombstone or is purged now.
func testAt(w *world) {
	g := newGenerator(605, 6)
	ben := fhir.Ref{Type: "Patient", ID: "ben"}
	for i := range int64(12) { // ten and more: versions are numbers, not words
		v := g.write(anna, i, w.tick())
		v.Facts.Labels, v.Facts.Patients = []fhir.Coding{{System: "n", Code: string(rune('a' + i))}}, []string{"Patient/" + string(rune('a'+i))}
		w.commit(v)
	}
	w.commit(g.write(ben, 0, w.tick()))
	gone := w.tick()
	w.commit(tombstone(w.get(anna), gone))
	versions := w.model.versions
	for _, at := range versions {
		for _, d := range []time.Duration{-time.Millisecond, 0, time.Millisecond / 2, time.Millisecond} {
			w.wantAt(anna, at.LastUpdated.Add(d), versions)
			w.wantAt(ben, at.LastUpdated.Add(d), versions)
		}
	}
	if v, err := w.store.GetAt(w.Context(), anna, gone); err != nil || !v.Deleted {
		w.Errorf("deleted: %+v, %v", v, err)
	}
	c := w.purging(ben)
	r, err := w.purge(c)
	w.check(err)
	v, err := w.store.GetAt(w.Context(), ben, gone)
	if by := ledgerbridge.Place(r.Source, r.Seq); err != nil || v.Purged != by || v.Body != nil || !v.Deleted {
		w.Errorf("purged by %s: %+v, %v", by, v, err)
	}
}

func (w *world) wantAt(ref fhir.Ref, at time.Time, versions []stored) {
	w.Helper()
	var want *stored
	for i := range versions {
		if v := &versions[i]; v.Ref == ref && v.LastUpdated.UnixMilli() <= at.UnixMilli() && (want == nil || v.Version.Version > want.Version.Version) {
			want = v
		}
	}
	got, err := w.store.GetAt(w.Context(), ref, at)
	switch {
	case want == nil:
		if !errors.Is(err, store.ErrNotFound) {
			w.Errorf("%s at %s: %+v, %v", ref, at, got, err)
		}
	case err != nil || got.Version != want.Version.Version || got.Hash != want.Hash || string(got.Body) != string(want.Body) ||
		!slices.Equal(got.Facts.Labels, want.Facts.Labels) || !slices.Equal(got.Facts.Patients, want.Facts.Patients) || got.Facts.Later != nil:
		w.Errorf("%s at %s: version %d %+v, %v; want %d %+v", ref, at, got.Version, got.Facts, err, want.Version.Version, want.Facts)
	}
}
