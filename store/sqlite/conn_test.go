package sqlite

import (
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// A statement keeps its parameters for the next use, so each use must give all of them.
func TestStatementWantsAllItsParameters(t *testing.T) {
	s := open(t, t.TempDir(), options())
	err := s.read.use(t.Context(), func(c conn) error {
		const query = "SELECT ? + ?"
		if n, err := c.number(query, 1, 2); n != 3 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := c.number(query, 5); err == nil {
			t.Errorf("5 and what was left over are %d", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What the tree grows from is what is stored, without the parts.
func TestBareRowsLeaveOutParts(t *testing.T) {
	a := newAuthor(t, open(t, t.TempDir(), options()))
	for range 3 {
		_, err := a.Record(t.Context(), a.entry(), store.Judged{})
		a.must(err)
	}
	_, log := a.Logs()
	var whole, bare []ledgerbridge.Row
	a.must(log.Rows(t.Context(), 0, 3, func(r ledgerbridge.Row) error { whole = append(whole, r); return nil }))
	a.must(log.(ledgerbridge.BareLog).BareRows(t.Context(), 0, 3, func(r ledgerbridge.Row) error { bare = append(bare, r); return nil }))
	if len(whole) != 3 || len(bare) != 3 {
		t.Fatalf("%d rows, %d bare ones", len(whole), len(bare))
	}
	for i := range whole {
		if len(whole[i].Parts) == 0 || len(bare[i].Parts) != 0 {
			t.Errorf("row %d has %d parts, the bare one %d", i, len(whole[i].Parts), len(bare[i].Parts))
		}
		if string(whole[i].Entry) != string(bare[i].Entry) || whole[i].Salt != bare[i].Salt || whole[i].Commitment != bare[i].Commitment {
			t.Errorf("row %d is another one", i)
		}
	}
}
