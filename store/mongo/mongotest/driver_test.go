package mongotest

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// connect is the driver on a server.
func connect(t *testing.T, s *Server, more ...*options.ClientOptions) (context.Context, *mongo.Client) {
	t.Helper()
	client, err := mongo.Connect(append(more, options.Client().ApplyURI(s.URI()))...)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background() // with a deadline, the driver would retry until then
	t.Cleanup(func() { _ = client.Disconnect(ctx) })
	return ctx, client
}

// begin opens a transaction; its context is for what runs in it.
func begin(t *testing.T, ctx context.Context, client *mongo.Client) (context.Context, *mongo.Session) {
	t.Helper()
	session, err := client.StartSession()
	check(t, err)
	t.Cleanup(func() { session.EndSession(ctx) })
	check(t, session.StartTransaction())
	return mongo.NewSessionContext(ctx, session), session
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDriver(t *testing.T) {
	ctx, client := connect(t, Start(t))
	c := client.Database("d").Collection("c")
	_, err := c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "k", Value: 1}, {Key: "o", Value: -1}}})
	check(t, err)
	for i := range 300 {
		_, err := c.InsertOne(ctx, bson.D{{Key: "_id", Value: i}, {Key: "k", Value: bson.A{"a", i % 3}}, {Key: "o", Value: i}})
		check(t, err)
	}
	cursor, err := c.Find(ctx, bson.D{{Key: "k", Value: 1}}, options.Find().SetSort(bson.D{{Key: "o", Value: -1}}).SetBatchSize(7))
	check(t, err)
	var found []struct {
		ID int `bson:"_id"`
	}
	check(t, cursor.All(ctx, &found))
	if len(found) != 100 || found[0].ID != 298 || found[99].ID != 1 {
		t.Errorf("found %d: %v", len(found), found)
	}
	n, err := c.CountDocuments(ctx, bson.D{{Key: "k", Value: "a"}})
	if check(t, err); n != 300 {
		t.Errorf("%d documents", n)
	}
	_, err = c.InsertOne(ctx, bson.D{{Key: "_id", Value: 5}})
	if !mongo.IsDuplicateKeyError(err) {
		t.Errorf("the same id again: %v", err)
	}
}

// The driver retries a transaction after a write conflict.
func TestDriverTransaction(t *testing.T) {
	ctx, client := connect(t, Start(t))
	c := client.Database("d").Collection("c")
	_, err := c.InsertOne(ctx, bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 0}})
	check(t, err)
	const writers, each = 8, 20
	failed := make(chan error, writers)
	for range writers {
		go func() {
			failed <- client.UseSession(ctx, func(ctx context.Context) error {
				for range each {
					if _, err := mongo.SessionFromContext(ctx).WithTransaction(ctx, func(ctx context.Context) (any, error) {
						return c.UpdateByID(ctx, 1, bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}})
					}); err != nil {
						return err
					}
				}
				return nil
			})
		}()
	}
	for range writers {
		check(t, <-failed)
	}
	var doc struct{ N int }
	check(t, c.FindOne(ctx, bson.D{}).Decode(&doc))
	if doc.N != writers*each {
		t.Errorf("%d increments, want %d", doc.N, writers*each)
	}
}

// A write outside a transaction waits for a conflicting transaction.
func TestWriteWaitsForTransaction(t *testing.T) {
	s := Start(t)
	ctx, client := connect(t, s)
	c := client.Database("d").Collection("c")
	_, err := c.InsertOne(ctx, bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 0}})
	check(t, err)
	inc := bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}}
	in, session := begin(t, ctx, client)
	_, err = c.UpdateByID(in, 1, inc)
	check(t, err)
	done := make(chan error)
	go func() {
		_, err := c.UpdateByID(ctx, 1, inc)
		done <- err
	}()
	for s.Counts()["update"] < 2 { // then it waits
		time.Sleep(time.Millisecond)
	}
	check(t, session.CommitTransaction(in))
	check(t, <-done)
	var doc struct{ N int }
	check(t, c.FindOne(ctx, bson.D{}).Decode(&doc))
	if doc.N != 2 {
		t.Errorf("%d increments, want 2", doc.N)
	}
}

// Counts tell what an operation costs in commands, by name.
func TestCounts(t *testing.T) {
	s := Start(t)
	ctx, client := connect(t, s)
	c := client.Database("d").Collection("c")
	insert := func() {
		_, err := c.InsertMany(ctx, []any{bson.D{}, bson.D{}})
		check(t, err)
	}
	insert()
	before := s.Counts()
	insert()
	check(t, client.UseSession(ctx, func(ctx context.Context) error {
		_, err := mongo.SessionFromContext(ctx).WithTransaction(ctx, func(ctx context.Context) (any, error) {
			return nil, c.FindOne(ctx, bson.D{}).Err()
		})
		return err
	}))
	check(t, client.Ping(ctx, nil))
	want := Counts{"insert": 1, "find": 1, "commitTransaction": 1}
	if got := s.Counts().Since(before); !maps.Equal(got, want) {
		t.Errorf("%v arrived, want %v", got, want)
	}
}

func TestStandalone(t *testing.T) {
	ctx, client := connect(t, StartStandalone(t))
	err := client.UseSession(ctx, func(ctx context.Context) error {
		_, err := mongo.SessionFromContext(ctx).WithTransaction(ctx, func(ctx context.Context) (any, error) {
			return client.Database("d").Collection("c").InsertOne(ctx, bson.D{{Key: "_id", Value: 1}})
		})
		return err
	})
	var e mongo.CommandError
	if !errors.As(err, &e) || e.Code != 20 {
		t.Errorf("a transaction on a standalone server: %v", err)
	}
}
