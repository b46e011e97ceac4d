package mongo

import (
	"context"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// The collection named has, for each version that names a Binary, a document without
// fields whose _id is that of the Binary, a space, and that of the version in history.
func namedID(binary, past string) string { return binary + " " + past }

// namedBy is the range of the _ids of a Binary.
func namedBy(binary string) bson.D {
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: binary + " "}, {Key: "$lt", Value: binary + "!"}}}} // '!' follows ' '
}

// namedIDs are the _ids of what a version names.
func (s *Store) namedIDs(past string, f *fhir.Facts) []string {
	names := store.Names(f)
	for i, name := range names {
		names[i] = namedID(s.tenant()+name, past)
	}
	return names
}

// Naming returns the facts of versions that name a Binary.
func (s *Store) Naming(ctx context.Context, binary fhir.Ref, limit int) (all []*fhir.Facts, err error) {
	err = s.snapshot(ctx, func(ctx context.Context) error {
		all, err = s.naming(ctx, s.id(binary), limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read who names a Binary: %w", err)
	}
	return all, nil
}

func (s *Store) naming(ctx context.Context, binary string, limit int) (all []*fhir.Facts, err error) {
	var pasts bson.A
	err = eachRaw(ctx, s.named, namedBy(binary), options.Find().SetSort(byID).SetLimit(int64(limit)), func(doc bson.Raw) error {
		_, past, _ := strings.Cut(doc.Lookup("_id").StringValue(), " ")
		pasts = append(pasts, past)
		return nil
	})
	if err != nil || len(pasts) == 0 {
		return nil, err
	}
	rows, err := s.rows(ctx, s.history, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: pasts}}}},
		options.Find().SetProjection(bson.D{{Key: "f", Value: 1}, {Key: "v", Value: 1}}))
	for _, r := range rows {
		f, err := r.Facts()
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, err
}

// putNames adds the documents of what a version names to those pending.
func (u *unit) putNames(past string, f *fhir.Facts) {
	for _, id := range u.s.namedIDs(past, f) {
		u.names = append(u.names, bson.D{{Key: "_id", Value: id}})
	}
}

// missingNames lists what versions name but the collection named does not have.
func (k *checker) missingNames(ctx context.Context, group []*checked) (missing []string, err error) {
	if k.s.identity.Schema < schemaGoverning {
		return nil, nil
	}
	var ids []string
	for _, c := range group {
		for _, v := range c.versions {
			if f, err := v.Facts(); err == nil { // otherwise it is found elsewhere
				ids = append(ids, k.s.namedIDs(v.id(), f)...)
			}
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return k.missing(ctx, "named", ids)
}
