package mongo

import (
	"errors"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// Whether a commit of which nothing was heard took place is looked up after the fence,
// in a transaction that only the primary can commit; what is found counts as committed.
func TestUnknownCommitIsLookedUpForCertain(t *testing.T) {
	server, spy := newServer(t), &spy{}
	s := spy.open(t, server, server.open(t, testOptions("")))
	w := newWriter(s, s.db.Collection("accesses"), s.source(accessesLog))
	if err := w.recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	u := newUnit(w)
	_, err := w.log.InsertOne(t.Context(), entry{ID: entryID(w.source, 0), Commitment: u.first[:]})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.resolve(u, errors.New("lost")); err != nil {
		t.Error(err)
	}
	var order []string
	for _, c := range spy.sent {
		first, err := c.IndexErr(0)
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, first.Key())
	}
	want := []string{"findAndModify", "find", "commitTransaction"}
	if n := len(order); n < len(want) || !slices.Equal(order[n-len(want):], want) {
		t.Errorf("sent %q, want %q in the end", order, want)
	}
}

// leaveOpen begins a transaction that moves the head of the access log.
func leaveOpen(t *testing.T, s *Store) {
	t.Helper()
	session, err := s.client.StartSession()
	if err == nil {
		err = startTransaction(session, durably())
	}
	if err != nil {
		t.Fatal(err)
	}
	known := s.accesses.head
	next := known.End
	next.Size++
	if err := s.fenced(mongo.NewSessionContext(t.Context(), session), known, next, nil); err != nil {
		t.Fatal(err)
	}
}

// A process that dies in the middle of a transaction leaves it open on the server, which
// gives it up after a while. Whoever is the node then waits for that.
func TestTransactionOfADeadProcess(t *testing.T) {
	server := newServer(t)
	if server.standIn == nil {
		t.Skip("SKIPPED: a real server gives transactions up after a minute only")
	}
	server.standIn.TransactionLifetime = 2 * time.Second
	before := openNode(t, server, "n1")
	if _, err := record(t, before); err != nil {
		t.Fatal(err)
	}
	leaveOpen(t, before)
	die(t, before)
	hasty := *server
	hasty.uri += "&timeoutMS=300"
	again := openNode(t, &hasty, "n1")
	if r, err := record(t, again); err != nil || r.Seq != 1 {
		t.Errorf("record %s, %v; want the second of the log", r, err)
	}
}

// A transaction that a broken connection has left open does not keep the writer from its
// log: it belongs to the session of the next one.
func TestTransactionOfABrokenConnection(t *testing.T) {
	server := newServer(t)
	if server.standIn == nil {
		t.Skip("SKIPPED: a real server cannot be told to fail")
	}
	s := openNode(t, server, "n1", func(o *Options) { o.Patience = 2 * time.Second })
	var rules []*mongotest.Rule
	for _, command := range []string{"commitTransaction", "abortTransaction"} {
		rules = append(rules, server.standIn.Fail(mongotest.Fault{Command: command, Do: mongotest.DropBefore, Times: -1}))
	}
	if r, err := record(t, s); err == nil {
		t.Fatalf("recorded %s", r)
	}
	for _, rule := range rules {
		rule.Remove()
	}
	if r, err := record(t, s); err != nil || r.Seq != 0 {
		t.Errorf("record %s, %v; want the first of the log", r, err)
	}
}

// Nor does a keeper finish the log of a dead node before: it tries again until then.
func TestTakeoverOfAnOpenTransaction(t *testing.T) {
	server := newServer(t)
	if server.standIn == nil {
		t.Skip("SKIPPED: a real server gives transactions up after a minute only")
	}
	server.standIn.TransactionLifetime = 4 * time.Second
	first := openNode(t, server, "n1")
	if _, err := record(t, first); err != nil {
		t.Fatal(err)
	}
	hasty := *server
	hasty.uri += "&timeoutMS=300"
	w := openNode(t, &hasty, "n2").Watch()
	leaveOpen(t, first)
	die(t, first)
	failed := false
	waitFor(t, func() bool {
		list, err := w.Dead(t.Context())
		if err != nil || !slices.Contains(list, "n1") {
			return false
		}
		sources, err := w.TakeOver(t.Context(), "n1")
		failed = failed || err != nil
		return len(sources) == 2
	})
	if !failed {
		t.Error("the log was taken over while a transaction was open")
	}
}

// A writer that was idle for long does not trust the server to know its session still.
func TestIdleSession(t *testing.T) {
	s := openNode(t, newServer(t), "n1")
	w := newWriter(s, s.db.Collection("accesses"), s.source(accessesLog))
	begin := func() *mongo.Session {
		t.Helper()
		if _, err := w.inSession(t.Context()); err != nil {
			t.Fatal(err)
		}
		return w.session
	}
	first := begin()
	if begin() != first {
		t.Error("another session for the next transaction")
	}
	w.used = w.used.Add(-time.Hour)
	if begin() == first {
		t.Error("the same session after an hour")
	}
	endSession(t.Context(), w.session)
}
