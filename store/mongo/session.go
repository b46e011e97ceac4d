package mongo

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/aceso-health/aceso/store/group"
)

// snapshot runs read in one snapshot: a transaction that writes nothing and is aborted in
// the end. Inside a transaction it joins that one. After trouble of the database it calls
// read again, until the patience or ctx ends.
func (s *Store) snapshot(ctx context.Context, read func(context.Context) error) error {
	return s.retry(ctx, func(ctx context.Context) error { return s.readOnce(ctx, read, false) })
}

// lastingSnapshot is snapshot for data that are kept after the answer. A deposed primary
// that does not know it yet may show writes that will be rolled back. It cannot commit,
// though, not even a transaction that only reads: a commit writes to the oplog and waits
// for the majority, which proves that everything read will last.
func (s *Store) lastingSnapshot(ctx context.Context, read func(context.Context) error) error {
	return s.retry(ctx, func(ctx context.Context) error { return s.readOnce(ctx, read, true) })
}

// retry tries again after trouble of the database, until the patience or ctx ends.
// Inside a transaction, which is lost then, it does not.
func (s *Store) retry(ctx context.Context, do func(context.Context) error) error {
	if mongo.SessionFromContext(ctx) != nil {
		return do(ctx)
	}
	limit := time.Now().Add(s.opts.Patience)
	for try := 0; ; try++ {
		err := do(ctx)
		if !transient(err) || time.Now().After(limit) || pause(ctx, try) != nil {
			return unavailable(err)
		}
	}
}

// retried is retry for what gives a value.
func retried[T any](ctx context.Context, s *Store, get func(context.Context) (T, error)) (value T, err error) {
	err = s.retry(ctx, func(ctx context.Context) error {
		value, err = get(ctx)
		return err
	})
	return value, err
}

func (s *Store) readOnce(ctx context.Context, read func(context.Context) error, commit bool) error {
	if mongo.SessionFromContext(ctx) != nil {
		return read(ctx)
	}
	if !s.reading.begin() {
		return group.ErrClosed
	}
	defer s.reading.open.Done()
	return s.transact(ctx, read, commit)
}

// transact calls do in a transaction of its own.
func (s *Store) transact(ctx context.Context, do func(context.Context) error, commit bool) error {
	concern := durably()
	if !commit {
		concern = writeconcern.W1() // MongoDB 4.4 would wait for the disk to give up what was never written
	}
	session, err := s.client.StartSession()
	if err != nil {
		return err
	}
	defer endSession(ctx, session)
	if err := startTransaction(session, concern); err != nil {
		return err
	}
	if err := do(mongo.NewSessionContext(ctx, session)); err != nil || !commit {
		return err
	}
	return session.CommitTransaction(ctx)
}

// snapshots counts the open ones. One may begin inside another: judging the rows of a
// search reads Consents. So it is not a lock: the inner snapshot would wait for Close, and
// Close for the outer one.
type snapshots struct {
	mu    sync.Mutex // guards ended, and open against being added to after that
	ended bool       // no more may begin
	open  sync.WaitGroup
}

func (r *snapshots) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.open.Add(1)
	}
	return !r.ended
}

// end waits for open snapshots: the server would keep those of a lost connection for a
// minute, and block index builds.
func (r *snapshots) end() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.open.Wait()
}

func startTransaction(session *mongo.Session, concern *writeconcern.WriteConcern) error {
	return session.StartTransaction(options.Transaction().
		SetReadConcern(readconcern.Snapshot()).SetWriteConcern(concern).SetReadPreference(readpref.Primary()))
}

// endSession aborts an open transaction, also when ctx has ended: otherwise the server
// would keep the snapshot for a minute.
func endSession(ctx context.Context, session *mongo.Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	session.EndSession(ctx)
}

// abort aborts the transaction and keeps the session.
func abort(ctx context.Context, session *mongo.Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_ = session.AbortTransaction(ctx) // the next transaction of the session ends it anyway
}

const abortTimeout = 5 * time.Second

// pause waits a little before the next try; the error is that of ctx.
func pause(ctx context.Context, try int) error {
	most := min(2*time.Millisecond<<min(try, 8), 200*time.Millisecond)
	timer := time.NewTimer(time.Millisecond + rand.N(most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// eachRaw visits what a query finds until visit returns errStop. A document is valid only
// during the call.
func eachRaw(ctx context.Context, in *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder, visit func(bson.Raw) error) error {
	cursor, err := in.Find(ctx, filter, o)
	if err != nil {
		return err
	}
	defer cursor.Close(ctx)
	for cursor.Next(ctx) {
		if err := visit(cursor.Current); err == errStop {
			return nil
		} else if err != nil {
			return err
		}
	}
	return cursor.Err()
}

// errStop ends eachRaw early without being an error.
var errStop = errors.New("stop")

// each is eachRaw with documents decoded.
func each[T any](ctx context.Context, in *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder, visit func(*T) error) error {
	return eachRaw(ctx, in, filter, o, func(doc bson.Raw) error {
		var one T
		if err := bson.Unmarshal(doc, &one); err != nil {
			return err
		}
		return visit(&one)
	})
}

// all reads what a query finds.
func all[T any](ctx context.Context, in *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder) (found []T, err error) {
	cursor, err := in.Find(ctx, filter, o)
	if err != nil {
		return nil, err
	}
	return found, cursor.All(ctx, &found)
}

// byID is the order of _ids, and the index on them.
var byID = bson.D{{Key: "_id", Value: 1}}

// found says whether a document was found, and passes other errors on.
func found(err error) (bool, error) {
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, err
}
