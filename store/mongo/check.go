package mongo

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/store"
)

// findingFile is the File of findings.
const findingFile = "MongoDB"

// The bounds of a check.
const (
	idsAtOnce     = 1000 // ids read together
	checkedAtOnce = 100  // resources checked in one snapshot
)

// CheckOptions say how much Check looks at.
type CheckOptions struct {
	// Sample checks about one resource in so many; 0 and 1 check all.
	Sample int
	// Repair rewrites search keys that differ from what the document says. It changes
	// nothing else: a damaged document cannot be derived from anything.
	Repair bool
}

// Check compares everything with what can be derived again; see CheckSome.
func (s *Store) Check(ctx context.Context, visit func(store.Finding) error) error {
	return s.CheckSome(ctx, CheckOptions{}, visit)
}

// CheckSome compares what is stored with what can be derived again: documents with
// their hashes, search keys and facts with the documents, current versions with
// the history, heads with the logs. It does not check the entries of the logs,
// which ledgerbridge does, nor documents against the change log, which package
// access does. Each resource is read in one snapshot, even while nodes write. An
// error of visit ends the check; any other error means that the check failed.
func (s *Store) CheckSome(ctx context.Context, o CheckOptions, visit func(store.Finding) error) error {
	return store.Check(ctx, visit, func(ctx context.Context, findings *store.Findings) error {
		k := &checker{s: s, o: o, findings: findings}
		for _, check := range []func(context.Context) error{k.checkIndexes, k.checkResources, k.checkOrphans, k.checkHeads, k.checkEpochs} {
			if err := check(ctx); err != nil {
				return fmt.Errorf("check: %w", unavailable(err))
			}
		}
		return nil
	})
}

type checker struct {
	s        *Store
	o        CheckOptions
	findings *store.Findings
}

func (k *checker) found(table, row, column, what string) {
	k.findings.Add(store.Finding{File: findingFile, Table: table, Row: row, Column: column, What: what})
}

// checkIndexes looks for missing indexes.
func (k *checker) checkIndexes(ctx context.Context) error {
	for _, x := range allIndexes() {
		missing, err := missingIndexes(ctx, k.s.db.Collection(x.collection), x.indexes)
		if err != nil {
			return err
		}
		for _, m := range missing {
			k.found(x.collection, "", m.name, "the index is missing: start a node, which builds it")
		}
	}
	return nil
}

// checkResources walks the resources, or a sample, in the order of their ids.
func (k *checker) checkResources(ctx context.Context) error {
	return k.eachID(ctx, "resources", func(ids []string) error {
		ids, err := k.checkFurther(ctx, ids)
		if err != nil {
			return err
		}
		if k.o.Sample > 1 {
			ids = slices.DeleteFunc(ids, func(string) bool { return rand.IntN(k.o.Sample) != 0 })
		}
		return k.checkGroups(ctx, ids)
	})
}

// checkGroups is not part of checkResources because that is called as a method value:
// see .ci/miscompiled.
func (k *checker) checkGroups(ctx context.Context, ids []string) error {
	for group := range slices.Chunk(ids, checkedAtOnce) {
		if err := k.checkGroup(ctx, group); err != nil {
			return err
		}
	}
	return nil
}

// eachID visits all _ids of a collection in groups.
func (k *checker) eachID(ctx context.Context, collection string, visit func([]string) error) error {
	for last := ""; ; {
		ids, err := k.ids(ctx, collection, bson.D{{Key: "$gt", Value: last}}, options.Find().SetSort(byID).SetLimit(idsAtOnce))
		if err != nil || len(ids) == 0 {
			return err
		}
		last = ids[len(ids)-1]
		if err := visit(ids); err != nil {
			return err
		}
	}
}

// ids gives the _ids that satisfy a condition.
func (k *checker) ids(ctx context.Context, collection string, condition bson.D, o *options.FindOptionsBuilder) ([]string, error) {
	var ids []string
	err := each(ctx, k.s.db.Collection(collection), bson.D{{Key: "_id", Value: condition}}, o.SetProjection(byID), func(e *entry) error {
		ids = append(ids, e.ID)
		return nil
	})
	return ids, err
}

// missing keeps those of ids that are not in a collection.
func (k *checker) missing(ctx context.Context, collection string, ids []string) ([]string, error) {
	there, err := k.ids(ctx, collection, bson.D{{Key: "$in", Value: ids}}, options.Find())
	slices.Sort(there)
	return slices.DeleteFunc(ids, func(id string) bool {
		_, found := slices.BinarySearch(there, id)
		return found
	}), err
}

// checkOrphans looks for versions without a resource.
func (k *checker) checkOrphans(ctx context.Context) error {
	if k.o.Sample > 1 {
		return nil
	}
	return k.eachID(ctx, "history", func(ids []string) error {
		for i, id := range ids {
			ids[i] = resourceOf(id)
		}
		missing, err := k.missing(ctx, "resources", slices.Compact(ids))
		for _, owner := range missing {
			k.found("resources", owner, "", "is missing: versions in history belong to it")
		}
		return err
	})
}

// checkHeads compares the heads with the ends of the logs.
func (k *checker) checkHeads(ctx context.Context) error {
	sources, err := k.s.Sources(ctx)
	if err != nil {
		return err
	}
	for _, source := range sources {
		var h head
		var size int64
		err := k.s.snapshot(ctx, func(ctx context.Context) (err error) {
			if err = k.s.heads.FindOne(ctx, bson.D{{Key: "_id", Value: source}}).Decode(&h); err == nil {
				size, err = k.s.Log(source).Size(ctx)
			}
			return err
		})
		if err == nil && h.End.Size != size {
			k.found("heads", source, "size", fmt.Sprintf("is %d, but the log has %d entries", h.End.Size, size))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkEpochs looks for gaps in the list of changes that wrote what governs access.
func (k *checker) checkEpochs(ctx context.Context) error {
	var epoch int64
	var all []touch
	err := k.s.snapshot(ctx, func(ctx context.Context) (err error) {
		if epoch, err = k.s.epoch(ctx); err == nil {
			all, err = k.s.touchedSince(ctx, math.MinInt64)
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, t := range all {
		if t.Epoch != int64(i)+1 {
			k.found("epochs", fmt.Sprint(i+1), "", "is missing")
			return nil
		}
	}
	if epoch != int64(len(all)) {
		k.found("counters", epochName, "v", fmt.Sprintf("is %d, but %d changes wrote what governs access", epoch, len(all)))
	}
	return nil
}
