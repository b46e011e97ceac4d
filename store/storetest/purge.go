package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// purging are the writes and purges that remove resources whole, as the gate makes them.
func (w *world) purging(refs ...fhir.Ref) (c store.Change) {
	w.Helper()
	for _, ref := range refs {
		now := w.get(ref)
		if !now.Deleted {
			t := tombstone(now, w.tick())
			t.Facts, t.Purge = store.Remains(&now.Facts, true), true
			c.Writes = append(c.Writes, t)
		}
		page, err := w.store.History(w.Context(), store.History{Type: ref.Type, ID: ref.ID, Limit: 1000, Purged: true})
		w.check(err)
		for _, v := range page.Matches {
			c.Purges = append(c.Purges, store.Purge{Ref: ref, Version: v.Version, Hash: v.Hash, Whole: true})
		}
	}
	return c
}

func (w *world) purge(c store.Change) (ledgerbridge.Receipt, error) {
	w.Helper()
	c.Plan, c.Entry = w.customs.Plan(), w.entry()
	return w.store.Commit(w.Context(), c)
}

// whole holds that the store's own check finds nothing.
func (w *world) whole() {
	w.Helper()
	s, checks := w.store.(interface {
		Check(context.Context, func(store.Finding) error) error
	})
	if !checks {
		w.Fatal("the store has no check")
	}
	w.check(s.Check(w.Context(), func(f store.Finding) error {
		w.Error(&f)
		return nil
	}))
}

var (
	zoe    = fhir.Ref{Type: "Patient", ID: "zoe"}
	weight = fhir.Ref{Type: "Observation", ID: "weight"}
	wish   = fhir.Ref{Type: "Consent", ID: "wish"}
	scan   = fhir.Ref{Type: "DocumentReference", ID: "scan"}
)

// patient commits a patient with an observation that was deleted, a Consent and a document.
func (w *world) patient() {
	w.Helper()
	for v := range int64(2) {
		w.commit(w.document(zoe.ID, v, `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"mrn-4711-%d"}],"name":[{"family":"Quagmire","given":["Zyxomma"]}]}`, v))
		w.commit(w.document(weight.ID, v, `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"3141-9"}],"text":"Zyxomma weighs"},"subject":{"reference":"Patient/zoe","display":"Quagmire"},"valueString":"%d"}`, v))
	}
	w.commit(tombstone(w.get(weight), w.tick()))
	w.commit(w.document(wish.ID, 0, `{"resourceType":"Consent","status":"active","scope":{"text":"x"},"category":[{"text":"Quagmire"}],"patient":{"reference":"Patient/zoe"}}`))
	w.commit(w.document(scan.ID, 0, `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/zoe"},"content":[{"attachment":{"url":"Binary/x","title":"Quagmire"}}]}`))
	w.commit(w.document("other", 0, `{"resourceType":"Patient","name":[{"family":"Quince"}]}`))
}

func testPurge(w *world) {
	w.patient()
	written := w.model.versions
	epoch := w.get(zoe).Epoch
	c := w.purging(zoe, weight, wish, scan)
	r, err := w.purge(c)
	w.check(err)
	by := ledgerbridge.Place(r.Source, r.Seq)
	for _, ref := range []fhir.Ref{zoe, weight, wish, scan} {
		if now := w.get(ref); !now.Deleted || len(now.Body) > 0 || !slices.Equal(now.Facts.Patients, []string{"Patient/zoe"}) || len(now.Facts.Logical)+len(now.Facts.Codes) > 0 {
			w.Errorf("%s is %+v", ref, now)
		}
	}
	if now := w.get(zoe); now.Epoch != epoch+1 {
		w.Errorf("the end of a Consent made epoch %d of %d", now.Epoch, epoch)
	}
	for _, p := range c.Purges {
		if _, err := w.store.GetVersion(w.Context(), p.Ref, p.Version); !errors.Is(err, store.ErrNotFound) {
			w.Errorf("%s version %d is read: %v", p.Ref, p.Version, err)
		}
	}
	w.shown(c, by, written)
	named, err := w.store.Naming(w.Context(), fhir.Ref{Type: "Binary", ID: "x"}, 10)
	w.check(err)
	if len(named) == 0 || slices.ContainsFunc(named, func(f *fhir.Facts) bool { return !slices.Equal(f.Patients, []string{"Patient/zoe"}) }) {
		w.Errorf("the Binary that was named is no longer the patient's: %d versions", len(named))
	}
	page, err := w.store.Search(w.Context(), store.Search{Query: w.parse("Patient?"), Limit: 10, Count: true, Visible: func(store.Row) (bool, error) { return true, nil }})
	w.check(err)
	if len(page.Matches) != 1 || page.Total != 1 {
		w.Errorf("%d patients are left, counted %d", len(page.Matches), page.Total)
	}
	w.whole()
	w.check(w.try(w.document(zoe.ID, 3, `{"resourceType":"Patient"}`)))
	w.whole()
}

// shown holds that histories leave purged versions out, and that their hashes stay.
func (w *world) shown(c store.Change, by string, written []stored) {
	w.Helper()
	hashes := map[string]fhir.Hash{}
	for _, v := range written {
		hashes[fmt.Sprint(v.Ref, v.Version.Version)] = v.Hash
	}
	all, err := w.store.History(w.Context(), store.History{Limit: 1000, Purged: true})
	w.check(err)
	purged := 0
	for _, v := range all.Matches {
		if v.Purged == "" {
			continue
		}
		purged++
		if v.Purged != by || v.Hash != hashes[fmt.Sprint(v.Ref, v.Version)] || len(v.Body) > 0 || !v.Deleted {
			w.Errorf("%s version %d: %+v", v.Ref, v.Version, v)
		}
	}
	if want := len(c.Purges) + len(c.Writes); purged != want {
		w.Errorf("%d versions are purged, want %d", purged, want)
	}
	seen, err := w.store.History(w.Context(), store.History{Limit: 1000, Count: true})
	w.check(err)
	for _, v := range seen.Matches {
		if v.Purged != "" {
			w.Errorf("a history shows %s version %d", v.Ref, v.Version)
		}
	}
	if want := len(all.Matches) - purged; len(seen.Matches) != want || seen.Total != int64(want) {
		w.Errorf("a history shows %d versions and counts %d, want %d", len(seen.Matches), seen.Total, want)
	}
}

func testPurgeOne(w *world) {
	label := `,"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}`
	for v, security := range []string{"", label, ""} {
		w.commit(w.document(weight.ID, int64(v), `{"resourceType":"Observation"%s,"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/zoe"}}`, security))
	}
	second := w.model.versions[1]
	_, err := w.purge(store.Change{Purges: []store.Purge{{Ref: weight, Version: 2, Hash: second.Hash}}})
	w.check(err)
	first, err := w.store.GetVersion(w.Context(), weight, 1)
	w.check(err)
	if len(first.Facts.Labels) != 1 {
		w.Errorf("the label of the purged version no longer protects the one before: %v", first.Facts.Labels)
	}
	page, err := w.store.History(w.Context(), store.History{Type: weight.Type, ID: weight.ID, Limit: 10, Count: true})
	w.check(err)
	if len(page.Matches) != 2 || page.Total != 2 {
		w.Errorf("the history shows %d versions, counts %d", len(page.Matches), page.Total)
	}
	w.whole()
	_, err = w.purge(w.purging(weight)) // also what was purged before
	w.check(err)
	w.whole()
}

func testPurgeChanged(w *world) {
	w.patient()
	now := w.get(zoe)
	for _, p := range []store.Purge{
		{Ref: zoe, Version: 2, Hash: now.Hash},                  // current
		{Ref: zoe, Version: 1, Hash: now.Hash},                  // another hash
		{Ref: zoe, Version: 9},                                  // not there
		{Ref: fhir.Ref{Type: "Patient", ID: "who"}, Version: 1}, // nor there
	} {
		_, err := w.purge(store.Change{Purges: []store.Purge{p}})
		w.wantChanged(err)
	}
	c := w.purging(zoe)
	c.Purges[0].Hash[0]++
	_, err := w.purge(c)
	w.wantChanged(err)
	if again := w.get(zoe); again.Deleted || again.Version != 2 {
		w.Errorf("a purge that failed left %+v", again)
	}
	w.whole()
}
