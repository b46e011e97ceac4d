package access

import (
	"context"
	"testing"

	"github.com/aceso-health/aceso/store"
)

// countedStore notes whether a history was to be counted.
type countedStore struct {
	store.Store
	counted bool
}

func (s *countedStore) History(ctx context.Context, h store.History) (store.Page, error) {
	s.counted = h.Count
	return s.Store.History(ctx, h)
}

// To count all versions costs as much as to read them: that is done only for those who ask,
// on further pages, too. The versions of one resource are few.
func TestHistoriesAreCountedIfAsked(t *testing.T) {
	h := ward(t)
	s := &countedStore{Store: h.Store}
	h.Gate.Store = s
	for _, c := range []struct {
		asked HistoryRequest
		want  bool
	}{
		{HistoryRequest{}, false}, {HistoryRequest{Type: "Patient"}, false}, {HistoryRequest{Type: "Patient", ID: "seen"}, true},
		{HistoryRequest{Total: true}, true}, {HistoryRequest{Type: "Patient", Total: true}, true},
	} {
		c.asked.Count = 1
		for range 2 {
			page, err := h.History(t.Context(), h.as("practitioner", "TREAT"), c.asked)
			if err != nil {
				t.Fatalf("%+v: %v", c.asked, err)
			}
			if s.counted != c.want || page.Total >= 0 != c.want {
				t.Errorf("%+v: counted %t, total %d", c.asked, s.counted, page.Total)
			}
			if page.Next == "" {
				break
			}
			c.asked = HistoryRequest{Type: c.asked.Type, ID: c.asked.ID, Link: page.Next}
		}
	}
}
