package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	plan "github.com/aceso-health/aceso/store/search"
)

// addMarks adds the marks of all current versions to their keys, which stay: those of custom
// parameters are in no document. What is damaged keeps what it has.
func (s *Store) addMarks(ctx context.Context) error {
	last := s.tenant()
	for count := 0; ; {
		filter := bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: last}}}, {Key: "st", Value: false}}
		some, err := s.rows(ctx, s.resources, filter, options.Find().SetSort(byID).SetLimit(rowsAtOnce).SetProjection(bson.D{{Key: "body", Value: 0}}))
		if err != nil || len(some) == 0 {
			return err
		}
		var all []mongo.WriteModel
		for _, r := range some {
			last = r.Columns.(*row).id()
			one, err := s.addMarksOf(ctx, r)
			if err != nil {
				return err
			}
			if one != nil {
				all = append(all, one)
			}
		}
		if len(all) > 0 {
			if _, err := s.resources.BulkWrite(ctx, all); err != nil {
				return err
			}
		}
		if count += len(some); count%renewedAtOnce < len(some) && count >= renewedAtOnce {
			s.opts.Report(fmt.Sprintf("marked %d resources with what constraints are about", count))
		}
	}
}

// addMarksOf writes the keys of a resource with further key documents, and returns what
// writes those of another.
func (s *Store) addMarksOf(ctx context.Context, r *plan.Row) (mongo.WriteModel, error) {
	stored := r.Columns.(*row)
	stored.ctx = ctx
	x, err := stored.DecodeIndex()
	if err != nil {
		return nil, nil // the check finds it
	}
	pieces := s.renewed(r, x)
	if len(pieces) == 1 && stored.further == 0 {
		return set(bson.D{{Key: "_id", Value: s.id(r.Ref)}, {Key: "w", Value: r.Stamp}}, pieces[0].fields()), nil
	}
	_, err = stored.rewriteKeys(ctx, pieces, newSorts(x))
	return nil, err
}
