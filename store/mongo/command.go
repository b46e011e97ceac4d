package mongo

import (
	"context"
	"fmt"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// The few commands that every request has a part in are encoded here and not by the driver,
// which takes a third more for it. They are sent inside transactions only, whose session gives
// them its concerns; outside of one they would have none.

// run sends a command. Errors that its answer has for single documents are errors, too.
func (s *Store) run(ctx context.Context, command bson.Raw) (bson.Raw, error) {
	if mongo.SessionFromContext(ctx) == nil {
		return nil, fmt.Errorf("%s outside of a transaction", command.Index(0).Key())
	}
	return s.db.RunCommand(ctx, command).Raw()
}

// beganCommand reads what every snapshot reads first.
var beganCommand = must(bson.Marshal(bson.D{
	{Key: "find", Value: "counters"}, {Key: "filter", Value: bson.D{{Key: "_id", Value: epochName}}},
	{Key: "limit", Value: int64(1)}, {Key: "singleBatch", Value: true},
}))

func must(doc bson.Raw, err error) bson.Raw {
	if err != nil {
		panic(err)
	}
	return doc
}

// insertRaw inserts documents, in few commands: a command is as long as a document may be.
func (s *Store) insertRaw(ctx context.Context, into *mongo.Collection, docs []bson.Raw) error {
	for len(docs) > 0 {
		n, size := 1, len(docs[0])
		for n < len(docs) && size+len(docs[n]) < maxDocument {
			size += len(docs[n]) + len("0000000") + 2
			n++
		}
		command, err := insertCommand(into.Name(), docs[:n], size)
		if err != nil {
			return err
		}
		if _, err := s.run(ctx, command); err != nil {
			return err
		}
		docs = docs[n:]
	}
	return nil
}

func insertCommand(into string, docs []bson.Raw, size int) (bson.Raw, error) {
	start, command := bsoncore.AppendDocumentStart(make([]byte, 0, size+128))
	command = bsoncore.AppendStringElement(command, "insert", into)
	list, command := bsoncore.AppendArrayElementStart(command, "documents")
	for i, doc := range docs {
		command = bsoncore.AppendDocumentElement(command, strconv.Itoa(i), doc)
	}
	command, err := bsoncore.AppendArrayEnd(command, list)
	if err != nil {
		return nil, err
	}
	return bsoncore.AppendDocumentEnd(command, start)
}

// updateOne changes the document that is as the filter says, and says whether there is one.
func (s *Store) updateOne(ctx context.Context, in *mongo.Collection, filter, set bson.D) (bool, error) {
	command, err := bson.Marshal(bson.D{{Key: "update", Value: in.Name()}, {Key: "updates", Value: bson.A{
		bson.D{{Key: "q", Value: filter}, {Key: "u", Value: bson.D{{Key: "$set", Value: set}}}},
	}}})
	if err != nil {
		return false, err
	}
	answer, err := s.run(ctx, command)
	if err != nil {
		return false, err
	}
	n, ok := answer.Lookup("n").AsInt64OK()
	return ok && n == 1, nil
}
