package mongotest

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func increment(n int) bson.D {
	return bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: n}}}}
}

// transact increments two counters in one transaction, by hand: only the driver's
// retryable commit tries again.
func transact(ctx context.Context, client *mongo.Client) error {
	return client.UseSession(ctx, func(ctx context.Context) error {
		session := mongo.SessionFromContext(ctx)
		if err := session.StartTransaction(); err != nil {
			return err
		}
		for id := range 2 {
			if _, err := client.Database("d").Collection("c").UpdateByID(ctx, id, increment(1)); err != nil {
				return errors.Join(err, session.AbortTransaction(context.WithoutCancel(ctx)))
			}
		}
		return session.CommitTransaction(ctx)
	})
}

func insertCounters(t *testing.T, ctx context.Context, client *mongo.Client) {
	t.Helper()
	_, err := client.Database("d").Collection("c").InsertMany(ctx, []any{bson.D{{Key: "_id", Value: 0}, {Key: "n", Value: 0}}, bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 0}}})
	check(t, err)
}

func counters(t *testing.T, ctx context.Context, client *mongo.Client) [2]int {
	t.Helper()
	var list []struct{ N int }
	cursor, err := client.Database("d").Collection("c").Find(ctx, bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
	check(t, err)
	check(t, cursor.All(ctx, &list))
	if len(list) != 2 {
		t.Fatalf("%d counters", len(list))
	}
	return [2]int{list[0].N, list[1].N}
}

func labelled(err error, label string) bool {
	var e mongo.LabeledError
	return errors.As(err, &e) && e.HasErrorLabel(label)
}

// Each fault has its effect on a transaction.
func TestFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault Fault
		label string // "": no error
		done  bool
	}{
		"no fault":                     {Fault{Command: "nosuch", Do: DropBefore}, "", true},
		"drop before a write":          {Fault{Command: "update", Do: DropBefore}, transientTransactionError, false},
		"drop after a write":           {Fault{Command: "update", Nth: 2, Do: DropAfter}, transientTransactionError, false},
		"conflict":                     {Fault{Command: "update", Nth: 2, Do: WriteConflict}, transientTransactionError, false},
		"transient write":              {Fault{Command: "update", Do: TransientTransactionError}, transientTransactionError, false},
		"transient commit":             {Fault{Command: "commitTransaction", Do: TransientTransactionError}, transientTransactionError, false},
		"no primary for a write":       {Fault{Command: "update", Nth: 2, Do: NotWritablePrimary}, transientTransactionError, false},
		"no primary for a commit":      {Fault{Command: "commitTransaction", Do: NotWritablePrimary}, transientTransactionError, false},
		"drop before commit, again":    {Fault{Command: "commitTransaction", Do: DropBefore}, "", true},
		"drop after commit, again":     {Fault{Command: "commitTransaction", Do: DropAfter}, "", true},
		"drop after commit, each time": {Fault{Command: "commitTransaction", Times: 2, Do: DropAfter}, "UnknownTransactionCommitResult", true},
		"unknown, committed":           {Fault{Command: "commitTransaction", Do: UnknownCommit}, "UnknownTransactionCommitResult", true},
		"unknown, lost":                {Fault{Command: "commitTransaction", Do: LostCommit}, "UnknownTransactionCommitResult", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Start(t)
			ctx, client := connect(t, s)
			insertCounters(t, ctx, client)
			rule := s.Fail(test.fault)
			err := transact(ctx, client)
			if test.label == "" && err != nil || test.label != "" && !labelled(err, test.label) {
				t.Errorf("the transaction says %v, want label %q", err, test.label)
			}
			if want := max(test.fault.Times, 1); name != "no fault" && rule.Fired() != want {
				t.Errorf("%d faults, want %d", rule.Fired(), want)
			}
			rule.Remove()
			want := [2]int{}
			if test.done {
				want = [2]int{1, 1}
			}
			if got := counters(t, ctx, client); got != want {
				t.Errorf("counters are %v, want %v", got, want)
			}
			check(t, transact(ctx, client)) // nothing is left locked
		})
	}
}

// A retryable write whose connection breaks has its effect exactly once.
func TestRetryableWrites(t *testing.T) {
	for name, do := range map[string]Action{"drop before": DropBefore, "drop after": DropAfter, "no primary": NotWritablePrimary} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			retryWrites(t, do)
		})
	}
}

func retryWrites(t *testing.T, do Action) {
	s := Start(t)
	ctx, client := connect(t, s)
	c := client.Database("d").Collection("c")
	var rules []*Rule
	for _, command := range []string{"insert", "update", "findAndModify", "delete"} {
		rules = append(rules, s.Fail(Fault{Command: command, Do: do}))
	}
	r, err := c.InsertMany(ctx, []any{bson.D{{Key: "_id", Value: 1}}, bson.D{{Key: "_id", Value: 2}}})
	if check(t, err); len(r.InsertedIDs) != 2 {
		t.Errorf("inserted %v", r.InsertedIDs)
	}
	u, err := c.UpdateByID(ctx, 1, increment(1))
	if check(t, err); u.ModifiedCount != 1 {
		t.Errorf("updated %v", u)
	}
	var doc struct{ N int }
	err = c.FindOneAndUpdate(ctx, bson.D{{Key: "_id", Value: 1}}, increment(1), options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&doc)
	if check(t, err); doc.N != 2 {
		t.Errorf("found and updated %v", doc)
	}
	d, err := c.DeleteOne(ctx, bson.D{{Key: "_id", Value: 2}})
	if check(t, err); d.DeletedCount != 1 {
		t.Errorf("deleted %v", d)
	}
	for i, r := range rules {
		if r.Fired() != 1 {
			t.Errorf("rule %d fired %d times", i, r.Fired())
		}
	}
}

// A slow command waits until the rule is removed, or the server stops.
func TestSlow(t *testing.T) {
	s := Start(t)
	ctx, client := connect(t, s)
	c := client.Database("d").Collection("c")
	rule := s.Fail(Fault{Command: "insert", Do: Slow})
	done := make(chan error)
	go func() {
		_, err := c.InsertOne(ctx, bson.D{{Key: "_id", Value: 1}})
		done <- err
	}()
	for rule.Fired() == 0 {
		time.Sleep(time.Millisecond)
	}
	n, err := c.CountDocuments(ctx, bson.D{})
	if check(t, err); n != 0 {
		t.Errorf("%d documents while the insert waits", n)
	}
	select {
	case err := <-done:
		t.Fatalf("the insert did not wait: %v", err)
	default:
	}
	rule.Remove()
	check(t, <-done)
}

// Acknowledged writes survive a stop; open transactions do not.
func TestStopAndRestart(t *testing.T) {
	s := Start(t)
	ctx, client := connect(t, s)
	c := client.Database("d").Collection("c")
	insertCounters(t, ctx, client)
	in, session := begin(t, ctx, client)
	_, err := c.UpdateByID(in, 0, increment(5))
	check(t, err)
	s.Stop()
	s.Restart()
	if err := session.CommitTransaction(in); !labelled(err, transientTransactionError) {
		t.Errorf("the commit of a transaction from before: %v", err)
	}
	check(t, transact(ctx, client))
	if got := counters(t, ctx, client); got != [2]int{1, 1} {
		t.Errorf("counters are %v", got)
	}
}

// A commit that was applied when the server died is answered after it is back.
func TestCommitAcrossRestart(t *testing.T) {
	s := Start(t)
	ctx, client := connect(t, s)
	insertCounters(t, ctx, client)
	rule := s.Fail(Fault{Command: "commitTransaction", Do: DropAfter})
	done := make(chan error)
	go func() { done <- transact(ctx, client) }()
	for rule.Fired() == 0 {
		time.Sleep(time.Millisecond)
	}
	s.Stop()
	s.Restart()
	if err := <-done; err != nil && !labelled(err, "UnknownTransactionCommitResult") {
		t.Errorf("the transaction says %v", err)
	}
	if got := counters(t, ctx, client); got != [2]int{1, 1} {
		t.Errorf("counters are %v", got)
	}
}

func TestBackupAndRestore(t *testing.T) {
	s := Start(t)
	ctx, client := connect(t, s)
	c := client.Database("d").Collection("c")
	_, err := c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "k", Value: 1}}})
	check(t, err)
	_, err = c.InsertOne(ctx, bson.D{{Key: "_id", Value: 1}, {Key: "k", Value: "a"}})
	check(t, err)
	backup := s.Backup()
	_, err = c.InsertOne(ctx, bson.D{{Key: "_id", Value: 2}, {Key: "k", Value: "a"}})
	check(t, err)
	other := Start(t)
	other.Restore(backup)
	s.Restore(backup)
	for _, server := range []*Server{s, other} {
		ctx, client := connect(t, server)
		c := client.Database("d").Collection("c")
		_, err = c.InsertOne(ctx, bson.D{{Key: "_id", Value: 3}, {Key: "k", Value: "a"}})
		check(t, err)
		var list []struct {
			ID int `bson:"_id"`
		}
		cursor, err := c.Find(ctx, bson.D{{Key: "k", Value: "a"}}, options.Find().SetHint("k_1"))
		check(t, err)
		check(t, cursor.All(ctx, &list))
		if len(list) != 2 || list[0].ID != 1 || list[1].ID != 3 {
			t.Errorf("after the restore: %v", list)
		}
	}
}

// A fault can have any error code; it ends a transaction.
func TestRefuse(t *testing.T) {
	s := Start(t)
	ctx, client := connect(t, s)
	rule := s.Fail(Fault{Command: "update", Nth: 2, Do: Refuse, Code: 14031, Name: "OutOfDiskSpace"})
	insertCounters(t, ctx, client)
	var e mongo.ServerError
	if err := transact(ctx, client); !errors.As(err, &e) || !e.HasErrorCode(14031) || rule.Fired() != 1 {
		t.Errorf("the transaction says %v", err)
	}
	if got := counters(t, ctx, client); got != [2]int{} {
		t.Errorf("counters are %v", got)
	}
}

// A write of many documents that had to wait for a transaction changes each of
// them once.
func TestManyWaitForTransaction(t *testing.T) {
	s := Start(t)
	ctx, client := connect(t, s)
	c := client.Database("d").Collection("c")
	insertCounters(t, ctx, client)
	in, session := begin(t, ctx, client)
	_, err := c.UpdateByID(in, 1, increment(1))
	check(t, err)
	done := make(chan error)
	go func() {
		r, err := c.UpdateMany(ctx, bson.D{}, increment(10))
		if err == nil && (r.MatchedCount != 2 || r.ModifiedCount != 2) {
			err = errors.New("not two documents")
		}
		done <- err
	}()
	for s.Counts()["update"] < 2 { // then it waits
		time.Sleep(time.Millisecond)
	}
	check(t, session.CommitTransaction(in))
	check(t, <-done)
	if got := counters(t, ctx, client); got != [2]int{10, 11} {
		t.Errorf("counters are %v", got)
	}
}

func TestWrongCredentials(t *testing.T) {
	ctx, client := connect(t, Start(t), options.Client().SetAuth(options.Credential{Username: "u", Password: "p"}))
	var e mongo.CommandError
	if err := client.Ping(ctx, nil); !errors.As(err, &e) || e.Code != 18 {
		t.Errorf("a user that does not exist: %v", err)
	}
}
