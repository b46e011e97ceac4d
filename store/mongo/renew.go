package mongo

import (
	"context"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	plan "github.com/aceso-health/aceso/store/search"
)

// renewedAtOnce is after how many versions an upgrade says how far it is.
const renewedAtOnce = 250_000

// renewIndex derives the search keys of all versions again, for an older program derived
// others. What is damaged keeps its keys.
func (s *Store) renewIndex(ctx context.Context) error {
	large, err := s.largeTypes(ctx)
	if err != nil {
		return err
	}
	last := s.tenant()
	for count := 0; ; {
		some, err := s.rows(ctx, s.history, bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: last}}}},
			options.Find().SetSort(byID).SetLimit(rowsAtOnce))
		if err != nil || len(some) == 0 {
			return err
		}
		var pasts, current []mongo.WriteModel
		for _, r := range some {
			last = r.Columns.(*row).id()
			x, err := s.derive(ctx, r)
			if err != nil {
				return err
			}
			if x == nil {
				continue
			}
			pasts = append(pasts, set(bson.D{{Key: "_id", Value: last}}, bson.D{{Key: "s", Value: newSorts(x)}}))
			pieces := s.renewed(r, x)
			if len(pieces) > 1 || slices.Contains(large, s.in(r.Ref.Type)) {
				if err := s.renewLarge(ctx, r, pieces, newSorts(x)); err != nil {
					return err
				}
				continue
			}
			fields := append(pieces[0].fields(), bson.E{Key: "s", Value: newSorts(x)})
			current = append(current, set(bson.D{{Key: "_id", Value: s.id(r.Ref)}, {Key: "w", Value: r.Stamp}}, fields))
		}
		if len(pasts) > 0 {
			if _, err := s.history.BulkWrite(ctx, pasts); err != nil {
				return err
			}
		}
		if len(current) > 0 {
			if _, err := s.resources.BulkWrite(ctx, current); err != nil {
				return err
			}
		}
		if count += len(some); count%renewedAtOnce < len(some) && count >= renewedAtOnce {
			s.opts.Report(fmt.Sprintf("derived the search keys of %d versions", count))
		}
	}
}

func set(filter, fields bson.D) mongo.WriteModel {
	return mongo.NewUpdateOneModel().SetFilter(filter).SetUpdate(bson.D{{Key: "$set", Value: fields}})
}

// derive gives the search keys that a version should have, nil if it has none or is damaged.
func (s *Store) derive(ctx context.Context, r *plan.Row) (*search.Index, error) {
	if r.Deleted {
		return nil, nil
	}
	base, known, err := s.baseURL(ctx, r.Columns.(*row).base)
	if err != nil || !known {
		return nil, err
	}
	x, err := plan.Derive(r.PackedBody, base)
	if err != nil {
		return nil, nil // the check finds it
	}
	return x, nil
}

// renewed are the search keys of a current version.
func (s *Store) renewed(r *plan.Row, x *search.Index) []index {
	facts, err := r.Facts()
	if err != nil {
		return s.newPieces(r.Ref.Type, x, &fhir.Facts{}, []string{search.RowKey})
	}
	return s.newPieces(r.Ref.Type, x, facts, search.Marks(facts, r.Owner))
}

// renewLarge writes the keys of a version that has, or had, more than one document holds, if
// it is the current one.
func (s *Store) renewLarge(ctx context.Context, r *plan.Row, pieces []index, sorts map[string]sortValue) error {
	filter := bson.D{{Key: "_id", Value: s.id(r.Ref)}, {Key: "w", Value: r.Stamp}}
	current, err := s.rows(ctx, s.resources, filter, options.Find())
	if err != nil || len(current) == 0 {
		return err
	}
	_, err = current[0].Columns.(*row).rewriteKeys(ctx, pieces, sorts)
	return err
}

// largeTypes are those of which some resources have further key documents.
func (s *Store) largeTypes(ctx context.Context) (large []string, err error) {
	err = s.snapshot(ctx, func(ctx context.Context) error {
		at, err := s.began(ctx)
		large = at.Large
		return err
	})
	return large, err
}

// fields are those of the document.
func (x index) fields() bson.D {
	return bson.D{
		{Key: "k", Value: x.Keys}, {Key: "u", Value: x.More}, {Key: "d", Value: x.Dates}, {Key: "n", Value: x.Numbers},
		{Key: "x", Value: x.Further}, {Key: "q", Value: x.Orders},
	}
}
