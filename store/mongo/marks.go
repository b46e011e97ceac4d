package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// markedAtOnce is after how many resources an upgrade says how far it is.
const markedAtOnce = 250_000

// addMarks writes the marks (see search.Mark) of all current resources. A damaged one is
// judged by itself.
func (s *Store) addMarks(ctx context.Context) error {
	last := s.tenant()
	for count := 0; ; {
		some, err := s.rows(ctx, s.resources, bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: last}}}},
			options.Find().SetSort(byID).SetLimit(rowsAtOnce).SetProjection(bson.D{{Key: "body", Value: 0}}))
		if err != nil || len(some) == 0 {
			return err
		}
		var writes []mongo.WriteModel
		for _, r := range some {
			last = r.Columns.(*row).id()
			mark := search.RowKey
			if facts, err := store.UnpackFacts(r.PackedFacts); err == nil {
				mark = search.Mark(&facts)
			}
			if !r.Deleted && mark != "" {
				add := bson.D{{Key: "$addToSet", Value: bson.D{{Key: "k", Value: s.in(r.Ref.Type) + mark}}}}
				writes = append(writes, mongo.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: last}, {Key: "w", Value: r.Stamp}}).SetUpdate(add))
			}
		}
		if len(writes) > 0 {
			if _, err := s.resources.BulkWrite(ctx, writes); err != nil {
				return err
			}
		}
		if count += len(some); count%markedAtOnce < len(some) && count >= markedAtOnce {
			s.opts.Report(fmt.Sprintf("read whose data %d resources are", count))
		}
	}
}
