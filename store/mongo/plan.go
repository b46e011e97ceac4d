package mongo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

var _ store.Indexer = (*Store)(nil)

// planName is the document of counters with the plan of custom search keys.
const planName = "plan"

// planDocument is the plan. A writer knows its number from the head of its log: whoever
// changes the number raises the fences of all heads.
type planDocument struct {
	Number int64  `bson:"number"`
	Turn   int64  `bson:"turn"`
	State  string `bson:"state"`
}

func (s *Store) planned(ctx context.Context) (doc planDocument, err error) {
	_, err = found(s.counters.FindOne(ctx, bson.D{{Key: "_id", Value: planName}}).Decode(&doc))
	return doc, err
}

// Plan returns the plan of custom search keys.
func (s *Store) Plan(ctx context.Context) (p store.Plan, err error) {
	var doc planDocument
	err = s.lastingSnapshot(ctx, func(ctx context.Context) error {
		doc, err = s.planned(ctx)
		return err
	})
	if err == nil && doc.State != "" {
		err = json.Unmarshal([]byte(doc.State), &p)
	}
	if err != nil {
		return p, fmt.Errorf("read the plan of search keys: %w", err)
	}
	return p, nil
}

// byPlan is ErrChanged unless a query was made by the plan of the snapshot, or by none.
func (x *reader) byPlan(number int64) error {
	if number == 0 {
		return nil
	}
	doc, err := x.s.planned(x.ctx)
	if err == nil && doc.Number != number {
		err = store.ErrChanged
	}
	return err
}

// Amend replaces the plan.
func (s *Store) Amend(ctx context.Context, next store.Plan) error {
	return s.amending(ctx, next, func(context.Context) error { return nil })
}

// amending replaces the plan in the transaction of what do writes.
func (s *Store) amending(ctx context.Context, next store.Plan, do func(context.Context) error) error {
	err := s.transacted(ctx, func(ctx context.Context) error {
		if err := s.amend(ctx, next); err != nil {
			return err
		}
		return do(ctx)
	})
	if errors.Is(err, store.ErrChanged) || mongo.IsDuplicateKeyError(err) {
		return store.ErrChanged
	}
	return unavailable(err)
}

func (s *Store) amend(ctx context.Context, next store.Plan) error {
	state, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode the plan of search keys: %w", err)
	}
	before, err := s.planned(ctx)
	if err != nil {
		return err
	}
	if before.Turn != next.Turn-1 {
		return store.ErrChanged
	}
	doc := planDocument{next.Number, next.Turn, string(state)}
	_, err = s.counters.UpdateOne(ctx, bson.D{{Key: "_id", Value: planName}}, bson.D{{Key: "$set", Value: doc}}, options.UpdateOne().SetUpsert(true))
	if err != nil || before.Number == next.Number {
		return err
	}
	_, err = s.heads.UpdateMany(ctx, bson.D{}, bson.D{
		{Key: "$inc", Value: bson.D{{Key: "fence", Value: int64(1)}}},
		{Key: "$set", Value: bson.D{{Key: "plan", Value: next.Number}}},
	})
	return err
}

// joinPlan lets a new head have the number of the plan. It touches the plan, so a transaction
// that changes that number, and does not see the head, fails and begins again.
func (s *Store) joinPlan(ctx context.Context, source string) error {
	var doc planDocument
	err := s.counters.FindOneAndUpdate(ctx, bson.D{{Key: "_id", Value: planName}}, bson.D{{Key: "$inc", Value: bson.D{{Key: "heads", Value: int64(1)}}}},
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&doc)
	if err != nil || doc.Number == 0 {
		return err
	}
	_, err = s.heads.UpdateOne(ctx, bson.D{{Key: "_id", Value: source}}, bson.D{{Key: "$max", Value: bson.D{{Key: "plan", Value: doc.Number}}}})
	return err
}

// rekeyed is a current version and the keys that it should have.
type rekeyed struct {
	*plan.Row
	pieces []index
	sorts  map[string]sortValue
}

// Rekey makes the custom keys of further resources anew.
func (s *Store) Rekey(ctx context.Context, p store.Plan, limit int, keys store.MakeKeys) (store.Plan, error) {
	pass := p.Passes[0]
	var all []rekeyed
	var read int
	last, total := pass.After, int64(0)
	err := s.snapshot(ctx, func(ctx context.Context) (err error) {
		all, read = nil, 0
		if pass.Total == 0 {
			if total, err = s.countLive(ctx, pass.Type); err != nil {
				return err
			}
		}
		after := bson.D{{Key: "r", Value: s.in(pass.Type)}, {Key: "o", Value: bson.D{{Key: "$gt", Value: pass.After}}}}
		rows, err := s.rows(ctx, s.resources, after, options.Find().SetSort(bson.D{{Key: "o", Value: 1}}).SetHint(typeIndex).SetLimit(int64(limit)))
		for _, r := range rows {
			one, err := s.rekeyed(ctx, r, keys)
			if err != nil {
				return err
			}
			if one != nil {
				all = append(all, *one)
			}
			last, read = r.Place, read+1
		}
		return err
	})
	if err != nil {
		return p, fmt.Errorf("make search keys: %w", err)
	}
	next := p.Advance(last, int64(read), read < limit)
	if len(next.Passes) == len(p.Passes) && pass.Total == 0 {
		next.Passes[0].Total = total
	}
	return next, s.amending(ctx, next, func(ctx context.Context) error { return s.rekey(ctx, all) })
}

// countLive is how many documents of a type there are, deleted ones included.
func (s *Store) countLive(ctx context.Context, typ string) (int64, error) {
	cursor, err := s.resources.Aggregate(ctx, bson.A{
		bson.D{{Key: "$match", Value: bson.D{{Key: "r", Value: s.in(typ)}}}}, bson.D{{Key: "$count", Value: "n"}},
	}, options.Aggregate().SetHint(typeIndex))
	if err != nil {
		return 0, err
	}
	var counted []struct {
		N int64 `bson:"n"`
	}
	if err := cursor.All(ctx, &counted); err != nil || len(counted) == 0 {
		return 0, err
	}
	return counted[0].N, nil
}

// rekeyed makes the keys of a version, nil if they are as they should be, or if the version
// is damaged: it keeps those that it has.
func (s *Store) rekeyed(ctx context.Context, r *plan.Row, keys store.MakeKeys) (*rekeyed, error) {
	if r.Deleted {
		return nil, nil
	}
	base, known, err := s.baseURL(ctx, r.Columns.(*row).base)
	if err != nil || !known {
		return nil, err
	}
	doc := opened(r)
	if doc == nil {
		return nil, nil
	}
	own, err := keys(doc, base)
	if err != nil {
		return nil, err
	}
	old, err := r.Index()
	if err != nil {
		return nil, err
	}
	if sameIndex(old.Custom(), own) {
		return nil, nil
	}
	fresh := old.WithCustom(own)
	return &rekeyed{r, s.renewed(r, fresh), newSorts(fresh)}, nil
}

// opened is the document of a version, nil if it is damaged.
func opened(r *plan.Row) *fhir.Resource {
	body, err := store.Unpack(r.PackedBody)
	if err != nil || body == nil {
		return nil
	}
	doc, err := fhir.Open(body)
	if err != nil {
		return nil
	}
	return doc
}

// sameIndex says whether two indexes hold the same.
func sameIndex(a, b *search.Index) bool {
	return slices.Equal(a.Keys, b.Keys) && slices.Equal(a.Dates, b.Dates) && slices.Equal(a.Numbers, b.Numbers) && maps.Equal(newSorts(a), newSorts(b))
}

// rekey writes the keys of versions that are still current.
func (s *Store) rekey(ctx context.Context, all []rekeyed) error {
	var current, pasts []mongo.WriteModel
	for _, one := range all {
		r := one.Columns.(*row)
		if len(one.pieces) > 1 || r.further > 0 {
			if err := r.rekeyLarge(ctx, one); err != nil {
				return err
			}
		} else {
			fields := append(one.pieces[0].fields(), bson.E{Key: "s", Value: one.sorts})
			current = append(current, set(bson.D{{Key: "_id", Value: r.id()}, {Key: "w", Value: r.Stamp}}, fields))
		}
		pasts = append(pasts, set(bson.D{{Key: "_id", Value: pastID(r.id(), r.Version)}}, bson.D{{Key: "s", Value: one.sorts}}))
	}
	if len(current) > 0 {
		if _, err := s.resources.BulkWrite(ctx, current); err != nil {
			return err
		}
	}
	if len(pasts) == 0 {
		return nil
	}
	_, err := s.history.BulkWrite(ctx, pasts)
	return err
}

// rekeyLarge is rekey for a version with further key documents, before or now.
func (r *row) rekeyLarge(ctx context.Context, one rekeyed) error {
	fields := append(one.pieces[0].fields(), bson.E{Key: "s", Value: one.sorts})
	if done, err := r.set(ctx, r.s.resources, fields); !done {
		return err
	}
	u := &unit{s: r.s}
	return u.flushFurther(ctx, []*current{{ID: r.id(), Place: r.Place, storedFurther: max(r.further, one.pieces[0].Further), pieces: one.pieces[1:]}})
}
