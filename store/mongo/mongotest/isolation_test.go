package mongotest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Transactions move money: every snapshot, and the end, has the same sum, and the
// index agrees with the documents.
func TestIsolation(t *testing.T) {
	const accounts, writers, transfers = 6, 4, 60
	s := Start(t)
	ctx, client := connect(t, s)
	c := client.Database("d").Collection("c")
	_, err := c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "n", Value: 1}}})
	check(t, err)
	for i := range accounts {
		_, err := c.InsertOne(ctx, bson.D{{Key: "_id", Value: i}, {Key: "n", Value: 100}})
		check(t, err)
	}
	var mu sync.Mutex
	var want [accounts]int
	var group sync.WaitGroup
	for w := range writers {
		random := rand.New(rand.NewPCG(uint64(w), 0))
		group.Go(func() {
			for range transfers {
				from, to, amount := random.IntN(accounts), random.IntN(accounts), random.IntN(50)
				if err := inTransaction(ctx, client, func(ctx context.Context) error {
					_, err := c.UpdateByID(ctx, from, increment(-amount))
					if err == nil {
						_, err = c.UpdateByID(ctx, to, increment(amount))
					}
					return err
				}); err != nil {
					t.Error(err)
				}
				mu.Lock()
				want[from] -= amount
				want[to] += amount
				mu.Unlock()
			}
		})
	}
	group.Go(func() {
		for range transfers {
			if err := inTransaction(ctx, client, func(ctx context.Context) error { return sum(ctx, c, accounts) }); err != nil {
				t.Error(err)
			}
		}
	})
	group.Wait()
	check(t, sum(ctx, c, accounts))
	for i := range accounts {
		var doc struct{ N int }
		if check(t, c.FindOne(ctx, bson.D{{Key: "_id", Value: i}}).Decode(&doc)); doc.N != 100+want[i] {
			t.Errorf("account %d has %d, want %d", i, doc.N, 100+want[i])
		}
	}
}

func inTransaction(ctx context.Context, client *mongo.Client, do func(ctx context.Context) error) error {
	return client.UseSession(ctx, func(ctx context.Context) error {
		_, err := mongo.SessionFromContext(ctx).WithTransaction(ctx, func(ctx context.Context) (any, error) { return nil, do(ctx) })
		return err
	})
}

// sum reads in halves, and once more by the index.
func sum(ctx context.Context, c *mongo.Collection, accounts int) error {
	total := 0
	for _, filter := range []bson.D{{{Key: "_id", Value: bson.D{{Key: "$lt", Value: accounts / 2}}}}, {{Key: "_id", Value: bson.D{{Key: "$gte", Value: accounts / 2}}}},
		{{Key: "n", Value: bson.D{{Key: "$gte", Value: -1 << 30}}}}} {
		cursor, err := c.Find(ctx, filter, options.Find().SetBatchSize(2))
		if err != nil {
			return err
		}
		var list []struct{ N int }
		if err := cursor.All(ctx, &list); err != nil {
			return err
		}
		for _, d := range list {
			total += d.N
		}
	}
	if total != 2*100*accounts {
		return fmt.Errorf("the sum is %d, want %d", total, 2*100*accounts)
	}
	return nil
}

// Of many transactions that find no document and insert it, one wins.
func TestUpsertRace(t *testing.T) {
	ctx, client := connect(t, Start(t))
	c := client.Database("d").Collection("c")
	_, err := c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "u", Value: 1}}, Options: options.Index().SetUnique(true)})
	check(t, err)
	var group sync.WaitGroup
	for w := range 16 {
		group.Go(func() {
			if err := inTransaction(ctx, client, func(ctx context.Context) error {
				n, err := c.CountDocuments(ctx, bson.D{{Key: "u", Value: "x"}})
				if err == nil && n == 0 {
					_, err = c.InsertOne(ctx, bson.D{{Key: "_id", Value: w}, {Key: "u", Value: "x"}})
				}
				return err
			}); err != nil && !mongo.IsDuplicateKeyError(err) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	n, err := c.CountDocuments(ctx, bson.D{})
	if check(t, err); n != 1 {
		t.Errorf("%d documents, want 1", n)
	}
}

// An abandoned transaction is aborted when its time is up and another needs its keys.
func TestTransactionLifetime(t *testing.T) {
	s := Start(t)
	var mu sync.Mutex
	now := time.Now()
	s.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	ctx, client := connect(t, s)
	c := client.Database("d").Collection("c")
	_, err := c.InsertOne(ctx, bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 0}})
	check(t, err)
	in, session := begin(t, ctx, client)
	_, err = c.UpdateByID(in, 1, increment(1))
	check(t, err)
	limited, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := c.UpdateByID(limited, 1, increment(10)); !mongo.IsTimeout(err) {
		t.Errorf("a write in the way of an open transaction: %v", err)
	}
	mu.Lock()
	now = now.Add(s.TransactionLifetime + time.Second)
	mu.Unlock()
	_, err = c.UpdateByID(ctx, 1, increment(100))
	check(t, err)
	if err := session.CommitTransaction(in); !labelled(err, transientTransactionError) {
		t.Errorf("the commit of the transaction that was left open: %v", err)
	}
	var doc struct{ N int }
	check(t, c.FindOne(ctx, bson.D{}).Decode(&doc))
	if doc.N != 100 && doc.N != 110 {
		t.Errorf("n is %d", doc.N)
	}
}

// A transaction does not see collections and indexes newer than its snapshot, and a new
// index waits for transactions that use the collection.
func TestCatalogAndTransactions(t *testing.T) {
	s := Start(t)
	ctx, client := connect(t, s)
	db := client.Database("d")
	_, err := db.Collection("a").InsertOne(ctx, bson.D{{Key: "_id", Value: 1}})
	check(t, err)
	in, _ := begin(t, ctx, client)
	check(t, db.Collection("a").FindOne(in, bson.D{}).Err())
	_, err = db.Collection("b").InsertOne(ctx, bson.D{{Key: "_id", Value: 1}})
	check(t, err)
	done := make(chan error)
	go func() {
		_, err := db.Collection("a").Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "k", Value: 1}}})
		done <- err
	}()
	_, err = db.Collection("a").InsertOne(in, bson.D{{Key: "_id", Value: 2}, {Key: "k", Value: "x"}})
	check(t, err)
	var e mongo.CommandError
	if err := db.Collection("b").FindOne(in, bson.D{}).Err(); !errors.As(err, &e) || e.Code != 246 || !labelled(err, transientTransactionError) {
		t.Errorf("a collection that is newer than the snapshot: %v", err)
	}
	check(t, <-done)
}
