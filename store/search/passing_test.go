package search

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// hospital has versions of observations of one patient, and of organizations. The newest
// stamps are those of both types in turns, and below them there are observations only.
type hospital struct {
	Reader
	kept
	observations, organizations, deleted int64
	listed                               int
}

func (h *hospital) Types() []string { return []string{"Observation", "Organization"} }

func (h *hospital) Newest() (int64, error) { return 2 * h.observations, nil }

func (h *hospital) Stamps(typ string, lowest, highest int64, limit int, pass func(int) error) (all []Stamped, err error) {
	odd := int64(0)
	if typ == "Organization" {
		odd, lowest = 1, max(lowest, 2*(h.observations-h.organizations))
	}
	for stamp := highest; stamp >= max(lowest, 1) && len(all) < limit; stamp-- {
		if stamp%2 == odd {
			all = append(all, Stamped{stamp, typ, stamp})
		}
	}
	h.listed += len(all)
	return all, pass(len(all))
}

func (h *hospital) At(stamps []int64) (rows []*Row, err error) {
	for _, stamp := range stamps {
		r := &Row{Ref: fhir.Ref{Type: h.Types()[stamp%2], ID: fmt.Sprint(stamp)}, Place: stamp, Stamp: stamp, Version: 1}
		r.facts = &fhir.Facts{Type: r.Ref.Type}
		if rows = append(rows, r); len(rows) == 2 {
			r.PackedBody = make([]byte, maxHeld/4)
			break
		}
	}
	return rows, nil
}

func (h *hospital) Live(typ string, to Sink) error {
	if typ == "Observation" {
		for i := range h.observations {
			to.Add(2 * (i + 1))
		}
	}
	return nil
}

// firstDeleted is below the places of what is deleted.
const firstDeleted = 1 << 20

func (h *hospital) Deleted(_ string, to Sink) error {
	for i := range h.deleted {
		to.Add(firstDeleted + 2*(i+1))
	}
	return nil
}

func (h *hospital) Versions(_ string, places []int64, visit func(Stamped)) error {
	for _, p := range places {
		visit(Stamped{Stamp: p % firstDeleted, Place: p})
	}
	return nil
}

// Gather says that each organization is judged by itself.
func (h *hospital) Gather(typ string, _ search.Condition, to Sink) error {
	if typ == "Organization" {
		for i := range h.organizations {
			to.Add(2*(h.observations-i) - 1)
		}
	}
	return nil
}

// asked is a history for somebody who may see organizations only.
func (h *hospital) asked() (Options, *store.History) {
	return Options{Passing: h}, &store.History{
		Limit:   10,
		Visible: func(r store.Row) (bool, error) { return r.Ref.Type == "Organization", nil },
		Sight:   func(string, int64) (*store.Sight, error) { return &store.Sight{Rest: store.Hidden}, nil },
	}
}

// What a history passes over counts for what it costs, where there is too much to rank.
func TestWhatHistoriesPassOverIsBounded(t *testing.T) {
	h := &hospital{observations: 100_000, deleted: mostRanked + 1}
	o, asked := h.asked()
	asked.Most = 1000
	if _, err := History(t.Context(), h, o, asked); err != nil {
		t.Errorf("%d versions that are passed over cost more than %d that are read: %v", h.observations, asked.Most, err)
	}
	var refusal *fhir.Error
	asked.Most = 100
	if _, err := History(t.Context(), h, o, asked); !errors.As(err, &refusal) || refusal.Kind != fhir.TooCostly {
		t.Errorf("%d versions that are passed over: %v", h.observations, err)
	}
}

// Who sees nothing of a type passes over little of it, and what is deleted is judged.
func TestHistoriesRankWhatIsSeen(t *testing.T) {
	h := &hospital{observations: 100_000, deleted: 10}
	o, asked := h.asked()
	asked.Most = 300
	judged := 0
	asked.Visible = func(r store.Row) (bool, error) { judged++; return false, nil }
	if _, err := History(t.Context(), h, o, asked); err != nil || h.listed > 1000 || judged < 10 {
		t.Errorf("%d of %d were listed, %d judged: %v", h.listed, h.observations, judged, err)
	}
}

// A type of which all is hidden is not listed to its end for a page of another one, and
// what is read together may end early.
func TestHistoriesPassOverNoMoreThanTheirPage(t *testing.T) {
	h := &hospital{observations: 100_000, organizations: 50_000}
	o, asked := h.asked()
	page, err := History(t.Context(), h, o, asked)
	if err != nil || len(page.Matches) != 10 || h.listed > 1000 {
		t.Fatalf("%d versions, %d were listed: %v", len(page.Matches), h.listed, err)
	}
	for i, v := range page.Matches {
		if want := 2*h.observations - 1 - 2*int64(i); v.Ref.ID != fmt.Sprint(want) {
			t.Errorf("version %d is %s, want %d", i, v.Ref, want)
		}
	}
}
