package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// head is where a log ends, and who may write it. It is a document of the
// collection heads; every transaction that appends to a log moves its head, so two
// writers of one log cannot both commit.
type head struct {
	Source string `bson:"_id"`
	Owner  string `bson:"owner"` // the process that may write
	Fence  int64  `bson:"fence"` // incremented whenever transactions begun before must not commit
	Lane   int64  `bson:"lane"`  // of the stamps of this log's writer
	End    end    `bson:",inline"`
	Types  types  `bson:",inline"`

	Destroyed int64 `bson:"destroyed"` // keys of parts, since the database was made
	Plan      int64 `bson:"plan"`      // of custom search keys, see planDocument
}

// end is where a log ends.
type end struct {
	Size  int64 `bson:"size"`  // entries so far
	At    int64 `bson:"at"`    // time of the last entry, milliseconds
	Stamp int64 `bson:"stamp"` // last stamp given to a version
}

// errFenced says that another process has taken over this node's log.
var errFenced = errors.New("another process has taken over the logs of this node: this one cannot write any more")

// errRestored says that the database is not the one that this process has written to.
var errRestored = errors.New("the log ends before what this process has written: the database was restored while it was running; stop all nodes before a restore")

// errMoved says that a head is not where this process believed.
var errMoved = errors.New("the log has moved")

// fenced moves a head, inside a transaction, to the new end of the log. It fails with
// errMoved unless the head is as known.
func (s *Store) fenced(ctx context.Context, known head, next end, written map[string]bool) error {
	at := bson.D{{Key: "_id", Value: known.Source}, {Key: "fence", Value: known.Fence}, {Key: "size", Value: known.End.Size}, {Key: "destroyed", Value: known.Destroyed}}
	moved := bson.D{{Key: "size", Value: next.Size}, {Key: "at", Value: next.At}, {Key: "stamp", Value: next.Stamp}}
	ok, err := s.updateOne(ctx, s.heads, at, append(moved, known.wrote(written, next.Stamp)...))
	if err == nil && !ok {
		err = errMoved
	}
	return err
}

// claim takes a log over, creating its head if there is none. No transaction that was
// begun before can commit after it: the head that it returns is final.
func (s *Store) claim(ctx context.Context, source string) (head, error) {
	h, err := s.raiseFence(ctx, bson.D{{Key: "_id", Value: source}})
	if !errors.Is(err, mongo.ErrNoDocuments) {
		return h, err
	}
	lane, err := s.newLane(ctx)
	if err != nil {
		return h, err
	}
	_, err = s.heads.InsertOne(ctx, head{Source: source, Lane: lane})
	if err != nil && !mongo.IsDuplicateKeyError(err) {
		return h, err
	}
	if err := s.joinPlan(ctx, source); err != nil {
		return h, err
	}
	return s.raiseFence(ctx, bson.D{{Key: "_id", Value: source}})
}

// reclaim is claim for a log that this process holds; errFenced if it no longer does.
func (s *Store) reclaim(ctx context.Context, source string) (head, error) {
	h, err := s.raiseFence(ctx, bson.D{{Key: "_id", Value: source}, {Key: "owner", Value: s.process}})
	if errors.Is(err, mongo.ErrNoDocuments) {
		return h, errFenced
	}
	return h, err
}

func (s *Store) raiseFence(ctx context.Context, filter bson.D) (h head, err error) {
	err = s.heads.FindOneAndUpdate(ctx, filter, bson.D{
		{Key: "$inc", Value: bson.D{{Key: "fence", Value: int64(1)}}},
		{Key: "$set", Value: bson.D{{Key: "owner", Value: s.process}}},
	}, options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&h)
	return h, err
}

// newLane gives each log a number of its own for its stamps.
func (s *Store) newLane(ctx context.Context) (int64, error) {
	n, err := s.count(ctx, "lanes", 1)
	if err != nil {
		return 0, err
	}
	if n > maxLanes {
		return 0, fmt.Errorf("this database has had %d logs, which is all it can tell apart: choose node names that were used before", maxLanes)
	}
	return n - 1, nil
}

// count adds to a counter and returns its new value.
func (s *Store) count(ctx context.Context, name string, n int64) (int64, error) {
	var doc struct {
		Value int64 `bson:"v"`
	}
	err := s.counters.FindOneAndUpdate(ctx, bson.D{{Key: "_id", Value: name}},
		bson.D{{Key: "$inc", Value: bson.D{{Key: "v", Value: n}}}},
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&doc)
	return doc.Value, err
}
