package audit

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// purge removes versions of patients, and deletes those that are there, by one entry.
func (a *archive) purge(interaction string, writes []store.Write, purges ...store.Purge) string {
	a.Helper()
	d := ledgerbridge.Draft{Interaction: interaction, Action: "D", Organization: "hospital", Outcome: 200, Decision: "permit"}
	var items []ledgerbridge.Item
	for _, w := range writes {
		items = append(items, ledgerbridge.Item{Ref: w.Ref.String(), Version: w.Expect + 1})
	}
	for _, p := range purges {
		items = append(items, p.Item())
	}
	d.Content = ledgerbridge.Content(interaction, items)
	pending, err := a.sealer.Prepare(a.Context(), d)
	if err != nil {
		a.Fatal(err)
	}
	r, err := a.Commit(a.Context(), store.Change{Writes: writes, Purges: purges, Entry: pending})
	if err != nil {
		a.Fatal(err)
	}
	return ledgerbridge.Place(r.Source, r.Seq)
}

// newPurged is a history of which two versions of a, and all of b and c, were purged.
func newPurged(t *testing.T) (a *archive, by string) {
	a = newHistory(t)
	c := a.patient("c", 1, "PUT")
	a.write("update", c)
	old := func(id string, version int64, method string) store.Purge {
		w := a.patient(id, version, method)
		return store.Purge{Ref: w.Ref, Version: version, Hash: w.Hash}
	}
	a.purge(ledgerbridge.Purge, nil, old("a", 1, "PUT"))
	gone := a.patient("c", 2, "DELETE")
	gone.Facts, gone.Purge = store.Remains(&c.Facts, true), true
	by = a.purge(ledgerbridge.Purge, []store.Write{gone}, old("c", 1, "PUT"), old("b", 1, "PUT"), old("b", 2, "DELETE"))
	return a, by
}

// TestVerifyKnowsWhatWasPurged finds nothing wrong with it, in all or since then, and finds
// everything that only pretends to have been purged.
func TestVerifyKnowsWhatWasPurged(t *testing.T) {
	a, by := newPurged(t)
	if got := a.findings(); got != "" {
		t.Fatalf("what was purged is a finding: %s", got)
	}
	b := fhir.Ref{Type: "Patient", ID: "b"}
	for name, c := range map[string]struct {
		edit func(*store.Version)
		want string
	}{
		"a version that pretends":        {func(v *store.Version) { purgedBy(v, "a", 2, by) }, "are not the versions that entry"},
		"by an entry of something else":  {func(v *store.Version) { purgedBy(v, "a", 2, strings.TrimRight(by, "0123456789")+"0") }, "which is about something else"},
		"by an entry that is not there":  {func(v *store.Version) { purgedBy(v, "a", 2, by+"99") }, "which cannot be read"},
		"by another log":                 {func(v *store.Version) { purgedBy(v, "a", 2, "hospital/n9/changes.0/1") }, "no entry of a change log"},
		"one that no longer says so":     {func(v *store.Version) { purgedBy(v, "b", 1, "") }, "holds bytes that are no FHIR resource"},
		"a purged version with a body":   {func(v *store.Version) { body(v, b, 1) }, "was purged and has content"},
		"a purged version, another hash": {func(v *store.Version) { hash(v, b, 1) }, "are not the versions that entry"},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := newPurged(t)
			a.edit = func(v store.Version) []store.Version {
				c.edit(&v)
				return []store.Version{v}
			}
			if got := a.findings(); !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

func purgedBy(v *store.Version, id string, version int64, by string) {
	if v.Ref.ID == id && v.Version == version {
		v.Purged, v.Deleted, v.Body = by, by != "", nil
	}
}

func body(v *store.Version, ref fhir.Ref, version int64) {
	if v.Ref == ref && v.Version == version {
		v.Body = []byte("{}")
	}
}

func hash(v *store.Version, ref fhir.Ref, version int64) {
	if v.Ref == ref && v.Version == version {
		v.Hash[0]++
	}
}

// TestAPurgeThatPurgedNothingIsFound: the entry says so, and all versions are there.
func TestAPurgeThatPurgedNothingIsFound(t *testing.T) {
	a, _ := newPurged(t)
	a.edit = func(v store.Version) []store.Version {
		if v.Ref.ID == "a" && v.Version == 1 {
			return nil
		}
		return []store.Version{v}
	}
	if got := a.findings(); !strings.Contains(got, "says that versions were purged, and none names it") {
		t.Errorf("found %q", got)
	}
}

// TestVerifyGoesOnAfterAPurge compares only what is new, and that is whole.
func TestVerifyGoesOnAfterAPurge(t *testing.T) {
	a := newHistory(t)
	told := func(f store.Finding) error { return fmt.Errorf("found %v", &f) }
	done, err := VerifyFrom(t.Context(), a, Progress{}, told)
	if err != nil {
		t.Fatal(err)
	}
	w := a.patient("a", 2, "PUT")
	by := a.purge(ledgerbridge.Purge, nil, store.Purge{Ref: w.Ref, Version: 2, Hash: w.Hash})
	if done, err = VerifyFrom(t.Context(), a, done, told); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(done.Purged, map[string]int{by: 1}) {
		t.Errorf("counted %v, want one version by %s", done.Purged, by)
	}
	if _, err = VerifyTurn(t.Context(), a, done, 1, told); err != nil {
		t.Fatal(err)
	}
}
