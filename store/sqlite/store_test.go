package sqlite

import (
	"testing"

	"github.com/aceso-health/aceso/store"
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
