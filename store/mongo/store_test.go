package mongo

import (
	"sync/atomic"
	"testing"

	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
	"github.com/aceso-health/aceso/store/storetest"
)

func testOptions(database string) Options {
	return Options{Database: database, Organization: storetest.Organization, Tenant: "t", Node: storetest.Node, Base: "http://localhost/fhir"}
}

func (s *server) open(t testing.TB, o Options) *Store {
	t.Helper()
	o.Database = s.database
	store, err := Open(t.Context(), s.uri, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return newServer(t).open(t, testOptions(""))
	})
}

// TestStoreImpatient runs the suite with plans that give up collecting at once, as
// they do when conditions have very many resources, and with further key documents for
// every resource.
func TestStoreImpatient(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return newServer(t).impatient(t, 8) })
}

// TestDifferential also has plans that give up collecting at once, resources that have
// further key documents, and every way to find a sorted page.
func TestDifferential(t *testing.T) {
	var n atomic.Int64
	storetest.Differential(t, 5_000, func(t *testing.T) store.Store { return newServer(t).impatient(t, n.Add(1)) })
}

// keeps are ways to keep sets between searches: as usual, all, hardly any, none.
var keeps = []*search.Sets{search.UsualSets(), {Bytes: 1 << 20, Most: 2000}, {Bytes: 2000, Most: 6}, {Least: 1 << 30}}

func (s *server) impatient(t testing.TB, n int64) *Store {
	opened := s.open(t, testOptions(""))
	opened.patience = []search.Patience{search.UsualPatience, {Few: 0, Many: 1}, {Few: 2, Many: 6}}[n%3]
	k := keeps[n%4]
	opened.sets = &search.Sets{Bytes: k.Bytes, Least: k.Least, Most: k.Most}
	opened.room = []int{keysInDocument, 7, 200}[n/3%3]
	opened.choice = search.Choice((n + n/3 + 2) % int64(search.Choices))
	return opened
}

func TestOrders(t *testing.T) {
	storetest.Orders(t, search.Choices, func(t *testing.T, n int) store.Store {
		s := newServer(t).open(t, testOptions(""))
		if s.choice = search.Choice(n); s.choice >= search.WalkOrders {
			s.patience = search.Patience{Few: 0, Many: 1} // sets are asked for everything
		}
		return s
	})
}

func TestWalksEnd(t *testing.T) {
	storetest.WalksEnd(t, func(t *testing.T) store.Store {
		s := newServer(t).open(t, testOptions(""))
		s.patience = search.Patience{Written: storetest.FewWritten}
		return s
	})
}
