package mongo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// lock increments the locks of all guards of a group, and of the identifiers that it writes,
// before anything else: of two transactions that do so at the same time one fails and begins
// again, and then sees what the other wrote. A search alone does not show what another
// transaction is about to create.
func (u *unit) lock(ctx context.Context, group []*member) error {
	ids := map[string]bool{}
	for _, m := range group {
		for i := range m.change.Guards {
			u.s.guardLocks(ids, &m.change.Guards[i])
		}
		for i := range m.writes {
			for _, id := range m.writes[i].locks {
				ids[id] = true
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	now := bson.NewDateTimeFromTime(u.s.opts.Now())
	count := bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: int64(1)}}}, {Key: "$set", Value: bson.D{{Key: "t", Value: now}}}}
	models := make([]mongo.WriteModel, 0, len(ids))
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		models = append(models, mongo.NewUpdateOneModel().SetUpsert(true).SetFilter(bson.D{{Key: "_id", Value: id}}).SetUpdate(count))
	}
	_, err := u.s.locks.BulkWrite(ctx, models)
	return err
}

// guardLocks adds the locks of a guard: those of the identifiers that all its matches bear,
// which whoever writes one counts up, too; else that of all such guards of the type. A guard
// that a resource is in its version needs none of these.
func (s *Store) guardLocks(to map[string]bool, g *store.Guard) {
	in := s.in(g.Query.Type)
	lockIDs(to, in, g.Query.Where)
	pinned := search.Pinned(g.Query.Where)
	for _, value := range pinned {
		to[identifierLock(in, value)] = true
	}
	if len(pinned) == 0 && g.Versions == nil {
		to[lockID(in, search.All{})] = true
	}
}

// identifierLocks are the locks of the identifiers that a version bears.
func (s *Store) identifierLocks(typ string, x *search.Index) (ids []string) {
	for _, value := range x.Identifiers() {
		ids = append(ids, identifierLock(s.in(typ), value))
	}
	return ids
}

// identifierLock is the same for all criteria that name the value, with its system or
// without.
func identifierLock(in, value string) string { return hashOf(in + "identifier\x00" + value) }

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
	for _, m := range members {
		lockIDs(to, in, m)
	}
}

// lockID is a hash, because criteria may name patients.
func lockID(in string, c search.Condition) string { return hashOf(fmt.Sprintf("%s%#v", in, c)) }

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// lockLife is how long a lock is kept, at least. It only matters while its transaction runs.
const lockLife = 10 * time.Minute

// keepLocks drops old locks now and then until ctx ends: every identifier that is written
// has one.
func (s *Store) keepLocks(ctx context.Context) {
	tick := time.NewTicker(lockLife / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.dropLocks(ctx); err != nil && ctx.Err() == nil {
			s.opts.Report(fmt.Sprintf("old locks cannot be dropped, which is tried again in %v: %v", lockLife/2, err))
		}
	}
}

// dropLocks removes locks that have not been used for lockLife.
func (s *Store) dropLocks(ctx context.Context) error {
	before := bson.NewDateTimeFromTime(s.opts.Now().Add(-lockLife))
	_, err := s.locks.DeleteMany(ctx, bson.D{{Key: "t", Value: bson.D{{Key: "$lt", Value: before}}}})
	return err
}
