package mongo

import (
	"errors"
	"testing"
)

// Whether a commit of which nothing was heard took place is looked up after the fence,
// whichever server is the primary by then; what is found counts as committed.
func TestUnknownCommitIsLookedUpAfterTheFence(t *testing.T) {
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
	found := spy.take("find", "accesses")
	if len(found) != 1 {
		t.Fatalf("looked with %s", found)
	}
	at, i, after := found[0].Lookup("readConcern", "afterClusterTime").TimestampOK()
	if !after {
		t.Fatalf("looked at any time: %s", found[0])
	}
	session, err := s.client.StartSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.EndSession(t.Context())
	if err := s.latest.follow(session); err != nil {
		t.Fatal(err)
	}
	if last := session.OperationTime(); last == nil || last.T < at || last.T == at && last.I < i {
		t.Errorf("the last commit is at %v, before the fence at %d.%d", last, at, i)
	}
}
