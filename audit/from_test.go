package audit

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// sharedArchive is an archive that other nodes may write to, too.
type sharedArchive struct{ *archive }

func (a sharedArchive) Sources(context.Context) ([]string, error) { return nil, nil }
func (a sharedArchive) Log(string) ledgerbridge.Log               { return nil }

// filled is an archive with transactions of so many versions each.
func filled(t *testing.T, transactions, each int) *archive {
	a := newArchive(t)
	for i := range transactions {
		var writes []store.Write
		for k := range each {
			writes = append(writes, a.patient(fmt.Sprintf("p%d-%d", i, k), 1, "PUT"))
		}
		a.write("transaction", writes...)
	}
	return a
}

// said are findings, one a line.
type said struct{ strings.Builder }

func (s *said) add(f store.Finding) error {
	fmt.Fprintf(s, "%s %s %s\n", f.Table, f.Row, f.What)
	return nil
}

// from goes on from where versions were compared before.
func (a *archive) from(s store.Store, p Progress) (Progress, string) {
	a.Helper()
	var found said
	done, err := VerifyFrom(a.Context(), s, p, found.add)
	if err != nil {
		a.Fatal(err)
	}
	return done, found.String()
}

// turns goes through everything, and says what was found and in how many turns.
func (a *archive) turns(s store.Store, p Progress, one int64) (found said, turns int) {
	a.Helper()
	for {
		var err error
		turns++
		if p, err = VerifyTurn(a.Context(), s, p, one, found.add); err != nil {
			a.Fatal(err)
		}
		if p.Turn == nil || turns > 100 {
			return found, turns
		}
	}
}

// change edits one version as it is read, or removes it.
func (a *archive) change(place string, edit func(*store.Version) bool) {
	a.edit = func(v store.Version) []store.Version {
		if fmt.Sprintf("%s/%d", v.Ref.ID, v.Version) == place && !edit(&v) {
			return nil
		}
		return []store.Version{v}
	}
}

// A change of what was written since is found; one of what was compared before is found by
// comparing everything, or by turns.
func TestVerifyFrom(t *testing.T) {
	a := filled(t, 60, 10)
	before, found := a.from(a, Progress{})
	if found != "" || before.Entries["hospital/n1/changes.0"] != 60 || before.Versions != 600 {
		t.Fatalf("%+v: %s", before, found)
	}
	a.write("create", a.patient("new", 1, "POST"))
	a.write("update", a.patient("new", 2, "PUT"))
	after, found := a.from(a, before)
	if found != "" || after.Entries["hospital/n1/changes.0"] != 62 {
		t.Fatalf("%+v: %s", after, found)
	}
	owner := func(v *store.Version) bool { v.Owner = "clinic"; return true }
	gone := func(*store.Version) bool { return false }
	for _, c := range []struct {
		place, finds string
		edit         func(*store.Version) bool
		since        bool
	}{
		{"new/1", "another owner", owner, true},
		{"new/1", "they are missing", gone, true},
		{"new/2", "they are missing", gone, true},
		{"new/2", "is not what entry 7", func(v *store.Version) bool { v.Seq = 7; return true }, true},
		{"p3-4/1", "another owner", owner, false},
		{"p3-4/1", "is not what entry 3", gone, false},
	} {
		a.change(c.place, c.edit)
		_, found := a.from(a, before)
		if c.since != strings.Contains(found, c.finds) {
			t.Errorf("%s, going on: found %q", c.place, found)
		}
		if got := a.findings(); !strings.Contains(got, c.finds) {
			t.Errorf("%s, everything: found %q", c.place, got)
		}
		byTurns, _ := a.turns(a, after, 5)
		if c.finds != "they are missing" && !strings.Contains(byTurns.String(), c.finds) {
			t.Errorf("%s, by turns: found %q", c.place, byTurns.String())
		}
	}
}

// Going on reads the newest versions only, and a turn no more than its part.
func TestVerifyFromReadsLittle(t *testing.T) {
	a := filled(t, 150, 20)
	before, _ := a.from(a, Progress{})
	read := 0
	a.edit = func(v store.Version) []store.Version { read++; return []store.Version{v} }
	if a.from(a, before); read > verifyPage {
		t.Errorf("%d versions were read, and nothing was written since", read)
	}
	for range 3 {
		read = 0
		after, err := VerifyTurn(t.Context(), a, before, 6, func(f store.Finding) error { return &f })
		if err != nil || read > 2*verifyPage {
			t.Fatalf("%d versions were read in a turn of 500: %v", read, err)
		}
		before = after
	}
}

// Turns compare every version, also where versions of several entries may be mixed.
func TestTurnsCompareEverything(t *testing.T) {
	const transactions = 1600
	a := filled(t, transactions, 3)
	for _, s := range []store.Store{a, sharedArchive{a}} {
		a.edit = func(v store.Version) []store.Version {
			if strings.HasSuffix(v.Ref.ID, "3-1") {
				v.Owner = "clinic"
			}
			return []store.Version{v}
		}
		found, turns := a.turns(s, Progress{Versions: 3 * transactions}, 20)
		for i := 3; i < transactions; i += 10 {
			if !strings.Contains(found.String(), fmt.Sprintf("p%d-1/_history/1 has another owner", i)) {
				t.Errorf("%T: a change in transaction %d is not found in %d turns", s, i, turns)
			}
		}
		if strings.Contains(found.String(), "is not what") || turns < 2 {
			t.Errorf("%T: %d turns find %.500q", s, turns, found.String())
		}
	}
}

// Versions of a new entry may come after some of older entries: nodes have clocks of their
// own. They are looked for.
func TestLateVersionsAreWaitedFor(t *testing.T) {
	a := filled(t, 700, 1)
	before, _ := a.from(a, Progress{})
	a.write("create", a.patient("new", 1, "POST"))
	var late []store.Version
	a.edit = func(v store.Version) []store.Version {
		switch v.Ref.ID {
		case "new":
			late = []store.Version{v}
			return nil
		case "p50-0":
			return append(late, v)
		}
		return []store.Version{v}
	}
	if _, found := a.from(a, before); found != "" {
		t.Errorf("found %q", found)
	}
}
