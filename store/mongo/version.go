package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// withoutKeys leaves the search keys of resources where they are.
var withoutKeys = bson.D{{Key: "k", Value: 0}, {Key: "u", Value: 0}, {Key: "d", Value: 0}, {Key: "n", Value: 0}, {Key: "s", Value: 0}}

// GetVersion returns one version of the history.
func (s *Store) GetVersion(ctx context.Context, ref fhir.Ref, number int64) (v store.Version, err error) {
	err = s.snapshot(ctx, func(ctx context.Context) error {
		var p past
		ok, err := found(s.history.FindOne(ctx, bson.D{{Key: "_id", Value: pastID(s.id(ref), number)}}).Decode(&p))
		if err != nil {
			return err
		}
		if !ok {
			return store.ErrNotFound
		}
		epoch, err := s.epoch(ctx)
		if err != nil {
			return err
		}
		shown := []*pastRow{{past: p, resource: s.id(ref)}}
		if err := newProtection(s).protect(ctx, shown); err != nil {
			return err
		}
		v, err = shown[0].full(s, epoch)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("get version: %w", err)
	}
	return v, err
}

// pastRow is a version of the history on its way to the caller.
type pastRow struct {
	past
	resource  string // _id of its resource
	protected fhir.Facts
}

func (r *pastRow) full(s *Store, epoch int64) (store.Version, error) {
	v, err := s.full(r.resource, &r.V, epoch)
	v.Facts = r.protected
	return v, err
}

// protection gives past versions the patients and labels of all later ones: a
// label that was raised later protects the past too.
type protection struct {
	s     *Store
	later map[string]protectors // by resource
}

// protectors is what all later versions say together.
type protectors struct {
	patients []string
	labels   []fhir.Coding
}

func newProtection(s *Store) *protection { return &protection{s, map[string]protectors{}} }

// protect completes rows, which come newest first and, for each resource, without
// gaps, also from call to call.
func (p *protection) protect(ctx context.Context, rows []*pastRow) error {
	if err := p.load(ctx, rows); err != nil {
		return err
	}
	for _, r := range rows {
		own, err := r.V.facts(r.resource)
		if err != nil {
			return err
		}
		later := p.later[r.resource]
		own.Patients = union(slices.Clone(own.Patients), later.patients)
		own.Labels = union(slices.Clone(own.Labels), later.labels)
		slices.Sort(own.Patients)
		p.later[r.resource] = protectors{own.Patients, own.Labels}
		r.protected = own
	}
	return nil
}

// load reads what the versions after those of rows say, for resources that come for
// the first time.
func (p *protection) load(ctx context.Context, rows []*pastRow) error {
	var later bson.A
	for _, r := range rows {
		if _, known := p.later[r.resource]; known {
			continue
		}
		p.later[r.resource] = protectors{}
		later = append(later, bson.D{{Key: "_id", Value: bson.D{
			{Key: "$gt", Value: r.ID}, {Key: "$lt", Value: r.resource + "0"}, // '0' follows '/'
		}}})
	}
	if len(later) == 0 {
		return nil
	}
	cursor, err := p.s.history.Find(ctx, bson.D{{Key: "$or", Value: later}}, options.Find().SetProjection(bson.D{{Key: "f", Value: 1}, {Key: "v", Value: 1}}))
	if err != nil {
		return err
	}
	defer cursor.Close(ctx)
	for cursor.Next(ctx) {
		var v past
		if err := cursor.Decode(&v); err != nil {
			return err
		}
		if err := p.add(&v); err != nil {
			return err
		}
	}
	return cursor.Err()
}

func (p *protection) add(v *past) error {
	facts, err := v.V.facts(v.ID)
	if err != nil {
		return err
	}
	id := resourceOf(v.ID)
	all := p.later[id]
	all.patients, all.labels = union(all.patients, facts.Patients), union(all.labels, facts.Labels)
	p.later[id] = all
	return nil
}
