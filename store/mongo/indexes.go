package mongo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// The names of the indexes, for hints. The number is the generation: a changed index gets
// a new one, so that nodes of both versions can run side by side.
const (
	// Of resources.
	keyIndex    = "keys.1"
	dateIndex   = "dates.1"
	numberIndex = "numbers.1"

	updatedIndex  = "updated.1"
	dateUpIndex   = "dateup.1"
	dateDownIndex = "datedown.1"
	nameUpIndex   = "nameup.1"
	nameDownIndex = "namedown.1"
	// Of resources and history.
	typeIndex = "type.1"
	// Of history.
	orderIndex = "order.1"
	// Of changes and accesses.
	patientIndex = "patient.1"
	agentIndex   = "agent.1"
	// Of kept.
	expiresIndex = "expires.1"
)

// longestBuild is how long an index build may take.
const longestBuild = 7 * 24 * time.Hour

type indexed struct {
	collection string
	indexes    []fieldIndex
}

// fieldIndex is an ascending index of some fields, separated by spaces.
type fieldIndex struct{ name, fields string }

func (x fieldIndex) model() mongo.IndexModel {
	var keys bson.D
	for _, field := range strings.Fields(x.fields) {
		keys = append(keys, bson.E{Key: field, Value: 1})
	}
	return mongo.IndexModel{Keys: keys, Options: options.Index().SetName(x.name)}
}

func allIndexes() []indexed {
	log := []fieldIndex{{patientIndex, "p.p _id"}, {agentIndex, "a _id"}}
	return []indexed{
		{"resources", []fieldIndex{
			{keyIndex, "k o"},
			{dateIndex, "d.p d.c d.s d.e"},
			{numberIndex, "n.p n.lo n.hi"},
			{typeIndex, "r o"},
			{updatedIndex, "r lu o"},
			{dateUpIndex, "r q.d.l o"},
			{dateDownIndex, "r q.d.h o"},
			{nameUpIndex, "r q.n.l o"},
			{nameDownIndex, "r q.n.h o"},
		}},
		{"history", []fieldIndex{{orderIndex, "w"}, {typeIndex, "r w"}}},
		{"changes", log},
		{"accesses", log},
		{"locks", []fieldIndex{{"age.1", "t"}}},
		{"kept", []fieldIndex{{expiresIndex, "x"}}},
	}
}

// withoutIndexes are the collections that transactions write to and that no index creates.
func withoutIndexes() []string {
	return []string{"checkpoints", "counters", "epochs", "heads", "keyring", "named", "takeovers"}
}

// createCollections creates the missing ones: a transaction cannot, across shards or while
// servers are being upgraded to 4.4.
func (s *Store) createCollections(ctx context.Context) error {
	there, err := s.db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return fmt.Errorf("list collections: %w", err)
	}
	for _, name := range withoutIndexes() {
		if slices.Contains(there, name) {
			continue
		}
		if err := s.db.CreateCollection(ctx, name); err != nil && !hasCode(err, collectionExists) { // another node was faster
			return fmt.Errorf("create the collection %s: %w", name, err)
		}
	}
	return nil
}

// collectionExists is the code NamespaceExists.
const collectionExists = 48

// buildIndexes creates the missing indexes. Other nodes go on reading and writing; this
// one waits, because its searches name the indexes.
func (s *Store) buildIndexes(ctx context.Context) error {
	for _, x := range allIndexes() {
		c := s.db.Collection(x.collection)
		missing, err := missingIndexes(ctx, c, x.indexes)
		if err != nil {
			return fmt.Errorf("list indexes of %s: %w", x.collection, err)
		}
		if len(missing) == 0 {
			continue
		}
		if err := s.build(ctx, c, missing); err != nil {
			return fmt.Errorf("build indexes of %s: %w", x.collection, err)
		}
	}
	return nil
}

// build builds indexes in one pass over the documents. A majority of the members must
// have built them, as for every write: by default the server waits for all members, even
// for one that is down.
func (s *Store) build(ctx context.Context, c *mongo.Collection, missing []fieldIndex) error {
	n, err := c.EstimatedDocumentCount(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, longestBuild) // a deadline of its own: it may take hours
	defer cancel()
	start := s.opts.Now()
	if n > 0 {
		s.opts.Report(fmt.Sprintf("building %d indexes over %d documents of %s", len(missing), n, c.Name()))
	}
	models := make([]mongo.IndexModel, len(missing))
	for i, x := range missing {
		models[i] = x.model()
	}
	if _, err := c.Indexes().CreateMany(ctx, models, options.CreateIndexes().SetCommitQuorumMajority()); err != nil {
		return err
	}
	if n > 0 {
		s.opts.Report(fmt.Sprintf("the indexes of %s are ready after %v", c.Name(), s.opts.Now().Sub(start).Round(time.Millisecond)))
	}
	return nil
}

func missingIndexes(ctx context.Context, c *mongo.Collection, all []fieldIndex) ([]fieldIndex, error) {
	specs, err := c.Indexes().ListSpecifications(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(x fieldIndex) bool {
		return slices.ContainsFunc(specs, func(there mongo.IndexSpecification) bool { return there.Name == x.name })
	}), nil
}
