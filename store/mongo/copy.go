package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// copyMark is the _id of the document of meta that marks a database as an unfinished
// copy.
const copyMark = "copying"

var (
	_ store.Original = (*Store)(nil)
	_ store.Target   = (*Target)(nil)
)

// Target is a database that a copy is filling. It implements store.Target.
type Target struct{ *Store }

// OpenTarget opens a database that is empty or that an interrupted copy has left.
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
func (s *Store) stored(ctx context.Context, r *plan.Row) (one store.Stored, err error) {
	base, known, err := s.baseURL(ctx, r.Columns.(*row).base)
	if err != nil {
		return one, unavailable(err)
	}
	if !known {
		return one, r.Damaged("b")
	}
	return plan.Stored(r, base, func() (*search.Index, error) {
		index, err := plan.Derive(r.PackedBody, base)
		if err != nil {
			err = r.Damaged("body")
		}
		return index, err
	})
}

// WrappedKeys visits the wrapped keys of parts.
func (s *Store) WrappedKeys(ctx context.Context, visit func(id string, wrapped []byte) error) error {
	small := options.Find().SetBatchSize(rowsAtOnce) // see Erase
	return unavailable(each(ctx, s.keys, bson.D{}, small, func(k *wrappedKey) error {
		if len(k.Wrapped) == 0 {
			return nil // being destroyed
		}
		return visit(k.ID, k.Wrapped)
	}))
}

// AddWrappedKey takes the wrapped key of parts.
func (t *Target) AddWrappedKey(ctx context.Context, id string, wrapped []byte) error {
	name, _, _ := strings.Cut(id, "-")
	_, err := t.keys.InsertOne(ctx, wrappedKey{Owner: name, ID: id, Wrapped: wrapped})
	if mongo.IsDuplicateKeyError(err) {
		return nil // from an interrupted copy; the comparison checks it
	}
	return unavailable(err)
}

// transacted commits what do writes. Trouble that lasts fails the copy, which can be
// continued.
func (s *Store) transacted(ctx context.Context, do func(context.Context) error) error {
	session, err := s.client.StartSession()
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
	docs := make([]bson.Raw, len(rows))
	for i := range rows {
		if rows[i].Seq != next.Size {
			return fmt.Errorf("row %d of %s comes where row %d should", rows[i].Seq, source, next.Size)
		}
		doc, err := encodeEntry(source, &rows[i])
		if err != nil {
			return err
		}
		docs[i] = doc
		next.Size, next.At = rows[i].Seq+1, rows[i].Time.UnixMilli()
	}
	err := t.transacted(ctx, func(ctx context.Context) error {
		if err := t.insertRaw(ctx, w.log, docs); err != nil {
			return err
		}
		return t.fenced(ctx, w.head, next, nil)
	})
	if err == nil {
		w.head.End = next
	}
	return err
}

// AddVersions takes versions in the order of stamps.
func (t *Target) AddVersions(ctx context.Context, all []store.Stored) error {
	writes := make([]prepared, len(all))
	for i := range all {
		v := &all[i]
		base, err := t.addBase(ctx, v.Base)
		if err != nil {
			return err
		}
		w := v.Write()
		if writes[i], err = t.prepareOne(&w, base); err != nil {
			return err
		}
	}
	var u *unit
	err := t.transacted(ctx, func(ctx context.Context) error {
		u = newUnit(t.changes)
		return u.copyAll(ctx, all, writes)
	})
	if err == nil {
		t.changes.head.End = u.end
	}
	return err
}

// copyAll writes versions as they were.
func (u *unit) copyAll(ctx context.Context, all []store.Stored, writes []prepared) error {
	if err := u.load(ctx, []*member{{writes: writes}}); err != nil {
		return err
	}
	var touches []copiedTouch
	for i := range all {
		v, w := &all[i], &writes[i]
		patients, err := u.touches(&member{writes: writes[i : i+1]})
		if err == nil {
			err = u.copyVersion(v, w)
		}
		if err != nil {
			return fmt.Errorf("%s version %d: %w", v.Ref, v.Version.Version, err)
		}
		if w.governs() {
			touches = addTouch(touches, v.Seq, patients)
		}
	}
	if err := u.copyTouches(ctx, touches); err != nil {
		return err
	}
	if err := u.flush(ctx); err != nil {
		return err
	}
	return u.s.fenced(ctx, u.w.head, u.end, u.wrote)
}

func (u *unit) copyVersion(v *store.Stored, w *prepared) error {
	if v.Source != u.w.source {
		return fmt.Errorf("was written by another node, to %s", v.Source)
	}
	if c := u.resources[w.id]; c.Version != w.Expect || v.Stamp <= c.Stamp {
		return errors.New("comes out of order")
	}
	return u.put(w, v.Stamp, v.Seq)
}

// copiedTouch has the keys of what a change wrote and governs access.
type copiedTouch struct {
	seq      int64
	patients []string
}

func addTouch(touches []copiedTouch, seq int64, patients []string) []copiedTouch {
	if n := len(touches); n > 0 && touches[n-1].seq == seq {
		touches[n-1].patients = store.Union(touches[n-1].patients, patients)
		return touches
	}
	return append(touches, copiedTouch{seq, patients})
}

// copyTouches gives each change of what governs access an epoch, as their commits did. The
// first may be the rest of a change that the batch before began.
func (u *unit) copyTouches(ctx context.Context, touches []copiedTouch) error {
	if len(touches) == 0 {
		return nil
	}
	last, err := u.s.lastGoverning(ctx)
	if err != nil {
		return err
	}
	if last == touches[0].seq {
		if err := u.extendTouch(ctx, touches[0].patients); err != nil {
			return err
		}
		touches = touches[1:]
	}
	for _, t := range touches {
		u.touched = append(u.touched, t.patients)
	}
	return nil
}

func (u *unit) extendTouch(ctx context.Context, patients []string) error {
	epoch, err := u.s.epoch(ctx)
	if err != nil {
		return err
	}
	last := bson.D{{Key: "_id", Value: epoch}}
	_, err = u.s.epochs.UpdateOne(ctx, last, bson.D{{Key: "$addToSet", Value: bson.D{{Key: "p", Value: bson.D{{Key: "$each", Value: patients}}}}}})
	return err
}
