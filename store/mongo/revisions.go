package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Revision is one revision of the policies.
type Revision struct {
	Name    string `bson:"revision"` // hash of everything that decides
	BuiltIn bool   `bson:"builtin"`  // it came with the program
}

// Policies is the collection policies: all revisions that were ever in force, and which
// one is now.
type Policies struct{ s *Store }

// Policies gives access to the policies that are in force on all nodes.
func (s *Store) Policies() Policies { return Policies{s} }

func (p Policies) collection() *mongo.Collection { return p.s.db.Collection("policies") }

// activeID is the _id of the document that names the revision in force. Those of
// revisions have their names.
const activeID = "active"

// Active is the revision in force; its name is "" if none was ever activated.
func (p Policies) Active(ctx context.Context) (r Revision, err error) {
	if _, err = found(p.collection().FindOne(ctx, bson.D{{Key: "_id", Value: activeID}}).Decode(&r)); err != nil {
		return r, fmt.Errorf("read policies: %w", unavailable(err))
	}
	return r, nil
}

// Archive returns what Activate kept for a revision.
func (p Policies) Archive(ctx context.Context, revision string) ([]byte, error) {
	var doc struct {
		Archive []byte `bson:"archive"`
	}
	if err := p.collection().FindOne(ctx, bson.D{{Key: "_id", Value: revision}}).Decode(&doc); err != nil {
		return nil, fmt.Errorf("read policies of revision %s: %w", revision, unavailable(err))
	}
	return doc.Archive, nil
}

// Activate keeps a revision and puts it in force for all nodes. With first, it does
// so only if none is in force.
func (p Policies) Activate(ctx context.Context, r Revision, archive []byte, first bool) error {
	upsert := options.UpdateOne().SetUpsert(true)
	_, err := p.collection().UpdateOne(ctx, bson.D{{Key: "_id", Value: r.Name}},
		bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "archive", Value: archive}}}}, upsert)
	if err == nil || mongo.IsDuplicateKeyError(err) {
		how := "$set"
		if first {
			how = "$setOnInsert"
		}
		_, err = p.collection().UpdateOne(ctx, bson.D{{Key: "_id", Value: activeID}}, bson.D{{Key: how, Value: r}}, upsert)
	}
	if err != nil && !mongo.IsDuplicateKeyError(err) {
		return fmt.Errorf("activate policies: %w", unavailable(err))
	}
	return nil
}
