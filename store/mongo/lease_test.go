package mongo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
	"github.com/aceso-health/aceso/store/storetest"
)

// life is the life of leases in tests: several beats even on a busy machine.
const life = 1500 * time.Millisecond

// openNode opens a node of a database that several share.
func openNode(t testing.TB, srv *server, node string, change ...func(*Options)) *Store {
	t.Helper()
	s, err := tryNode(t.Context(), srv, node, change...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func tryNode(ctx context.Context, srv *server, node string, change ...func(*Options)) (*Store, error) {
	o := Options{Database: srv.database, Organization: storetest.Organization, Node: node, LeaseLife: life}
	for _, c := range change {
		c(&o)
	}
	return Open(ctx, srv.uri, o)
}

// die lets a node end as a crash would: nothing is given back.
func die(t *testing.T, s *Store) {
	t.Helper()
	s.Abandon()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func record(t *testing.T, s *Store) (ledgerbridge.Receipt, error) {
	t.Helper()
	sealer, err := storetest.NewSealer()
	if err != nil {
		t.Fatal(err)
	}
	p, err := storetest.Record(sealer, "read", "R", 200)
	if err != nil {
		t.Fatal(err)
	}
	return s.Record(t.Context(), p, store.Judged{})
}

// The name of a node belongs to one process, until it ends or shows no sign of life.
func TestNodeNameIsTaken(t *testing.T) {
	srv := newServer(t)
	first := openNode(t, srv, "n1")
	if _, err := tryNode(t.Context(), srv, "n1"); err == nil || !strings.Contains(err.Error(), "being served by another process") {
		t.Fatalf("a second process of the same name: %v", err)
	}
	openNode(t, srv, "n2")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	die(t, openNode(t, srv, "n1", func(o *Options) { o.LeaseLife = time.Hour })) // at once after a clean end
	again := openNode(t, srv, "n1")                                              // and after a while when it died
	if _, err := record(t, again); err != nil {
		t.Fatal(err)
	}
}

// Whoever holds the same data folder need not wait; the process before it, should it
// be alive after all, can write nothing any more and learns that.
func TestSameOwnerTakesOver(t *testing.T) {
	srv := newServer(t)
	mine := func(o *Options) { o.Owner, o.LeaseLife = "folder", time.Minute }
	before := openNode(t, srv, "n1", func(o *Options) { o.Owner, o.LeaseLife = "folder", life })
	if _, err := record(t, before); err != nil {
		t.Fatal(err)
	}
	after := openNode(t, srv, "n1", mine)
	if r, err := record(t, before); err == nil {
		t.Errorf("the process before has written %s", r)
	}
	if r, err := record(t, after); err != nil || r.Seq != 1 {
		t.Errorf("record %s, %v; want the second of the log", r, err)
	}
	select {
	case <-before.Lost():
	case <-time.After(time.Minute):
		t.Error("the process before does not know that it lost its lease")
	}
}

// Of many processes that want one name at the same time one gets it.
func TestOneOfManyGetsTheName(t *testing.T) {
	srv := newServer(t)
	openNode(t, srv, "n0") // makes the indexes
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for range 8 {
		wg.Go(func() {
			s, err := tryNode(t.Context(), srv, "n1")
			if err != nil {
				if !strings.Contains(err.Error(), "another process") {
					t.Error(err)
				}
				return
			}
			mu.Lock()
			got++
			mu.Unlock()
			t.Cleanup(func() { _ = s.Close() })
		})
	}
	wg.Wait()
	if got != 1 {
		t.Errorf("%d processes are node n1", got)
	}
}

// dead waits until the watch takes a node for dead.
func dead(t *testing.T, w *Watch, node string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		list, err := w.Dead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.Join(list, " "), node) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("node %s is not taken for dead; %v are", node, list)
		}
		time.Sleep(life / 10)
	}
}

// A dead node is fenced off by exactly one keeper, whose own death is noticed as
// well; the node takes its logs back at once when it returns.
func TestTakeover(t *testing.T) {
	srv := newServer(t)
	first, second, third := openNode(t, srv, "n1"), openNode(t, srv, "n2"), openNode(t, srv, "n3")
	if _, err := record(t, first); err != nil {
		t.Fatal(err)
	}
	first.end() // it lives on, but shows no sign of it
	first.ended.Wait()
	watches := []*Watch{second.Watch(), third.Watch()}
	var sources []string
	for _, w := range watches {
		dead(t, w, "n1")
	}
	for _, w := range watches {
		s, err := w.TakeOver(t.Context(), "n1")
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, s...)
	}
	if strings.Join(sources, " ") != "clinic/n1/changes.0 clinic/n1/accesses.0" {
		t.Errorf("taken over: %q", sources)
	}
	if r, err := record(t, first); err == nil {
		t.Errorf("the old owner has written %s", r)
	}
	if yes, err := second.Keeps(t.Context(), "n1"); !yes || err != nil {
		t.Errorf("n2 keeps n1: %v, %v", yes, err)
	}
	die(t, second)
	dead(t, watches[1], "n1")
	if s, err := watches[1].TakeOver(t.Context(), "n1"); len(s) != 2 || err != nil {
		t.Errorf("of the dead keeper: %q, %v", s, err)
	}
	back := openNode(t, srv, "n1", func(o *Options) { o.LeaseLife = time.Hour })
	if yes, err := third.Keeps(t.Context(), "n1"); yes || err != nil {
		t.Errorf("n3 keeps n1 after it came back: %v, %v", yes, err)
	}
	if r, err := record(t, back); err != nil || r.Seq != 1 {
		t.Errorf("record %s, %v; want the second of the log", r, err)
	}
}

// A keeper whose node has come back can not begin any more to sign for it.
func TestLateTakeover(t *testing.T) {
	srv := newServer(t)
	first, second := openNode(t, srv, "n1"), openNode(t, srv, "n2")
	source := first.source(changesLog)
	die(t, first)
	w := second.Watch()
	dead(t, w, "n1")
	if s, err := w.TakeOver(t.Context(), "n1"); len(s) != 2 || err != nil {
		t.Fatalf("taken over: %q, %v", s, err)
	}
	if err := second.BeginTakeover(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	back := openNode(t, srv, "n1")
	if err := back.EndTakeovers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.BeginTakeover(t.Context(), source); !errors.Is(err, errFenced) {
		t.Errorf("begun late: %v", err)
	}
	if all, err := back.Takeovers(t.Context(), source); err != nil || len(all) != 0 {
		t.Errorf("takeovers %v, %v; want none, for nothing was signed", all, err)
	}
}

// Keys are added all or not at all, also by two nodes at the same time.
func TestKeysAreAddedOnce(t *testing.T) {
	srv := newServer(t)
	nodes := []*Store{openNode(t, srv, "n1"), openNode(t, srv, "n2"), openNode(t, srv, "n3")}
	for i := range 30 {
		var wg sync.WaitGroup
		errs := make([]error, len(nodes))
		for j, s := range nodes {
			wg.Go(func() {
				errs[j] = s.Keyring().AddKeys(t.Context(), map[string][]byte{fmt.Sprint("shared.", i): {byte(j)}, fmt.Sprint("own.", i, ".", j): {byte(j)}})
			})
		}
		wg.Wait()
		keys, err := nodes[0].Keyring().SealedKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		added := 0
		for j, err := range errs {
			if err != nil && !errors.Is(err, fs.ErrExist) {
				t.Fatal(err)
			}
			own := keys[fmt.Sprint("own.", i, ".", j)]
			if (err == nil) != (own != nil) || own != nil && keys[fmt.Sprint("shared.", i)][0] != byte(j) {
				t.Fatalf("round %d, node %d: %v, but its key is %v", i, j, err, own)
			}
			if err == nil {
				added++
			}
		}
		if added > 1 {
			t.Fatalf("round %d: %d nodes added the same key", i, added)
		}
	}
}

// What a version before had in force is found, but for what came with that program.
func TestFormerPoliciesAreFound(t *testing.T) {
	s := openNode(t, newServer(t), "n1")
	wants := func(want string) {
		t.Helper()
		if archive, err := s.FormerPolicies(t.Context()); err != nil || string(archive) != want {
			t.Fatalf("%q, %v, want %q", archive, err, want)
		}
	}
	wants("")
	for _, doc := range []bson.D{
		{{Key: "_id", Value: "abc"}, {Key: "archive", Value: []byte("packed")}},
		{{Key: "_id", Value: "active"}, {Key: "revision", Value: "abc"}, {Key: "builtin", Value: false}},
	} {
		if _, err := s.db.Collection("policies").InsertOne(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	wants("packed")
	builtIn := bson.D{{Key: "$set", Value: bson.D{{Key: "builtin", Value: true}}}}
	if _, err := s.db.Collection("policies").UpdateOne(t.Context(), bson.D{{Key: "_id", Value: "active"}}, builtIn); err != nil {
		t.Fatal(err)
	}
	wants("")
}

// A database that was away for longer than a lease lasts makes nobody dead: no node
// could show a sign of life.
func TestOutageKillsNobody(t *testing.T) {
	srv := newServer(t)
	if srv.standIn == nil {
		t.Skip("SKIPPED: only the stand-in can be stopped by a test")
	}
	openNode(t, srv, "n1", func(o *Options) { o.LeaseLife = time.Hour }) // beats too late for this
	w := openNode(t, srv, "n2").Watch()
	for range 2 {
		if _, err := w.Dead(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	srv.standIn.Stop()
	time.Sleep(2 * life)
	srv.standIn.Restart()
	list, err := w.Dead(t.Context())
	for err != nil { // until the driver has found the server again
		list, err = w.Dead(t.Context())
	}
	if len(list) > 0 {
		t.Errorf("dead after an outage: %q", list)
	}
}

// A beat that the network swallowed does not keep the next ones from being heard.
func TestLostBeat(t *testing.T) {
	srv := newServer(t)
	if srv.standIn == nil {
		t.Skip("SKIPPED: only the stand-in can keep a command waiting")
	}
	patient := *srv
	patient.uri += "&timeoutMS=600000" // no other limit ends the beat
	s := openNode(t, &patient, "n1")
	rule := srv.standIn.Fail(mongotest.Fault{Command: "update", Do: mongotest.Slow})
	defer rule.Remove()
	waitFor(t, func() bool { return rule.Fired() == 1 })
	beat := func() int64 {
		l, err := s.readLease(t.Context(), "n1")
		if err != nil {
			t.Fatal(err)
		}
		return l.Beat
	}
	first := beat()
	waitFor(t, func() bool { return beat() > first })
}
