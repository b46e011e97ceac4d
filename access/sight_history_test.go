package access

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/store"
)

// versionsSeen are the versions that a history shows on all its pages, and how many it says
// there are.
func (c *population) versionsSeen(h store.History) (all []string, total int64) {
	c.Helper()
	for {
		page, err := c.Store.History(c.Context(), h)
		if err != nil {
			c.Fatal(err)
		}
		for i := range page.Matches {
			all = append(all, fmt.Sprint(page.Matches[i].Ref, "/", page.Matches[i].Version))
		}
		if total = page.Total; page.Next == nil {
			return all, total
		}
		h.After = page.Next
	}
}

// A history that passes over what is certainly hidden shows, and counts, what it shows when
// every version is judged; and it judges fewer.
func TestHistoriesPassOverWhatIsHidden(t *testing.T) {
	c := newPopulation(t, 11, 80)
	saved := 0
	for who, r := range c.callers() {
		visible := r.visible(c.Context(), "history-type", "s")
		judged := 0
		counting := func(row store.Row) (bool, error) { judged++; return visible(row) }
		for _, typ := range []string{"Observation", ""} {
			h := store.History{Type: typ, Visible: counting, Limit: 40, Count: true}
			want, n := c.versionsSeen(h)
			each := judged
			judged, h.Sight = 0, r.sight(c.Context(), "history-type", "s")
			got, counted := c.versionsSeen(h)
			if !slices.Equal(got, want) || counted != n {
				t.Errorf("%s, %q: %d versions of %d, want %d of %d", who, typ, len(got), counted, len(want), n)
			}
			saved += each - judged
			judged = 0
		}
	}
	if saved < 100 {
		t.Errorf("only %d versions were passed over", saved)
	}
}
