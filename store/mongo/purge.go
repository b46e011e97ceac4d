package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

var _ store.Purger = (*Store)(nil)

// Scrub has nothing to do: what a server keeps outside of documents, the store cannot reach.
// What was removed is in the oplog of each member until its oldest entry is later (see
// OplogEnd), in free blocks of its files and in its journal until these are used again.
func (s *Store) Scrub(context.Context, func(done, total int64)) error { return nil }

// purged is a version that is about to be purged.
type purged struct {
	id     string // in history
	of     string // the resource, if it is its current version
	stamp  int64
	facts  []byte
	before string // by what it was purged before
}

// toPurge reads the versions that a member purges, and checks that they are what it says.
// versions are the current ones of what it writes.
func (u *unit) toPurge(ctx context.Context, m *member, versions map[string]int64) ([]purged, error) {
	all := m.change.Purges
	if len(all) == 0 {
		return nil, nil
	}
	if err := u.flush(ctx); err != nil {
		return nil, err
	}
	var pasts, ids bson.A
	for i := range all {
		id := u.s.id(all[i].Ref)
		pasts, ids = append(pasts, pastID(id, all[i].Version)), append(ids, id)
	}
	there, err := u.rowsOf(ctx, u.s.history, pasts)
	if err != nil {
		return nil, err
	}
	now, err := u.rowsOf(ctx, u.s.resources, ids)
	if err != nil {
		return nil, err
	}
	gone := make([]purged, 0, len(all))
	for i := range all {
		p, id := &all[i], u.s.id(all[i].Ref)
		v, last := there[pastID(id, p.Version)], now[id]
		_, replaced := versions[id]
		if v == nil || last == nil || v.Hash != p.Hash || v.Version == last.Version && !v.Deleted && !replaced {
			return nil, store.ErrChanged
		}
		one, err := purgedOf(p, v)
		if err != nil {
			return nil, err
		}
		if v.Version == last.Version && !replaced {
			one.of = id
		}
		gone = append(gone, one)
	}
	return gone, nil
}

// rowsOf reads documents by their ids.
func (u *unit) rowsOf(ctx context.Context, from *mongo.Collection, ids bson.A) (map[string]*plan.Row, error) {
	there := map[string]*plan.Row{}
	fields := bson.D{{Key: "v", Value: 1}, {Key: "w", Value: 1}, {Key: "st", Value: 1}, {Key: "h", Value: 1}, {Key: "f", Value: 1}, {Key: "pb", Value: 1}}
	in := bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
	err := u.s.eachRow(ctx, from, in, options.Find().SetProjection(fields), func(r *plan.Row) error {
		there[r.Columns.(*row).id()] = r
		return nil
	})
	return there, err
}

func purgedOf(p *store.Purge, v *plan.Row) (purged, error) {
	facts, err := v.Facts()
	if err != nil {
		return purged{}, err
	}
	remains := store.Remains(facts, p.Whole)
	packed, err := remains.AppendBinary(nil)
	if err != nil {
		return purged{}, fmt.Errorf("%s: encode facts: %w", p.Ref, err)
	}
	return purged{id: v.Columns.(*row).id(), stamp: v.Stamp, facts: store.Pack(packed), before: v.Purged}, nil
}

// purge adds versions to those pending. One that was purged before keeps its entry.
func (u *unit) purge(gone []purged, by string) {
	for _, p := range gone {
		if p.before == "" {
			p.before = by
		}
		u.purged = append(u.purged, p)
	}
}

// flushPurges comes after the new versions: what was current is so no longer.
func (u *unit) flushPurges(ctx context.Context) error {
	var pasts, current []mongo.WriteModel
	for _, p := range u.purged {
		change := bson.D{
			{Key: "$set", Value: bson.D{{Key: "f", Value: p.facts}, {Key: "st", Value: true}, {Key: "pb", Value: p.before}}},
			{Key: "$unset", Value: bson.D{{Key: "body", Value: ""}, {Key: "s", Value: ""}}},
		}
		update := func(id string) mongo.WriteModel {
			return mongo.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: id}, {Key: "w", Value: p.stamp}}).SetUpdate(change)
		}
		pasts = append(pasts, update(p.id))
		if p.of != "" {
			current = append(current, update(p.of))
		}
	}
	u.purged = nil
	if err := updateAll(ctx, u.s.history, pasts); err != nil {
		return err
	}
	return updateAll(ctx, u.s.resources, current)
}

func updateAll(ctx context.Context, in *mongo.Collection, updates []mongo.WriteModel) error {
	if len(updates) == 0 {
		return nil
	}
	r, err := in.BulkWrite(ctx, updates)
	if err == nil && r.MatchedCount != int64(len(updates)) {
		err = errMoved // cannot be in a snapshot; the next try looks again
	}
	return err
}
