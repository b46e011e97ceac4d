package mongo

import (
	"context"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// BenchmarkDriver says what one command costs the driver, whoever sends it, in allocations: the
// server, a stand-in, is another process. A read by id alone has seven.
func BenchmarkDriver(b *testing.B) {
	s, err := connect(b.Context(), mongotest.StartApart(b), testOptions("n1"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	epoch := bson.D{{Key: "_id", Value: epochName}}
	if _, err := s.counters.InsertOne(b.Context(), append(epoch, bson.E{Key: "v", Value: int64(7)})); err != nil {
		b.Fatal(err)
	}
	bench := func(name string, do func(context.Context) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := do(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	bench("find", func(ctx context.Context) error { return s.counters.FindOne(ctx, epoch).Err() })
	bench("find encoded", func(ctx context.Context) error { return s.db.RunCommand(ctx, beganCommand).Err() })
	bench("snapshot of two", func(ctx context.Context) error {
		return s.snapshot(ctx, func(ctx context.Context) error {
			if _, err := s.epoch(ctx); err != nil {
				return err
			}
			return s.counters.FindOne(ctx, epoch).Err()
		})
	})
	session, err := s.client.StartSession()
	if err != nil {
		b.Fatal(err)
	}
	defer session.EndSession(b.Context())
	bench("begin, find encoded, commit", func(ctx context.Context) error {
		if err := startTransaction(session, durably()); err != nil {
			return err
		}
		if _, err := s.epoch(mongo.NewSessionContext(ctx, session)); err != nil {
			return err
		}
		return session.CommitTransaction(ctx)
	})
}
