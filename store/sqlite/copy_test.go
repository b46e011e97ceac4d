package sqlite

import (
	"errors"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

func filled(t *testing.T) *Store {
	s := open(t, t.TempDir(), options())
	storetest.Fill(t, s, func(wrap, unwrap store.Wrap) ledgerbridge.PartKeys { return s.PartKeys(wrap, unwrap) })
	return s
}

func TestCopies(t *testing.T) {
	storetest.Copies(t, filled(t), func(t *testing.T) storetest.Place {
		dir := t.TempDir()
		return storetest.Place{
			OpenTarget: func() (storetest.Target, error) { return OpenTarget(t.Context(), dir, options()) },
			Open: func() (store.Store, error) {
				s, err := Open(t.Context(), dir, options())
				if err != nil {
					return nil, err
				}
				t.Cleanup(func() { s.Close() })
				return s, nil
			},
		}
	})
}

// A copy passes the check of everything that is in a folder.
func TestCopyIsChecked(t *testing.T) {
	dir := t.TempDir()
	to, err := OpenTarget(t.Context(), dir, options())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Copy(t.Context(), filled(t), to, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(to.Finish(t.Context()), to.Close()); err != nil {
		t.Fatal(err)
	}
	if all := findings(t, dir); len(all) > 0 {
		t.Error(strings.Join(all, "\n"))
	}
}
