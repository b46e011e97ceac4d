package mongo

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// withoutKeys leaves the search keys of resources where they are.
var withoutKeys = bson.D{{Key: "k", Value: 0}, {Key: "u", Value: 0}, {Key: "d", Value: 0}, {Key: "n", Value: 0}, {Key: "s", Value: 0}}

// GetVersion returns one version of the history.
func (s *Store) GetVersion(ctx context.Context, ref fhir.Ref, number int64) (v store.Version, err error) {
	err = s.readSnapshot(ctx, "get version", func(x *reader) error {
		rows, err := s.rows(x.ctx, s.history, bson.D{{Key: "_id", Value: pastID(s.id(ref), number)}}, options.Find().SetLimit(1))
		if err != nil {
			return err
		}
		v, err = search.PastVersion(x, x.epoch, append(rows, nil)[0])
		return err
	})
	return v, err
}

// GetAt returns the version that was current at a time.
func (s *Store) GetAt(ctx context.Context, ref fhir.Ref, at time.Time) (v store.Version, err error) {
	var found []*search.Row
	var epoch int64
	err = s.snapshot(ctx, func(ctx context.Context) (err error) {
		if epoch, err = s.epoch(ctx); err != nil {
			return err
		}
		filter := bson.D{{Key: "_id", Value: after(s.id(ref), 0)}, {Key: "lu", Value: bson.D{{Key: "$lte", Value: bson.NewDateTimeFromTime(at)}}}}
		found, err = s.rows(ctx, s.history, filter, options.Find().SetSort(bson.D{{Key: "_id", Value: -1}}).SetLimit(1).SetHint(byID))
		return err
	})
	switch {
	case err != nil:
		return v, fmt.Errorf("get what was: %w", err)
	case len(found) == 0:
		return v, store.ErrNotFound
	}
	return found[0].Full(epoch)
}
