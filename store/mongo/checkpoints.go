package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Checkpoints is the collection checkpoints: every checkpoint of every log, for other
// nodes, which prove records by them and continue the logs of a dead node. It does not
// protect against those who can write to the database: each node keeps its own copy
// outside of it. It implements ledgerbridge.Ledger.
type Checkpoints struct{ s *Store }

// Checkpoints gives access to the checkpoints of all logs.
func (s *Store) Checkpoints() Checkpoints { return Checkpoints{s} }

// checkpoint has the _id source/OldSize, so two that continue the same one cannot both
// be there: the log does not fork.
type checkpoint struct {
	ID   string `bson:"_id"`
	Size int64  `bson:"size"`
	Root []byte `bson:"root"`
	Note []byte `bson:"note"`
}

func (c checkpoint) head() ledgerbridge.Head {
	h := ledgerbridge.Head{Size: c.Size, Checkpoint: c.Note}
	copyFixed(h.Root[:], c.Root)
	return h
}

func (c Checkpoints) collection() *mongo.Collection { return c.s.db.Collection("checkpoints") }

// Head is the last checkpoint of a source.
func (c Checkpoints) Head(ctx context.Context, source string) (ledgerbridge.Head, error) {
	var last checkpoint
	_, err := found(c.collection().FindOne(ctx, between(source, 0, -1), options.FindOne().SetSort(bson.D{{Key: "_id", Value: -1}})).Decode(&last))
	if err != nil {
		return ledgerbridge.Head{}, fmt.Errorf("read checkpoints of %s: %w", source, unavailable(err))
	}
	return last.head(), nil
}

// Anchor adds a checkpoint. Only the process that may write the log can.
func (c Checkpoints) Anchor(ctx context.Context, b ledgerbridge.Batch) (ledgerbridge.Anchor, error) {
	anchor := ledgerbridge.Anchor{Size: b.OldSize + int64(len(b.Commitments))}
	next := checkpoint{entryID(b.Source, b.OldSize), anchor.Size, b.Root[:], b.Checkpoint}
	for try := 0; ; try++ {
		last, err := c.Head(ctx, b.Source)
		if err != nil {
			return anchor, err
		}
		repeated, err := b.Extends(last)
		if err != nil || repeated {
			return anchor, err
		}
		err = c.owned(ctx, b.Source, func(ctx context.Context) error {
			_, err := c.collection().InsertOne(ctx, next)
			return err
		})
		if err == nil {
			return anchor, nil
		}
		again := mongo.IsDuplicateKeyError(err) || transient(err) // the same one, or that of another process
		if !again || pause(ctx, try) != nil {
			return anchor, fmt.Errorf("add checkpoint: %w", unavailable(err))
		}
	}
}

// owned commits what do writes, if this process may write the log.
func (c Checkpoints) owned(ctx context.Context, source string, do func(context.Context) error) error {
	return c.s.transact(ctx, func(ctx context.Context) error {
		if err := c.mayAdd(ctx, source); err != nil {
			return err
		}
		return do(ctx)
	}, true)
}

// mayAdd checks that this process may write the log. For another node's log it also
// changes the head, so that nothing of a keeper can commit once that node is back. It does
// not for its own log, whose head is busy and whose checkpoints its key signs at any time.
func (c Checkpoints) mayAdd(ctx context.Context, source string) error {
	mine := bson.D{{Key: "_id", Value: source}, {Key: "owner", Value: c.s.process}}
	if source == c.s.source(changesLog) || source == c.s.source(accessesLog) {
		owns, err := found(c.s.heads.FindOne(ctx, mine).Err())
		if err == nil && !owns {
			err = errFenced
		}
		return err
	}
	r, err := c.s.heads.UpdateOne(ctx, mine, bson.D{{Key: "$inc", Value: bson.D{{Key: "kept", Value: int64(1)}}}})
	if err == nil && r.MatchedCount == 0 {
		err = errFenced
	}
	return err
}

// Checkpoints visits all checkpoints of a source, oldest first. It implements
// ledgerbridge.CheckpointHistory.
func (c Checkpoints) Checkpoints(ctx context.Context, source string, visit func([]byte) error) error {
	return c.After(ctx, source, 0, visit)
}

// After visits the checkpoints that continue a tree of that size or a larger one.
func (c Checkpoints) After(ctx context.Context, source string, size int64, visit func([]byte) error) error {
	err := each(ctx, c.collection(), between(source, size, -1), options.Find().SetSort(byID), func(one *checkpoint) error { return visit(one.Note) })
	if transient(err) {
		return fmt.Errorf("read checkpoints of %s: %w", source, unavailable(err))
	}
	return err
}

// Takeover says that checkpoints of a source with more than From leaves, up to To
// (0: no end), are signed by a keeper of its node. On a network's ledger the keeper
// may have signed smaller ones, too: it anchors what was not anchored before From.
type Takeover struct {
	Source string `bson:"source"`
	Keeper string `bson:"keeper"`
	From   int64  `bson:"from"`
	To     int64  `bson:"to"`
}

func (s *Store) takeovers() *mongo.Collection { return s.db.Collection("takeovers") }

// Takeovers lists those of a source. Those who can write to the database can add
// some, but cannot sign: the keys of nodes are sealed.
func (s *Store) Takeovers(ctx context.Context, source string) ([]Takeover, error) {
	list, err := all[Takeover](ctx, s.takeovers(), between(source, 0, -1), options.Find().SetSort(byID))
	if err != nil {
		return nil, fmt.Errorf("read takeovers of %s: %w", source, unavailable(err))
	}
	return list, nil
}

// BeginTakeover notes that this node signs checkpoints of another one's log that come
// after the last one. It fails if another process has taken over the log since.
func (s *Store) BeginTakeover(ctx context.Context, source string) error {
	err := s.endTakeoverAnd(ctx, source, func(ctx context.Context, size int64) error {
		_, err := s.takeovers().ReplaceOne(ctx, bson.D{{Key: "_id", Value: entryID(source, size) + "/" + s.opts.Node}},
			Takeover{Source: source, Keeper: s.opts.Node, From: size}, options.Replace().SetUpsert(true))
		return err
	})
	if err != nil {
		return fmt.Errorf("begin the takeover of %s: %w", source, err)
	}
	return nil
}

// EndTakeovers says that this node signs its own logs again.
func (s *Store) EndTakeovers(ctx context.Context) error {
	for _, log := range []string{changesLog, accessesLog} {
		source := s.source(log)
		err := s.endTakeoverAnd(ctx, source, func(context.Context, int64) error { return nil })
		if err != nil {
			return fmt.Errorf("end the takeover of %s: %w", source, err)
		}
	}
	return nil
}

// endTakeoverAnd ends the takeovers of a source at the size of its last checkpoint, and
// then calls follows, if this process may write the log. A takeover without a checkpoint
// is kept, too: the keeper may have signed what it anchored. Only while no record has a
// checkpoint is there nothing that it could have signed.
func (s *Store) endTakeoverAnd(ctx context.Context, source string, follows func(ctx context.Context, size int64) error) error {
	open := append(between(source, 0, -1), bson.E{Key: "to", Value: int64(0)})
	end := func(ctx context.Context) error {
		last, err := s.Checkpoints().Head(ctx, source)
		if err != nil {
			return err
		}
		if last.Size == 0 {
			_, err = s.takeovers().DeleteMany(ctx, open)
		} else {
			_, err = s.takeovers().UpdateMany(ctx, open, bson.D{{Key: "$set", Value: bson.D{{Key: "to", Value: last.Size}}}})
		}
		if err != nil {
			return err
		}
		return follows(ctx, last.Size)
	}
	return s.retry(ctx, func(ctx context.Context) error { return s.Checkpoints().owned(ctx, source, end) })
}
