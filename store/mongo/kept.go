package mongo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/store"
)

// keptRow is a document of the collection kept; its _id is space/key.
type keptRow struct {
	ID      string `bson:"_id"`
	Version int64  `bson:"v"`
	Expires int64  `bson:"x"` // milliseconds since 1970; 0 is never
	Value   []byte `bson:"b"`
}

func keptID(space, key string) string { return space + "/" + key }

func (r *keptRow) row() store.Kept {
	space, key, _ := strings.Cut(r.ID, "/")
	k := store.Kept{Space: space, Key: key, Value: r.Value, Version: r.Version}
	if r.Expires > 0 {
		k.Expires = time.UnixMilli(r.Expires).UTC()
	}
	return k
}

func newKept(k *store.Kept, version int64) keptRow {
	r := keptRow{ID: keptID(k.Space, k.Key), Version: version, Value: k.Value}
	if !k.Expires.IsZero() {
		r.Expires = k.Expires.UnixMilli()
	}
	return r
}

// Kept returns a row that has not expired. A grant or an emergency comes from a snapshot
// that will last: callers judge by it.
func (s *Store) Kept(ctx context.Context, space, key string) (store.Kept, error) {
	var r keptRow
	var there bool
	var epoch int64
	in := s.snapshot
	if space == store.GrantSpace || space == store.EmergencySpace {
		in = s.lastingSnapshot
	}
	err := in(ctx, func(ctx context.Context) (err error) {
		if epoch, err = s.epoch(ctx); err != nil {
			return err
		}
		there, err = found(s.kept.FindOne(ctx, bson.D{{Key: "_id", Value: keptID(space, key)}}).Decode(&r))
		return err
	})
	if err != nil {
		return store.Kept{}, fmt.Errorf("read what is kept: %w", err)
	}
	k := r.row()
	if !there || k.Gone(s.opts.Now()) {
		return store.Kept{}, store.ErrNotFound
	}
	k.Epoch = epoch
	return k, nil
}

// EachKept returns rows of a space in the order of keys. Expired ones do not count.
func (s *Store) EachKept(ctx context.Context, space, after string, limit int) ([]store.Kept, error) {
	now := s.opts.Now().UnixMilli()
	filter := bson.D{
		{Key: "_id", Value: bson.D{{Key: "$gt", Value: keptID(space, after)}, {Key: "$lt", Value: space + "0"}}}, // '0' follows '/'
		{Key: "$or", Value: bson.A{bson.D{{Key: "x", Value: int64(0)}}, bson.D{{Key: "x", Value: bson.D{{Key: "$gt", Value: now}}}}}},
	}
	rows, err := retried(ctx, s, func(ctx context.Context) ([]keptRow, error) {
		return all[keptRow](ctx, s.kept, filter, options.Find().SetSort(byID).SetLimit(int64(limit)))
	})
	if err != nil {
		return nil, fmt.Errorf("read what is kept: %w", err)
	}
	kept := make([]store.Kept, len(rows))
	for i := range rows {
		kept[i] = rows[i].row()
	}
	return kept, nil
}

// SweepKept removes rows that have expired.
func (s *Store) SweepKept(ctx context.Context, limit int) (int, error) {
	past := bson.E{Key: "x", Value: bson.D{{Key: "$gt", Value: int64(0)}, {Key: "$lte", Value: s.opts.Now().UnixMilli()}}}
	rows, err := all[keptRow](ctx, s.kept, bson.D{past}, options.Find().SetHint(expiresIndex).SetLimit(int64(limit)).SetProjection(byID))
	if err != nil || len(rows) == 0 {
		return 0, unavailable(err)
	}
	ids := make(bson.A, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	r, err := s.kept.DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}, past})
	if err != nil {
		return 0, fmt.Errorf("sweep what is kept: %w", unavailable(err))
	}
	return int(r.DeletedCount), nil
}

// AllKept visits the rows that have not expired.
func (s *Store) AllKept(ctx context.Context, visit func(store.Kept) error) error {
	now := s.opts.Now()
	small := options.Find().SetSort(byID).SetBatchSize(rowsAtOnce) // see Erase
	return unavailable(each(ctx, s.kept, bson.D{}, small, func(r *keptRow) error {
		k := r.row()
		if k.Gone(now) {
			return nil
		}
		return visit(k)
	}))
}

// AddKept takes rows in their versions.
func (t *Target) AddKept(ctx context.Context, all []store.Kept) error {
	var models []mongo.WriteModel
	for i := range all {
		r := newKept(&all[i], all[i].Version)
		models = append(models, mongo.NewReplaceOneModel().SetUpsert(true).SetFilter(bson.D{{Key: "_id", Value: r.ID}}).SetReplacement(r))
	}
	if len(models) == 0 {
		return nil
	}
	_, err := t.kept.BulkWrite(ctx, models)
	return unavailable(err)
}

// kept is a row as the transaction sees it.
type kept struct {
	stored  int64 // version in the database, 0: none
	version int64 // 0: none, or expired
	doc     keptRow
	dirty   bool
}

// loadKept reads the rows that the group will replace.
func (u *unit) loadKept(ctx context.Context, group []*member) error {
	u.kept = map[string]*kept{}
	for _, m := range group {
		for i := range m.change.Keep {
			u.kept[keptID(m.change.Keep[i].Space, m.change.Keep[i].Key)] = &kept{}
		}
	}
	if len(u.kept) == 0 {
		return nil
	}
	in := bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: slices.Sorted(maps.Keys(u.kept))}}}}
	fields := bson.D{{Key: "v", Value: 1}, {Key: "x", Value: 1}}
	now := u.s.opts.Now()
	return each(ctx, u.s.kept, in, options.Find().SetProjection(fields), func(r *keptRow) error {
		k := &kept{stored: r.Version, version: r.Version}
		if row := r.row(); row.Gone(now) {
			k.version = 0
		}
		u.kept[r.ID] = k
		return nil
	})
}

// keeps says whether all rows are in the versions that a change expects.
func (u *unit) keeps(all []store.Kept) bool {
	for i := range all {
		if u.kept[keptID(all[i].Space, all[i].Key)].version != all[i].Version {
			return false
		}
	}
	return true
}

// keep notes the rows that a change writes, and the grants that it ends.
func (u *unit) keep(all []store.Kept) {
	for i := range all {
		k := u.kept[keptID(all[i].Space, all[i].Key)]
		k.dirty, k.version = true, 0
		if all[i].Value != nil {
			k.version = all[i].Version + 1
			k.doc = newKept(&all[i], k.version)
		}
	}
	if ended := store.Ended(all); ended != nil {
		u.touched = append(u.touched, ended)
	}
}

// flushKept writes the rows that changed since the last flush.
func (u *unit) flushKept(ctx context.Context) error {
	var created []any
	var replaced []mongo.WriteModel
	for _, id := range slices.Sorted(maps.Keys(u.kept)) {
		k := u.kept[id]
		filter := bson.D{{Key: "_id", Value: id}, {Key: "v", Value: k.stored}}
		switch {
		case !k.dirty:
			continue
		case k.stored == 0 && k.version > 0:
			created = append(created, k.doc)
		case k.stored > 0 && k.version > 0:
			replaced = append(replaced, mongo.NewReplaceOneModel().SetFilter(filter).SetReplacement(k.doc))
		case k.stored > 0:
			replaced = append(replaced, mongo.NewDeleteOneModel().SetFilter(filter))
		}
		k.stored, k.dirty = k.version, false
	}
	if err := insertAll(ctx, u.s.kept, created); err != nil || len(replaced) == 0 {
		return err
	}
	r, err := u.s.kept.BulkWrite(ctx, replaced)
	if err == nil && r.MatchedCount+r.DeletedCount != int64(len(replaced)) {
		err = errMoved // cannot be in a snapshot; the next try looks again
	}
	return err
}
