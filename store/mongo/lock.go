package mongo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/aceso-health/aceso/fhir/search"
)

// lock increments the locks of all guards of a group, before anything else: of two
// transactions that do so at the same time one fails and begins again, and then sees
// what the other wrote. A search alone does not show what another transaction is about
// to create.
func (u *unit) lock(ctx context.Context, group []*member) error {
	ids := map[string]bool{}
	for _, m := range group {
		for _, g := range m.change.Guards {
			lockIDs(ids, u.s.in(g.Query.Type), g.Query.Where)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	now := bson.NewDateTimeFromTime(u.s.opts.Now())
	var models []mongo.WriteModel
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		models = append(models, mongo.NewUpdateOneModel().SetUpsert(true).SetFilter(bson.D{{Key: "_id", Value: id}}).SetUpdate(bson.D{
			{Key: "$inc", Value: bson.D{{Key: "n", Value: int64(1)}}},
			{Key: "$set", Value: bson.D{{Key: "t", Value: now}}},
		}))
	}
	_, err := u.s.locks.BulkWrite(ctx, models)
	return err
}

// lockIDs adds the locks of a condition: one for each of the simple conditions in
// it, so that different criteria that share one exclude each other.
func lockIDs(to map[string]bool, in string, c search.Condition) {
	var members []search.Condition
	switch c := c.(type) {
	case search.All:
		members = c
	case search.Any:
		members = c
	default:
		to[lockID(in, c)] = true
		return
	}
	if len(members) == 0 {
		to[lockID(in, c)] = true
	}
	for _, m := range members {
		lockIDs(to, in, m)
	}
}

// lockID is a hash, because criteria may name patients.
func lockID(in string, c search.Condition) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s%#v", in, c))
	return fmt.Sprintf("%x", sum[:16])
}

// lockLife is how long a lock is kept. It only matters while its transaction runs.
const lockLife = 24 * time.Hour

// dropLocks removes locks that have not been used for lockLife.
func (s *Store) dropLocks(ctx context.Context) error {
	before := bson.NewDateTimeFromTime(s.opts.Now().Add(-lockLife))
	_, err := s.locks.DeleteMany(ctx, bson.D{{Key: "t", Value: bson.D{{Key: "$lt", Value: before}}}})
	return err
}
