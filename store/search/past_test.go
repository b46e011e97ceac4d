package search

import (
	"slices"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// kept is a history in memory, newest first.
type kept []*Row

func (k kept) Newest() (int64, error) { return k[0].Stamp, nil }

func (k kept) Past(_ *store.History, lowest, highest int64, limit int) (found []*Row, err error) {
	for _, r := range k {
		if r.Stamp >= lowest && r.Stamp <= highest && len(found) < limit {
			copied := *r
			found = append(found, &copied)
		}
	}
	return found, nil
}

func (k kept) Later(than []*Row, visit func(*Row) error) error {
	for _, r := range k {
		later := func(t *Row) bool { return t.Ref == r.Ref && r.Version > t.Version }
		if slices.ContainsFunc(than, later) {
			if err := visit(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// Later labels protect the past on every page, however many rows the store reads together.
func TestLaterLabelsProtectThePast(t *testing.T) {
	var all kept
	restricted := fhir.Coding{System: "conf", Code: "R"}
	for version := int64(1); version <= 4; version++ {
		for i, id := range []string{"a", "b"} {
			r := &Row{Ref: fhir.Ref{Type: "Patient", ID: id}, Version: version, Stamp: version<<store.StampShift + int64(i), Updated: version, facts: &fhir.Facts{}}
			if id == "a" && version == 3 {
				r.facts.Labels, r.facts.Patients = []fhir.Coding{restricted}, []string{"Patient/x"}
			}
			all = append(kept{r}, all...)
		}
	}
	for _, batch := range []int{0, 2, 64} {
		h := store.History{Limit: 1}
		for i := range all {
			page, err := History(t.Context(), all, Options{Batch: batch}, &h)
			if err != nil || len(page.Matches) != 1 {
				t.Fatalf("page %d has %d versions: %v", i, len(page.Matches), err)
			}
			v := page.Matches[0]
			want := v.Ref.ID == "a" && v.Version <= 3
			if v.Ref != all[i].Ref || v.Version != all[i].Version || slices.Contains(v.Facts.Labels, restricted) != want || slices.Contains(v.Facts.Patients, "Patient/x") != want {
				t.Errorf("in batches of %d, version %d is %s version %d with %+v", batch, i, v.Ref, v.Version, v.Facts)
			}
			h.After = page.Next
		}
		if h.After != nil {
			t.Error("there is a page too many")
		}
	}
}
