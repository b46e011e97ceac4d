package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// Stored is one version with everything that a store keeps of it.
type Stored struct {
	Version
	Stamp int64         // order of writing: unique in a store, rising
	Base  string        // base URL of the server when its index was made
	Index *search.Index // nil for a tombstone
}

// Write is the write that made the version.
func (s *Stored) Write() Write {
	return Write{
		Ref: s.Ref, Expect: s.Version.Version - 1, LastUpdated: s.LastUpdated, Deleted: s.Deleted, Method: s.Method,
		Owner: s.Owner, Body: s.Body, Hash: s.Hash, Purged: s.Purged, Index: s.Index, Facts: s.Facts,
	}
}

// Original is a store that can be copied.
type Original interface {
	// Logs returns the change log and the access log, as Store does.
	Logs() (changes, accesses ledgerbridge.Log)
	// Versions visits all versions with a stamp above after, in the order of stamps.
	Versions(ctx context.Context, after int64, visit func(Stored) error) error
	// WrappedKeys visits the wrapped keys of parts.
	WrappedKeys(ctx context.Context, visit func(id string, wrapped []byte) error) error
	// AllKept visits the rows beside resources that have not expired, in one order.
	AllKept(ctx context.Context, visit func(Kept) error) error
}

// Target is a store that is being filled by a copy. Until Finish it MUST NOT open
// for anything else. An Add returns when its data are durable.
type Target interface {
	Original
	// AddVersions takes versions in the order of stamps, with their stamps.
	AddVersions(ctx context.Context, all []Stored) error
	// AddRows takes the next rows of a log, parts included.
	AddRows(ctx context.Context, source string, rows []ledgerbridge.Row) error
	// AddWrappedKey takes the wrapped key of parts; it may be there already.
	AddWrappedKey(ctx context.Context, id string, wrapped []byte) error
	// AddKept takes rows in their versions, instead of those that are there.
	AddKept(ctx context.Context, all []Kept) error
	// Finish lets the store be opened.
	Finish(ctx context.Context) error
}

// Copied is how far a copy has come.
type Copied struct{ Versions, Rows, Keys, Compared int64 }

// The bounds of one transaction of a copy: versions or rows, and about how many bytes.
const (
	copyBatch = 500
	copyBytes = 16 << 20
)

// errEnough ends a visit early.
var errEnough = errors.New("enough")

// Copy brings everything from one store to another: versions, both logs with their
// trees, keys of parts. A copy that was interrupted continues where the target ends.
// Copy then reads both again and compares them; any difference is an error. The caller
// finishes the target once the rest of the node is in place. progress may be nil.
func Copy(ctx context.Context, from Original, to Target, progress func(Copied)) error {
	c := &copying{from: from, to: to, progress: progress}
	if c.progress == nil {
		c.progress = func(Copied) {}
	}
	for _, step := range []func(context.Context) error{c.keys, c.versions, c.logs, c.kept, c.compare} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("copy: %w", err)
		}
	}
	return nil
}

type copying struct {
	from     Original
	to       Target
	done     Copied
	progress func(Copied)
}

func (c *copying) keys(ctx context.Context) error {
	return c.from.WrappedKeys(ctx, func(id string, wrapped []byte) error {
		c.done.Keys++
		return c.to.AddWrappedKey(ctx, id, wrapped)
	})
}

func (c *copying) versions(ctx context.Context) error {
	last, err := lastStamp(ctx, c.to)
	if err != nil {
		return err
	}
	for {
		batch, err := versionsAfter(ctx, c.from, last)
		if err != nil || len(batch) == 0 {
			return err
		}
		for i := range batch {
			if err := batch[i].check(); err != nil {
				return err
			}
		}
		if err := c.to.AddVersions(ctx, batch); err != nil {
			return err
		}
		last = batch[len(batch)-1].Stamp
		c.done.Versions += int64(len(batch))
		c.progress(c.done)
	}
}

// check refuses a version that is damaged.
func (s *Stored) check() error {
	if !s.Deleted && sha256.Sum256(s.Body) != s.Hash {
		return fmt.Errorf("%s version %d does not match its hash: `aceso verify log` says more", s.Ref, s.Version.Version)
	}
	return nil
}

func lastStamp(ctx context.Context, o Original) (last int64, err error) {
	err = o.Versions(ctx, 0, func(s Stored) error {
		last = s.Stamp
		return nil
	})
	return last, err
}

func versionsAfter(ctx context.Context, o Original, after int64) (batch []Stored, err error) {
	size := 0
	err = o.Versions(ctx, after, func(s Stored) error {
		batch = append(batch, s)
		if size += len(s.Body); len(batch) == copyBatch || size >= copyBytes {
			return errEnough
		}
		return nil
	})
	return batch, enough(err)
}

func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (c *copying) logs(ctx context.Context) error {
	return c.eachLog(func(from, to ledgerbridge.Log) error {
		if err := c.rows(ctx, from, to); err != nil {
			return err
		}
		return ledgerbridge.CopyTiles(ctx, from, to)
	})
}

func (c *copying) eachLog(do func(from, to ledgerbridge.Log) error) error {
	changes, accesses := c.from.Logs()
	toChanges, toAccesses := c.to.Logs()
	for _, pair := range [][2]ledgerbridge.Log{{changes, toChanges}, {accesses, toAccesses}} {
		if pair[0].Source() != pair[1].Source() {
			return fmt.Errorf("the log %s cannot become %s: organisation and node must stay", pair[0].Source(), pair[1].Source())
		}
		if err := do(pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}

func (c *copying) rows(ctx context.Context, from, to ledgerbridge.Log) error {
	next, err := to.Size(ctx)
	if err != nil {
		return err
	}
	for {
		batch, err := rowsFrom(ctx, from, next)
		if err != nil || len(batch) == 0 {
			return err
		}
		for i := range batch {
			if err := ledgerbridge.CheckRow(from.Source(), next+int64(i), &batch[i]); err != nil {
				return err
			}
		}
		if err := c.to.AddRows(ctx, from.Source(), batch); err != nil {
			return err
		}
		next += int64(len(batch))
		c.done.Rows += int64(len(batch))
		c.progress(c.done)
	}
}

func rowsFrom(ctx context.Context, l ledgerbridge.Log, from int64) (batch []ledgerbridge.Row, err error) {
	size := 0
	err = l.Rows(ctx, from, from+copyBatch, func(r ledgerbridge.Row) error {
		batch = append(batch, r)
		size += len(r.Entry)
		for i := range r.Parts {
			size += len(r.Parts[i].Sealed)
		}
		if size >= copyBytes {
			return errEnough
		}
		return nil
	})
	return batch, enough(err)
}

// compare reads everything again from both.
func (c *copying) compare(ctx context.Context) error {
	if err := c.compareVersions(ctx); err != nil {
		return err
	}
	if err := c.compareKeys(ctx); err != nil {
		return err
	}
	if err := c.compareKept(ctx); err != nil {
		return err
	}
	return c.eachLog(func(from, to ledgerbridge.Log) error { return c.compareLog(ctx, from, to) })
}

func (c *copying) compareVersions(ctx context.Context) error {
	for last := int64(0); ; {
		a, err := versionsAfter(ctx, c.from, last)
		if err != nil {
			return err
		}
		b, err := versionsAfter(ctx, c.to, last)
		if err != nil {
			return err
		}
		if len(a) != len(b) {
			return fmt.Errorf("after stamp %d one store has %d versions and the other %d", last, len(a), len(b))
		}
		if len(a) == 0 {
			return nil
		}
		for i := range a {
			if !a[i].same(&b[i]) {
				return fmt.Errorf("%s version %d is not the same in both stores", a[i].Ref, a[i].Version.Version)
			}
		}
		last = a[len(a)-1].Stamp
		c.done.Compared += int64(len(a))
		c.progress(c.done)
	}
}

// same compares all but the consent epoch, which counts changes of one store.
func (s *Stored) same(o *Stored) bool {
	a, b := *s, *o
	a.Epoch, b.Epoch = 0, 0
	return bytes.Equal(a.Body, b.Body) && reflect.DeepEqual(a.comparable(), b.comparable())
}

// comparable lets nil and empty lists be the same.
func (s *Stored) comparable() []any {
	facts, err := s.Facts.AppendBinary(nil)
	all := []any{s.Ref, s.Version.Version, s.LastUpdated.UnixMilli(), s.Deleted, s.Method, s.Owner, s.Hash, s.Purged, s.Source, s.Seq, s.Stamp, s.Base, string(facts), err}
	if s.Index == nil {
		return all
	}
	x := s.Index
	return append(all, slices.Clip(append([]string{}, x.Keys...)), append([]search.DateRange{}, x.Dates...),
		append([]search.NumberRange{}, x.Numbers...), append([]search.Sort{}, x.Sorts...))
}

func (c *copying) compareKeys(ctx context.Context) error {
	held := map[string][]byte{}
	err := c.to.WrappedKeys(ctx, func(id string, wrapped []byte) error {
		held[id] = wrapped
		return nil
	})
	if err != nil {
		return err
	}
	err = c.from.WrappedKeys(ctx, func(id string, wrapped []byte) error {
		if !bytes.Equal(held[id], wrapped) {
			return fmt.Errorf("part key %s is not the same in both stores", id)
		}
		delete(held, id)
		return nil
	})
	if err == nil && len(held) > 0 {
		err = fmt.Errorf("the copy has %d part keys that the original lacks", len(held))
	}
	return err
}

func (c *copying) compareLog(ctx context.Context, from, to ledgerbridge.Log) error {
	for next := int64(0); ; {
		a, err := rowsFrom(ctx, from, next)
		if err != nil {
			return err
		}
		b, err := rowsFrom(ctx, to, next)
		if err != nil {
			return err
		}
		if len(a) != len(b) {
			return fmt.Errorf("after row %d of %s one store has %d rows and the other %d", next, from.Source(), len(a), len(b))
		}
		if len(a) == 0 {
			return ledgerbridge.CompareTiles(ctx, from, to)
		}
		for i := range a {
			if !sameRow(&a[i], &b[i]) {
				return fmt.Errorf("row %d of %s is not the same in both stores", next+int64(i), from.Source())
			}
		}
		next += int64(len(a))
		c.done.Compared += int64(len(a))
		c.progress(c.done)
	}
}

func sameRow(a, b *ledgerbridge.Row) bool {
	same := a.Seq == b.Seq && a.Time.Equal(b.Time) && bytes.Equal(a.Entry, b.Entry) && a.Salt == b.Salt && a.Commitment == b.Commitment &&
		a.Agent == b.Agent && a.Action == b.Action && a.Outcome == b.Outcome && len(a.Parts) == len(b.Parts)
	return same && slices.EqualFunc(a.Parts, b.Parts, func(p, q ledgerbridge.PartRow) bool {
		sealed := bytes.Equal(p.Sealed, q.Sealed)
		p.Sealed, q.Sealed = nil, nil
		return sealed && reflect.DeepEqual(p, q)
	})
}
