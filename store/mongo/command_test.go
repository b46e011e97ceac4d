package mongo

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A command that is encoded here is refused where it would have no read concern, and the
// errors that its answer has for single documents are not lost.
func TestEncodedCommands(t *testing.T) {
	s := newServer(t).open(t, testOptions(""))
	if _, err := s.epoch(t.Context()); err == nil {
		t.Error("a command without the concerns of a transaction is sent")
	}
	doc := func(id string, size int) bson.Raw {
		return must(bson.Marshal(bson.D{{Key: "_id", Value: id}, {Key: "data", Value: bytes.Repeat([]byte{1}, size)}}))
	}
	insert := func(docs ...bson.Raw) error {
		return s.transact(t.Context(), func(ctx context.Context) error { return s.insertRaw(ctx, s.tiles, docs) }, true)
	}
	large := maxDocument - 100
	if err := insert(doc("a", 10), doc("b", large), doc("c", large), doc("d", 10)); err != nil {
		t.Fatal(err)
	}
	if n, err := s.tiles.CountDocuments(t.Context(), bson.D{}); n != 4 || err != nil {
		t.Errorf("%d of 4 documents, %v", n, err)
	}
	if err := insert(doc("e", 10), doc("a", 10)); !hasCode(err, duplicateKey) {
		t.Errorf("a second document of an id: %v", err)
	}
	err := s.transact(t.Context(), func(ctx context.Context) error {
		return s.fenced(ctx, head{Source: "nobody"}, end{}, nil)
	}, true)
	if !errors.Is(err, errMoved) {
		t.Errorf("a head that is not there is moved: %v", err)
	}
}
