package mongo

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

// openNodes opens three nodes on one database.
func openNodes(t *testing.T) []*author {
	server := newServer(t)
	var nodes []*author
	for _, name := range []string{"n1", "n2", "n3"} {
		o := testOptions("")
		o.Node = name
		nodes = append(nodes, newAuthor(t, server.open(t, o)))
	}
	return nodes
}

func TestShared(t *testing.T) {
	storetest.RunShared(t, func(t *testing.T) (a, b store.Store) {
		nodes := openNodes(t)
		return nodes[0].Store, nodes[1].Store
	})
}

// race lets many clients, spread over the nodes, commit at the same time, and counts
// who won; all others must hear that something changed.
func race(t *testing.T, nodes []*author, clients int, change func(client int) store.Change) int64 {
	t.Helper()
	var won atomic.Int64
	var wait sync.WaitGroup
	for i := range clients {
		c := change(i)
		entry, err := storetest.Record(nodes[0].sealer, "create", "C", 201, "Patient/1")
		if err != nil {
			t.Fatal(err)
		}
		c.Entry = entry
		wait.Go(func() {
			switch _, err := nodes[i%len(nodes)].Commit(t.Context(), c); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, store.ErrChanged):
				t.Error(err)
			}
		})
	}
	wait.Wait()
	return won.Load()
}

// Of 64 parallel conditional creates through three nodes one makes a resource, also
// when criteria differ but overlap, and again after the resource was deleted.
func TestConditionalCreatesOfManyNodes(t *testing.T) {
	nodes := openNodes(t)
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	for round := range rounds {
		key := search.HasKey{Key: fmt.Sprintf("identifier=mrn|%d", round)}
		criteria := []search.Condition{search.All{key}, search.All{search.Any{key, search.HasKey{Key: "identifier=other|1"}}}, search.All{key, search.HasKey{Key: "_type=Patient"}}}
		create := func(i int) store.Change {
			w := smallWrite(fhir.Ref{Type: "Patient", ID: fmt.Sprintf("r%d-%d", round, i)}, 0, 1)
			w.Index.Keys = append(w.Index.Keys, key.Key, "_type=Patient")
			q := &search.Query{Type: "Patient", Where: criteria[i%len(criteria)]}
			return store.Change{Writes: []store.Write{w}, Guards: []store.Guard{{Query: q}}}
		}
		if won := race(t, nodes, 64, create); won != 1 {
			t.Fatalf("round %d: %d creates won", round, won)
		}
		page, err := nodes[0].Search(t.Context(), store.Search{Query: &search.Query{Type: "Patient", Where: criteria[0]}, Limit: 10})
		if err != nil || len(page.Matches) != 1 {
			t.Fatalf("round %d: %d resources: %v", round, len(page.Matches), err)
		}
		if round%10 != 0 {
			continue
		}
		v := page.Matches[0]
		gone := store.Write{Ref: v.Ref, Expect: 1, LastUpdated: v.LastUpdated, Deleted: true, Method: "DELETE", Owner: v.Owner, Facts: v.Facts}
		if won := race(t, nodes, 1, func(int) store.Change { return store.Change{Writes: []store.Write{gone}} }); won != 1 {
			t.Fatal("the delete failed")
		}
		again := func(i int) store.Change {
			c := create(i)
			c.Writes[0].Ref.ID += "-again"
			return c
		}
		if won := race(t, nodes, 16, again); won != 1 {
			t.Fatalf("round %d, after the delete: %d creates won", round, won)
		}
	}
}

// Of many updates that expect the same version, through three nodes, one wins.
func TestUpdatesOfManyNodes(t *testing.T) {
	nodes := openNodes(t)
	ref := fhir.Ref{Type: "Patient", ID: "1"}
	for version := range int64(20) {
		won := race(t, nodes, 24, func(int) store.Change {
			return store.Change{Writes: []store.Write{smallWrite(ref, version, 1)}}
		})
		if won != 1 {
			t.Fatalf("version %d: %d updates won", version+1, won)
		}
	}
	page, err := nodes[2].History(t.Context(), store.History{Type: ref.Type, ID: ref.ID, Limit: 100})
	if err != nil || len(page.Matches) != 20 {
		t.Fatalf("%d versions: %v", len(page.Matches), err)
	}
	sources := map[string]bool{}
	for i, v := range page.Matches {
		sources[v.Source] = true
		if v.Version != int64(20-i) {
			t.Errorf("version %d is at place %d of the history", v.Version, i)
		}
	}
	if len(sources) < 2 {
		t.Errorf("all versions were written by %v", sources)
	}
}
