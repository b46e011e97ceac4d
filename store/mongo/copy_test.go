package mongo

import (
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/sqlite"
	"github.com/aceso-health/aceso/store/storetest"
)

func folderOptions() sqlite.Options {
	return sqlite.Options{Organization: storetest.Organization, Tenant: "t", Node: storetest.Node, Base: storetest.Base}
}

func filledFolder(t *testing.T) *sqlite.Store {
	s, err := sqlite.Open(t.Context(), t.TempDir(), folderOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	storetest.Fill(t, s, func(wrap, unwrap store.Wrap) ledgerbridge.PartKeys { return s.PartKeys(wrap, unwrap) })
	return s
}

func TestCopies(t *testing.T) {
	storetest.Copies(t, filledFolder(t), func(t *testing.T) storetest.Place {
		server := newServer(t)
		o := testOptions("")
		o.Database = server.database
		return storetest.Place{
			OpenTarget: func() (storetest.Target, error) { return OpenTarget(t.Context(), server.uri, o) },
			Open: func() (store.Store, error) {
				s, err := Open(t.Context(), server.uri, o)
				if err != nil {
					return nil, err
				}
				t.Cleanup(func() { s.Close() })
				return s, nil
			},
		}
	})
}

// A folder becomes a database and a folder again, without a changed byte: each copy
// compares all of it, and the last one is compared with the first.
func TestThereAndBack(t *testing.T) {
	folder, server := filledFolder(t), newServer(t)
	o := testOptions("")
	o.Database = server.database
	there, err := OpenTarget(t.Context(), server.uri, o)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	if err := store.Copy(t.Context(), folder, there, nil); err != nil {
		t.Fatal(err)
	}
	back, err := sqlite.OpenTarget(t.Context(), t.TempDir(), folderOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if err := store.Copy(t.Context(), there, back, nil); err != nil {
		t.Fatal(err)
	}
	var done store.Copied // by a copy that has nothing left to do but compare
	if err := store.Copy(t.Context(), folder, back, func(c store.Copied) { done = c }); err != nil || done.Versions+done.Rows != 0 || done.Compared == 0 {
		t.Errorf("%+v, %v", done, err)
	}
}
