package sqlite

import (
	"sync/atomic"
	"testing"

	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
	"github.com/aceso-health/aceso/store/storetest"
)

func options() Options {
	return Options{Organization: storetest.Organization, Tenant: "t", Node: storetest.Node, Base: "http://localhost/fhir"}
}

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir(), options()) })
}

func TestAlone(t *testing.T) {
	storetest.RunAlone(t, func(t *testing.T) store.Store { return open(t, t.TempDir(), options()) })
}

// keeps are ways to keep sets between searches: as usual, all, hardly any, none.
var keeps = []*search.Sets{search.UsualSets(), {Bytes: 1 << 20, Most: 2000}, {Bytes: 2000, Most: 6}, {Least: 1 << 30}}

// TestDifferential also has plans that give up collecting at once, every way to find a
// sorted page, and keeps sets in all ways.
func TestDifferential(t *testing.T) {
	var n atomic.Int64
	storetest.Differential(t, 20_000, func(t *testing.T) store.Store {
		s, i := open(t, t.TempDir(), options()), n.Add(1)
		s.patience = []search.Patience{search.UsualPatience, {Few: 0, Many: 1}, {Few: 2, Many: 6}}[i%3]
		s.choice = search.Choice(i / 3 % search.Choices)
		k := keeps[i%4]
		s.sets = &search.Sets{Bytes: k.Bytes, Least: k.Least, Most: k.Most}
		return s
	})
}

// TestStoreImpatient runs the suite with plans that give up collecting at once, as
// they do when conditions have very many rows.
func TestStoreImpatient(t *testing.T) {
	for _, p := range []search.Patience{{Few: 0, Many: 1}, {Few: 2, Many: 6}} {
		storetest.Run(t, func(t *testing.T) store.Store {
			s := open(t, t.TempDir(), options())
			s.patience = p
			return s
		})
	}
}

func TestOrders(t *testing.T) {
	storetest.Orders(t, search.Choices, func(t *testing.T, n int) store.Store {
		s := open(t, t.TempDir(), options())
		if s.choice = search.Choice(n); s.choice >= search.WalkOrders {
			s.patience = search.Patience{Few: 0, Many: 1} // sets are asked for everything
		}
		return s
	})
}

func TestWalksEnd(t *testing.T) {
	storetest.WalksEnd(t, func(t *testing.T) store.Store {
		s := open(t, t.TempDir(), options())
		s.patience = search.Patience{Written: storetest.FewWritten}
		return s
	})
}
