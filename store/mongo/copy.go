package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// copyMark is the _id of a document of meta that says that the database is being
// filled by a copy.
const copyMark = "copying"

var (
	_ store.Original = (*Store)(nil)
	_ store.Target   = (*Target)(nil)
)

// Target is a database that is being filled by a copy. It implements store.Target.
type Target struct{ *Store }

// OpenTarget opens a database that is empty, or was left by a copy that was cut short.
func OpenTarget(ctx context.Context, uri string, o Options) (*Target, error) {
	s, err := connect(ctx, uri, o)
	if err != nil {
		return nil, err
	}
	t := &Target{s}
	if err = t.mark(ctx); err == nil {
		err = s.openForWriting(ctx)
	}
	if err != nil {
		return nil, errors.Join(s.explain(err), s.Close())
	}
	return t, nil
}

// mark comes before anything else is written.
func (t *Target) mark(ctx context.Context) error {
	half, err := t.halfCopied(ctx)
	if half || err != nil {
		return err
	}
	used, err := found(t.meta().FindOne(ctx, bson.D{{Key: "_id", Value: "store"}}).Err())
	if err != nil {
		return err
	}
	if used {
		return fmt.Errorf("the database %q holds data: copy to a new one", t.opts.Database)
	}
	_, err = t.meta().InsertOne(ctx, bson.D{{Key: "_id", Value: copyMark}})
	return err
}

func (s *Store) halfCopied(ctx context.Context) (bool, error) {
	return found(s.meta().FindOne(ctx, bson.D{{Key: "_id", Value: copyMark}}).Err())
}

// refuseHalfCopy keeps everybody else from what a copy has not finished.
func (s *Store) refuseHalfCopy(ctx context.Context) error {
	half, err := s.halfCopied(ctx)
	if err == nil && half {
		err = fmt.Errorf("the database %q is a copy that was not finished: run `aceso store copy` again, it goes on where it stopped", s.opts.Database)
	}
	return err
}

// Finish lets the database be opened.
func (t *Target) Finish(ctx context.Context) error {
	_, err := t.meta().DeleteOne(ctx, bson.D{{Key: "_id", Value: copyMark}})
	return unavailable(err)
}

// Versions visits all versions in the order of their stamps.
func (s *Store) Versions(ctx context.Context, after int64, visit func(store.Stored) error) error {
	for n := rowsAtOnce; n == rowsAtOnce; {
		cursor, err := s.history.Find(ctx, bson.D{{Key: "w", Value: bson.D{{Key: "$gt", Value: after}}}},
			options.Find().SetSort(bson.D{{Key: "w", Value: 1}}).SetHint(orderIndex).SetLimit(rowsAtOnce))
		if err != nil {
			return fmt.Errorf("read versions: %w", unavailable(err))
		}
		if n, after, err = s.someVersions(ctx, cursor, after, visit); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// someVersions visits those of a cursor, and gives their number and the last stamp.
func (s *Store) someVersions(ctx context.Context, cursor *mongo.Cursor, after int64, visit func(store.Stored) error) (n int, last int64, err error) {
	defer cursor.Close(ctx)
	for last = after; cursor.Next(ctx); n++ {
		var p past
		if err := cursor.Decode(&p); err != nil {
			return n, last, fmt.Errorf("read versions: %w", err)
		}
		one, err := s.stored(ctx, &p)
		if err != nil {
			return n, last, fmt.Errorf("read versions: %w", err)
		}
		if err := visit(one); err != nil {
			return n, last, err
		}
		last = p.V.Stamp
	}
	if err := cursor.Err(); err != nil {
		return n, last, fmt.Errorf("read versions: %w", unavailable(err))
	}
	return n, last, nil
}

// stored makes the index again: history does not keep it.
func (s *Store) stored(ctx context.Context, p *past) (one store.Stored, err error) {
	if one.Version, err = s.full(p.ID, &p.V, 0); err != nil {
		return one, err
	}
	one.Stamp = p.V.Stamp
	base, known, err := s.baseURL(ctx, p.V.Base)
	if err != nil {
		return one, unavailable(err)
	}
	if one.Base = base; !known {
		return one, damaged(resourceOf(p.ID), &p.V, "b")
	}
	if p.V.Deleted {
		return one, nil
	}
	doc, err := fhir.Parse(one.Body)
	if err != nil {
		return one, damaged(resourceOf(p.ID), &p.V, "body")
	}
	one.Index, err = search.IndexOf(doc, base)
	return one, err
}

// WrappedKeys visits the wrapped keys of parts.
func (s *Store) WrappedKeys(ctx context.Context, visit func(id string, wrapped []byte) error) error {
	cursor, err := s.keys.Find(ctx, bson.D{}, options.Find().SetBatchSize(rowsAtOnce)) // see Erase
	if err != nil {
		return unavailable(err)
	}
	defer cursor.Close(ctx)
	for cursor.Next(ctx) {
		var k wrappedKey
		if err := cursor.Decode(&k); err != nil {
			return err
		}
		if len(k.Wrapped) == 0 {
			continue // being destroyed
		}
		if err := visit(k.ID, k.Wrapped); err != nil {
			return err
		}
	}
	return unavailable(cursor.Err())
}

// AddWrappedKey takes the wrapped key of parts.
func (t *Target) AddWrappedKey(ctx context.Context, id string, wrapped []byte) error {
	name, _, _ := strings.Cut(id, "-")
	_, err := t.keys.InsertOne(ctx, wrappedKey{Owner: name, ID: id, Wrapped: wrapped})
	if mongo.IsDuplicateKeyError(err) {
		return nil // of a copy that was cut short; the comparison looks at it
	}
	return unavailable(err)
}

// transact commits what do writes. Trouble that does not pass is for the next try of
// the whole copy.
func (t *Target) transact(ctx context.Context, do func(context.Context) error) error {
	session, err := t.client.StartSession()
	if err != nil {
		return unavailable(err)
	}
	defer endSession(ctx, session)
	_, err = session.WithTransaction(ctx, func(ctx context.Context) (any, error) { return nil, do(ctx) },
		options.Transaction().SetWriteConcern(durably()))
	return unavailable(err)
}

// AddRows takes the next rows of a log.
func (t *Target) AddRows(ctx context.Context, source string, rows []ledgerbridge.Row) error {
	w := t.changes
	if source == t.accesses.source {
		w = t.accesses
	}
	next := w.head.End
	docs := make([]any, len(rows))
	for i := range rows {
		if rows[i].Seq != next.Size {
			return fmt.Errorf("row %d of %s comes where row %d should", rows[i].Seq, source, next.Size)
		}
		docs[i] = newEntry(source, &rows[i])
		next.Size, next.At = rows[i].Seq+1, rows[i].Time.UnixMilli()
	}
	err := t.transact(ctx, func(ctx context.Context) error {
		if err := insertAll(ctx, w.log, docs); err != nil {
			return err
		}
		return t.fenced(ctx, w.head, next)
	})
	if err == nil {
		w.head.End = next
	}
	return err
}

// AddVersions takes versions in the order of stamps.
func (t *Target) AddVersions(ctx context.Context, all []store.Stored) error {
	next := t.changes.head.End
	next.Stamp = all[len(all)-1].Stamp
	for i := range all {
		if _, err := t.addBase(ctx, all[i].Base); err != nil {
			return err
		}
	}
	err := t.transact(ctx, func(ctx context.Context) error {
		b := copyBatch{Target: t, currents: map[string]*current{}}
		if err := b.load(ctx, all); err != nil {
			return err
		}
		for i := range all {
			if err := b.add(&all[i]); err != nil {
				return fmt.Errorf("%s version %d: %w", all[i].Ref, all[i].Version.Version, err)
			}
		}
		if err := b.write(ctx); err != nil {
			return err
		}
		return t.fenced(ctx, t.changes.head, next)
	})
	if err == nil {
		t.changes.head.End = next
	}
	return err
}

// copyBatch is what one transaction of a copy writes.
type copyBatch struct {
	*Target
	currents map[string]*current
	pasts    []any
	touches  []copiedTouch
}

// copiedTouch is whose Consents a change wrote.
type copiedTouch struct {
	seq      int64
	patients []string
}

// load reads the resources of which the batch has versions.
func (b *copyBatch) load(ctx context.Context, all []store.Stored) error {
	var ids bson.A
	for i := range all {
		id := b.id(all[i].Ref)
		if b.currents[id] == nil {
			b.currents[id] = &current{ID: id}
			ids = append(ids, id)
		}
	}
	cursor, err := b.resources.Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, options.Find().SetProjection(
		bson.D{{Key: "o", Value: 1}, {Key: "v", Value: 1}, {Key: "w", Value: 1}, {Key: "f", Value: 1}}))
	if err != nil {
		return err
	}
	defer cursor.Close(ctx)
	for cursor.Next(ctx) {
		var c current
		if err := cursor.Decode(&c); err != nil {
			return err
		}
		f, err := (&version{Facts: c.Facts, Version: c.Version}).facts(c.ID)
		if err != nil {
			return err
		}
		c.patients, c.stored = f.Patients, c.Version
		b.currents[c.ID] = &c
	}
	return cursor.Err()
}

// add makes the documents of a version as they were.
func (b *copyBatch) add(v *store.Stored) error {
	if v.Source != b.changes.source {
		return fmt.Errorf("was written by another node, to %s", v.Source)
	}
	p, err := b.prepareOne(&store.Write{
		Ref: v.Ref, Expect: v.Version.Version - 1, LastUpdated: v.LastUpdated, Deleted: v.Deleted, Method: v.Method,
		Owner: v.Owner, Body: v.Body, Hash: v.Hash, Index: v.Index, Facts: v.Facts,
	}, b.knownBase(v.Base))
	if err != nil {
		return err
	}
	c := b.currents[p.id]
	if c.Version != p.Expect || v.Stamp <= c.Stamp {
		return errors.New("comes out of order")
	}
	if p.consent() {
		b.touch(v.Seq, union(append([]string{}, c.patients...), v.Facts.Patients))
	}
	if c.Version == 0 {
		c.Order = v.Stamp
	}
	at := place{ID: pastID(p.id, p.Expect+1), Stamp: v.Stamp, Source: v.Source, Seq: v.Seq}
	past, err := bson.Marshal(at)
	if err != nil {
		return err
	}
	at.ID, at.Order = p.id, c.Order
	doc, err := bson.Marshal(at)
	if err != nil {
		return err
	}
	b.pasts = append(b.pasts, join(past, p.past))
	c.doc, c.Version, c.Stamp, c.patients = join(doc, p.current), p.Expect+1, v.Stamp, v.Facts.Patients
	return nil
}

func (b *copyBatch) touch(seq int64, patients []string) {
	if n := len(b.touches); n > 0 && b.touches[n-1].seq == seq {
		b.touches[n-1].patients = union(b.touches[n-1].patients, patients)
		return
	}
	b.touches = append(b.touches, copiedTouch{seq, patients})
}

func (b *copyBatch) write(ctx context.Context) error {
	if err := b.writeTouches(ctx); err != nil {
		return err
	}
	if err := insertAll(ctx, b.history, b.pasts); err != nil {
		return err
	}
	var models []mongo.WriteModel
	for _, c := range b.currents {
		models = append(models, mongo.NewReplaceOneModel().SetUpsert(true).SetFilter(bson.D{{Key: "_id", Value: c.ID}}).SetReplacement(c.doc))
	}
	_, err := b.resources.BulkWrite(ctx, models)
	return err
}

// writeTouches gives each change of Consents an epoch, as their commits did. The
// first may be the rest of a change that the batch before began.
func (b *copyBatch) writeTouches(ctx context.Context) error {
	if len(b.touches) == 0 {
		return nil
	}
	var last past
	began, err := found(b.history.FindOne(ctx, bson.D{{Key: "r", Value: b.in("Consent")}},
		options.FindOne().SetSort(bson.D{{Key: "w", Value: -1}}).SetHint(typeIndex)).Decode(&last))
	if err != nil {
		return err
	}
	u := newUnit(b.changes)
	for i, t := range b.touches {
		if i == 0 && began && last.V.Seq == t.seq {
			if err := b.extendTouch(ctx, t.patients); err != nil {
				return err
			}
			continue
		}
		u.touched = append(u.touched, t.patients)
	}
	return u.flushConsents(ctx)
}

func (b *copyBatch) extendTouch(ctx context.Context, patients []string) error {
	epoch, err := b.epoch(ctx)
	if err != nil {
		return err
	}
	var t touch
	if err := b.epochs.FindOne(ctx, bson.D{{Key: "_id", Value: epoch}}).Decode(&t); err != nil {
		return err
	}
	t.Patients = union(t.Patients, patients)
	_, err = b.epochs.ReplaceOne(ctx, bson.D{{Key: "_id", Value: epoch}}, t)
	return err
}
