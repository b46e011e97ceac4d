package mongo

import (
	"context"
	"fmt"
	"slices"
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
	// Of resources and history.
	typeIndex = "type.1"
	// Of history.
	orderIndex = "order.1"
	// Of changes and accesses.
	patientIndex = "patient.1"
	agentIndex   = "agent.1"
)

// longestBuild is how long an index build may take.
const longestBuild = 7 * 24 * time.Hour

type indexed struct {
	collection string
	models     []mongo.IndexModel
}

func indexModel(name string, fields ...any) mongo.IndexModel {
	var keys bson.D
	for i := 0; i < len(fields); i += 2 {
		keys = append(keys, bson.E{Key: fields[i].(string), Value: fields[i+1]})
	}
	return mongo.IndexModel{Keys: keys, Options: options.Index().SetName(name)}
}

func allIndexes() []indexed {
	log := []mongo.IndexModel{
		indexModel(patientIndex, "p.p", 1, "_id", 1),
		indexModel(agentIndex, "a", 1, "_id", 1),
	}
	return []indexed{
		{"resources", []mongo.IndexModel{
			indexModel(keyIndex, "k", 1, "o", 1),
			indexModel(dateIndex, "d.p", 1, "d.c", 1, "d.s", 1, "d.e", 1),
			indexModel(numberIndex, "n.p", 1, "n.lo", 1, "n.hi", 1),
			indexModel(typeIndex, "r", 1, "o", 1),
		}},
		{"history", []mongo.IndexModel{
			indexModel(orderIndex, "w", 1),
			indexModel(typeIndex, "r", 1, "w", 1),
		}},
		{"changes", log},
		{"accesses", log},
		{"locks", []mongo.IndexModel{indexModel("age.1", "t", 1)}},
	}
}

// withoutIndexes are the collections that transactions write to and that no index creates.
func withoutIndexes() []string {
	return []string{"checkpoints", "counters", "epochs", "heads", "keyring", "takeovers"}
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
		missing, err := missingIndexes(ctx, c, x.models)
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
func (s *Store) build(ctx context.Context, c *mongo.Collection, missing []mongo.IndexModel) error {
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
	if _, err := c.Indexes().CreateMany(ctx, missing, options.CreateIndexes().SetCommitQuorumMajority()); err != nil {
		return err
	}
	if n > 0 {
		s.opts.Report(fmt.Sprintf("the indexes of %s are ready after %v", c.Name(), s.opts.Now().Sub(start).Round(time.Millisecond)))
	}
	return nil
}

func missingIndexes(ctx context.Context, c *mongo.Collection, models []mongo.IndexModel) ([]mongo.IndexModel, error) {
	specs, err := c.Indexes().ListSpecifications(ctx)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, spec := range specs {
		there[spec.Name] = true
	}
	var missing []mongo.IndexModel
	for _, m := range models {
		name, err := indexName(m)
		if err != nil {
			return nil, err
		}
		if !there[name] {
			missing = append(missing, m)
		}
	}
	return missing, nil
}

func indexName(m mongo.IndexModel) (string, error) {
	var o options.IndexOptions
	for _, set := range m.Options.List() {
		if err := set(&o); err != nil {
			return "", err
		}
	}
	return *o.Name, nil
}
