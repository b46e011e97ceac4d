package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// OplogEnd names where the servers' oplog ends now: seconds since 1970, and a counter. What
// was written before is in the oplog of each member until its oldest entry is later.
func (s *Store) OplogEnd(ctx context.Context) (string, error) {
	end, err := retried(ctx, s, func(ctx context.Context) (*bson.Timestamp, error) {
		var reply struct {
			At *bson.Timestamp `bson:"operationTime"`
		}
		err := s.db.RunCommand(ctx, bson.D{{Key: "ping", Value: 1}}).Decode(&reply)
		return reply.At, err
	})
	if err == nil && end == nil {
		err = errors.New("the server does not say where its oplog ends")
	}
	if err != nil {
		return "", fmt.Errorf("find the end of the oplog: %w", unavailable(err))
	}
	return fmt.Sprintf("%d.%d", end.T, end.I), nil
}
