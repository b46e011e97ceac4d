package mongo

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// bearing is a Patient with search keys, one of them always there.
func bearing(id string, keys ...string) store.Write {
	w := smallWrite(fhir.Ref{Type: "Patient", ID: id}, 0, 1)
	w.Index.Keys = append(w.Index.Keys, keys...)
	return w
}

// While the guard of one node is being checked, another node cannot commit what the guard
// should have seen: a resource with the identifier, however the guard names it and whether
// the other write has a condition or not, or, for criteria without one, whatever is
// created under a condition.
func TestGuardsExcludeWritesOfOtherNodes(t *testing.T) {
	mrn, bare, family, active := search.HasKey{Key: "identifier=mrn|1"}, search.HasKey{Key: "identifier=1"}, search.HasKey{Key: "family=smith"}, search.HasKey{Key: "active=true"}
	for _, c := range []struct {
		name         string
		guard, other search.Condition // other: nil is a write without a condition
		excluded     bool
	}{
		{"the same identifier", mrn, mrn, true},
		{"the identifier without its system", mrn, bare, true},
		{"the identifier and something else", search.All{bare, active}, mrn, true},
		{"an identifier, and no condition", mrn, nil, true},
		{"one of two identifiers, and no condition", search.Any{search.HasKey{Key: "identifier=2"}, bare}, nil, true},
		{"no identifiers", family, active, true},
		{"no identifier, and no condition", family, nil, false}, // see docs/limits.md
		{"another identifier, and no condition", search.HasKey{Key: "identifier=3"}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := newServer(t)
			nodes := make([]*author, 2)
			for i := range nodes {
				o := testOptions("")
				o.Node = fmt.Sprint("n", i)
				nodes[i] = newAuthor(t, server.open(t, o))
			}
			nodes[0].commit(bearing("hidden", "family=jones"))
			between := make(chan error, 1)
			during := nodes[0].duringGuard(search.Any{c.guard, search.HasKey{Key: "family=jones"}}, c.guard, func() {
				between <- nodes[1].create(c.other, bearing("other", "active=true", "family=smith", "identifier=1", "identifier=mrn|1"))
			})
			first := <-during
			excluded := errors.Is(first.err, store.ErrChanged) || first.err == nil && !first.overtaken
			if err := <-between; excluded != c.excluded || err != nil && !errors.Is(err, store.ErrChanged) {
				t.Errorf("excluded %v: guard %v, overtaken %v, other %v", excluded, first.err, first.overtaken, err)
			}
		})
	}
}

// create commits a write, under a condition that nothing may satisfy unless it is nil.
func (a *author) create(where search.Condition, w store.Write) error {
	entry, err := a.entry()
	if err != nil {
		return err
	}
	c := store.Change{Writes: []store.Write{w}, Entry: entry}
	if where != nil {
		c.Guards = []store.Guard{{Query: &search.Query{Type: w.Ref.Type, Where: search.All{where}}, Visible: func(store.Row) (bool, error) { return true, nil }}}
	}
	_, err = a.Commit(context.Background(), c)
	return err
}

// guarded is how a commit ended, and whether what was begun in its middle ended before it did.
type guarded struct {
	err       error
	overtaken bool
}

// duringGuard commits under the condition all, whose lock is that of the condition of
// interest, and calls do in the middle of the check, for at most a moment.
func (a *author) duringGuard(all, of search.Condition, do func()) <-chan guarded {
	ended := make(chan guarded, 1)
	entry, err := a.entry()
	a.must(err)
	done, begun, overtaken := make(chan struct{}), false, false
	visible := func(r store.Row) (bool, error) {
		if r.Ref.ID != "hidden" {
			return true, nil
		}
		if !begun {
			begun = true
			go func() { defer close(done); do() }()
		}
		select {
		case <-done:
			overtaken = true
		case <-time.After(300 * time.Millisecond):
		}
		return false, nil
	}
	guards := []store.Guard{
		{Query: &search.Query{Type: "Patient", Where: search.All{of}}, Visible: visible},
		{Query: &search.Query{Type: "Patient", Where: all}, Visible: visible, Versions: []int64{}},
	}
	go func() {
		_, err := a.Commit(a.Context(), store.Change{Writes: []store.Write{bearing("first")}, Guards: guards, Entry: entry})
		ended <- guarded{err, overtaken && err == nil}
	}()
	return ended
}
