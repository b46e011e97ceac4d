package mongo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/store"
)

// checkMark is what a check leaves for the next one (store.Since.Mark).
type checkMark struct {
	Schema int32  `json:"schema"`
	Stamp  int64  `json:"stamp"` // versions were looked at up to this stamp
	Turn   string `json:"turn"`  // the last turn ended with this resource
}

// straggling is by how much a version may be stamped earlier than one that was committed
// before it: nodes have clocks of their own, and a transaction takes its time.
const straggling = int64(10*time.Minute/time.Millisecond) << store.StampShift

// CheckSince is CheckSome of what has changed since another check: the resources with new
// versions, each as Check does, the indexes and the heads. What it does not look at:
// versions without a resource, and the list of epochs.
func (s *Store) CheckSince(ctx context.Context, since store.Since, visit func(store.Finding) error) ([]byte, error) {
	now, err := s.checkMark(ctx)
	if err != nil {
		return nil, fmt.Errorf("what a check goes on from: %w", unavailable(err))
	}
	var from checkMark
	if json.Unmarshal(since.Mark, &from) != nil || from.Schema != now.Schema {
		err = s.Check(ctx, visit)
	} else {
		now.Turn = from.Turn
		err = s.checkSome(ctx, from, &now, since.Turns, visit)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(now)
}

// checkMark is that of the database as it is now.
func (s *Store) checkMark(ctx context.Context) (checkMark, error) {
	m := checkMark{Schema: s.identity.Schema}
	err := s.snapshot(ctx, func(ctx context.Context) error {
		rows, err := s.rows(ctx, s.history, bson.D{}, options.Find().SetSort(bson.D{{Key: "w", Value: -1}}).
			SetHint(orderIndex).SetLimit(1).SetProjection(bson.D{{Key: "w", Value: 1}}))
		if len(rows) > 0 {
			m.Stamp = rows[0].Stamp
		}
		return err
	})
	return m, err
}

func (s *Store) checkSome(ctx context.Context, from checkMark, to *checkMark, turns int64, visit func(store.Finding) error) error {
	return store.Check(ctx, visit, func(ctx context.Context, findings *store.Findings) error {
		k := &checker{s: s, findings: findings}
		for _, check := range []func(context.Context) error{
			k.checkIndexes,
			func(ctx context.Context) error { return k.checkChanged(ctx, from.Stamp-straggling) },
			func(ctx context.Context) error { return k.checkTurn(ctx, to, turns) },
			k.checkHeads,
		} {
			if err := check(ctx); err != nil {
				return fmt.Errorf("check: %w", unavailable(err))
			}
		}
		return nil
	})
}

// checkChanged checks the resources that have versions above a stamp.
func (k *checker) checkChanged(ctx context.Context, stamp int64) error {
	for {
		last, ids, err := k.changed(ctx, stamp)
		if err != nil || len(ids) == 0 {
			return err
		}
		slices.Sort(ids)
		if err := k.checkGroups(ctx, slices.Compact(ids)); err != nil {
			return err
		}
		stamp = last
	}
}

// changed lists resources with the next versions above a stamp, and the last of their
// stamps. Several nodes may give the same stamp only if their lanes are the same, which
// they never are.
func (k *checker) changed(ctx context.Context, stamp int64) (last int64, ids []string, err error) {
	o := options.Find().SetSort(bson.D{{Key: "w", Value: 1}}).SetHint(orderIndex).SetLimit(idsAtOnce).SetProjection(bson.D{{Key: "w", Value: 1}})
	err = each(ctx, k.s.history, bson.D{{Key: "w", Value: bson.D{{Key: "$gt", Value: stamp}}}}, o, func(v *current) error {
		last, ids = v.Stamp, append(ids, resourceOf(v.ID))
		return nil
	})
	return last, ids, err
}

// checkTurn looks at the next part of all resources, in the order of their ids.
func (k *checker) checkTurn(ctx context.Context, m *checkMark, turns int64) error {
	if turns == 0 {
		return nil
	}
	all, err := k.s.resources.EstimatedDocumentCount(ctx)
	if err != nil {
		return err
	}
	for left := store.NextPart(0, max(all, 1), turns); left > 0; {
		o := options.Find().SetSort(byID).SetLimit(min(left, idsAtOnce))
		ids, err := k.ids(ctx, "resources", bson.D{{Key: "$gt", Value: m.Turn}}, o)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			m.Turn = ""
			return nil
		}
		resources, err := k.checkFurther(ctx, ids)
		if err != nil {
			return err
		}
		if err := k.checkGroups(ctx, resources); err != nil {
			return err
		}
		m.Turn = ids[len(ids)-1]
		left -= int64(len(ids))
	}
	return nil
}
