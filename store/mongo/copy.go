package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// copyMark is the _id of a document of meta that marks a database which a copy is
// filling.
const copyMark = "copying"

var (
	_ store.Original = (*Store)(nil)
	_ store.Target   = (*Target)(nil)
)

// Target is a database that a copy is filling. It implements store.Target.
type Target struct{ *Store }

// OpenTarget opens a database that is empty, or was left behind by an unfinished copy.
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

// refuseHalfCopy refuses to open an unfinished copy.
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
	for {
		rows, err := s.rows(ctx, s.history, bson.D{{Key: "w", Value: bson.D{{Key: "$gt", Value: after}}}},
			options.Find().SetSort(bson.D{{Key: "w", Value: 1}}).SetHint(orderIndex).SetLimit(rowsAtOnce))
		if err != nil {
			return fmt.Errorf("read versions: %w", unavailable(err))
		}
		for _, r := range rows {
			one, err := s.stored(ctx, r)
			if err != nil {
				return fmt.Errorf("read versions: %w", err)
			}
			if err := visit(one); err != nil {
				return err
			}
			after = r.Stamp
		}
		if len(rows) < rowsAtOnce {
			return ctx.Err()
		}
	}
}

// stored derives the search keys again: history does not keep them.
func (s *Store) stored(ctx context.Context, r *search.Row) (one store.Stored, err error) {
	if one.Version, err = r.Full(0); err != nil {
		return one, err
	}
	one.Stamp = r.Stamp
	base, known, err := s.baseURL(ctx, r.Columns.(*row).base)
	if err != nil {
		return one, unavailable(err)
	}
	if one.Base = base; !known {
		return one, r.Damaged("b")
	}
	if r.Deleted {
		return one, nil
	}
	if one.Index, err = search.Derive(r.PackedBody, base); err != nil {
		return one, r.Damaged("body")
	}
	return one, nil
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
		return nil // left behind by an unfinished copy; the comparison will tell
	}
	return unavailable(err)
}

// transact commits what do writes. Lasting trouble is left to the next run of the
// whole copy.
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

// copiedTouch lists the patients whose Consents a change wrote.
type copiedTouch struct {
	seq      int64
	patients []string
}

// load reads the resources that the batch writes.
func (b *copyBatch) load(ctx context.Context, all []store.Stored) error {
	var ids bson.A
	for i := range all {
		id := b.id(all[i].Ref)
		if b.currents[id] == nil {
			b.currents[id] = &current{ID: id}
			ids = append(ids, id)
		}
	}
	return b.readCurrent(ctx, ids, true, b.currents)
}

// add makes the documents of a version as they were.
func (b *copyBatch) add(v *store.Stored) error {
	if v.Source != b.changes.source {
		return fmt.Errorf("was written by another node, to %s", v.Source)
	}
	w := v.Write()
	p, err := b.prepareOne(&w, b.knownBase(v.Base))
	if err != nil {
		return err
	}
	c := b.currents[p.id]
	if c.Version != p.Expect || v.Stamp <= c.Stamp {
		return errors.New("comes out of order")
	}
	if p.consent() {
		before, err := c.consentOf()
		if err != nil {
			return err
		}
		b.touch(v.Seq, store.Union(append([]string{}, before...), v.Facts.Patients))
	}
	if c.Version == 0 {
		c.Place = v.Stamp
	}
	at := position{ID: pastID(p.id, p.Expect+1), Stamp: v.Stamp, Source: v.Source, Seq: v.Seq}
	past, err := bson.Marshal(at)
	if err != nil {
		return err
	}
	at.ID, at.Place = p.id, c.Place
	doc, err := bson.Marshal(at)
	if err != nil {
		return err
	}
	b.pasts = append(b.pasts, join(past, p.past))
	c.doc, c.Version, c.Stamp, c.patients, c.Facts = join(doc, p.current), p.Expect+1, v.Stamp, v.Facts.Patients, nil
	return nil
}

func (b *copyBatch) touch(seq int64, patients []string) {
	if n := len(b.touches); n > 0 && b.touches[n-1].seq == seq {
		b.touches[n-1].patients = store.Union(b.touches[n-1].patients, patients)
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
// first may continue a change that the batch before began.
func (b *copyBatch) writeTouches(ctx context.Context) error {
	if len(b.touches) == 0 {
		return nil
	}
	last, err := b.rows(ctx, b.history, bson.D{{Key: "r", Value: b.in("Consent")}},
		options.Find().SetSort(bson.D{{Key: "w", Value: -1}}).SetHint(typeIndex).SetLimit(1))
	if err != nil {
		return err
	}
	u := newUnit(b.changes)
	for i, t := range b.touches {
		if i == 0 && len(last) > 0 && last[0].Seq == t.seq {
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
	t.Patients = store.Union(t.Patients, patients)
	_, err = b.epochs.ReplaceOne(ctx, bson.D{{Key: "_id", Value: epoch}}, t)
	return err
}
