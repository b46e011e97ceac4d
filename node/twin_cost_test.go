package node

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/store"
)

// tightStore lets a search examine few rows, as if there were very many.
type tightStore struct {
	store.Store
	most int
}

func (s tightStore) Search(ctx context.Context, q store.Search) (store.Page, error) {
	q.Most = s.most
	return s.Store.Search(ctx, q)
}

// Whether a search of one type is refused because it costs too much depends on what it
// examines, not on what the caller may see of that: one who sees half is refused like one
// who sees all. Of chains, _has and includes docs/limits.md says more.
func TestCostTellsNothingOfWhatIsHidden(t *testing.T) {
	asks, seed := twinSetting(t, "ACESO_TWIN", twinAsks)/8, uint64(twinSetting(t, "ACESO_TEST_SEED", 1))
	caller := twinCallers()[1]
	w := newTwins(t, caller, func(t *testing.T) *testNode { return startNode(t, t.TempDir(), atLevel("structure")) })
	w.load(caller.script(seed))
	a := newTwinAsker(w, seed, 0, 1)
	a.learn()
	n := w.both[0]
	n.node.gate.Store = tightStore{n.node.gate.Store, 5}
	colleague := n.as("practitioner", "TREAT", func(g *Grant) { g.Subject = "Practitioner/colleague" })
	refused := 0
	for range asks {
		q := a.queryFor(a.params.deal(), false)
		q.params = append(filter(q.params, func(p string) bool { return p[0] != '_' || strings.HasPrefix(p, "_sort") }), "_total=accurate")
		path := "/" + q.typ + "?" + q.text()
		one, other := costly(n.user.Get(path)), costly(colleague.Get(path))
		if one != other {
			t.Errorf("%s: refused to one who sees half: %v; to one who sees all: %v", path, one, other)
		}
		if one {
			refused++
		}
	}
	if t.Logf("%d of %d refused", refused, asks); refused < asks/10 || refused > asks*9/10 {
		t.Error("the budget is too wide or too narrow to tell")
	}
}

func costly(r response) bool { return r.Status == http.StatusBadRequest && r.Has("too-costly") }
