package mongo

import (
	"testing"

	"github.com/aceso-health/aceso/store"
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
	t.Skip("SKIPPED: search is not there yet")
	storetest.Run(t, func(t *testing.T) store.Store {
		return newServer(t).open(t, testOptions(""))
	})
}
