package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// maxDocument is below MongoDB's limit of 16 MB: some fields are added later.
const maxDocument = 15 << 20

// prepared is a Write that is ready except for what needs the database.
type prepared struct {
	*store.Write
	id            string   // of the resource
	past, current bson.Raw // its documents, without what the transaction adds
	pieces        []index  // of further key documents
	locks         []string // of its identifiers
}

func (s *Store) prepare(all []store.Write) ([]prepared, error) {
	writes := make([]prepared, len(all))
	for i := range all {
		w := &all[i]
		if !w.Deleted && (w.Index == nil || w.Body == nil) {
			return nil, fmt.Errorf("%s: a version needs a body and an index", w.Ref)
		}
		p, err := s.prepareOne(w, s.base)
		if err != nil {
			return nil, err
		}
		writes[i] = p
	}
	return writes, nil
}

// prepareOne encodes a version. Its keys depend on base.
func (s *Store) prepareOne(w *store.Write, base int32) (p prepared, err error) {
	p = prepared{Write: w, id: s.id(w.Ref)}
	facts, err := w.Facts.AppendBinary(nil)
	if err != nil {
		return p, fmt.Errorf("%s: encode facts: %w", w.Ref, err)
	}
	c := version{
		Type: s.in(w.Ref.Type), Version: w.Expect + 1, Deleted: w.Deleted, At: bson.NewDateTimeFromTime(w.LastUpdated),
		Method: w.Method, Owner: w.Owner, Base: base, Hash: w.Hash[:], Facts: store.Pack(facts), Purged: w.Purged,
	}
	var x index
	if !w.Deleted {
		c.Body = store.Pack(w.Body)
		c.Sorts = newSorts(w.Index)
		pieces := s.newPieces(w.Ref.Type, w.Index, &w.Facts, search.Marks(&w.Facts, w.Owner))
		x, p.pieces, p.locks = pieces[0], pieces[1:], s.identifierLocks(w.Ref.Type, w.Index)
	}
	if p.past, err = bson.Marshal(c); err != nil {
		return p, fmt.Errorf("%s: %w", w.Ref, err)
	}
	keys, err := bson.Marshal(x)
	if err != nil {
		return p, fmt.Errorf("%s: %w", w.Ref, err)
	}
	p.current = join(p.past, keys)
	if len(p.current) > maxDocument {
		return p, tooLarge(w.Ref)
	}
	return p, nil
}

func (p *prepared) governs() bool { return store.Governs(p.Ref.Type) }

// unit is the open transaction of a group.
type unit struct {
	s     *Store
	w     *writer
	end   end // where the log will end
	first [32]byte

	resources map[string]*current // that the group writes
	dirty     []*current          // changed since the last flush, in the order of stamps
	wrote     map[string]bool     // types of the versions
	entries   []bson.Raw
	pasts     []bson.Raw
	names     []any      // see putNames
	touched   [][]string // for each change of what governs access since the last flush, the keys
	kept      map[string]*kept
	purged    []purged
}

// current is a resource as the transaction sees it.
type current struct {
	ID      string `bson:"_id"`
	Place   int64  `bson:"o"`
	Version int64  `bson:"v"`
	Stamp   int64  `bson:"w"`
	Facts   []byte `bson:"f"` // only of what governs access
	Further int32  `bson:"x"` // further key documents in the database, until it is read

	stored        int64    // version in the database
	storedFurther int32    // further key documents in the database
	pieces        []index  // of those to be written
	governed      []string // only of what governs access
	doc           bson.Raw // to be written
}

func newUnit(w *writer) *unit {
	return &unit{s: w.s, w: w, end: w.head.End, resources: map[string]*current{}, wrote: map[string]bool{}}
}

// run writes the members of a group. A member that fails by itself gets its error, and
// nothing of it is written. An error of run is that of the whole group.
func (u *unit) run(ctx context.Context, group []*member) error {
	if err := u.lock(ctx, group); err != nil {
		return err
	}
	valid, err := u.stillJudged(ctx, group)
	if err != nil {
		return err
	}
	if err := u.load(ctx, valid); err != nil {
		return err
	}
	if err := u.loadKept(ctx, valid); err != nil {
		return err
	}
	for _, m := range valid {
		m.err = u.take(ctx, m)
		if groupError(m.err) {
			return m.err
		}
	}
	if u.end == u.w.head.End {
		return nil
	}
	if err := u.flush(ctx); err != nil {
		return err
	}
	return u.s.fenced(ctx, u.w.head, u.end, u.wrote)
}

// groupError says whether an error comes from the database, which ends the transaction
// for all members.
func groupError(err error) bool {
	var known *fhir.Error
	var server mongo.ServerError
	return err != nil && !errors.As(err, &known) && (errors.As(err, &server) || transient(err))
}

// load reads the versions that the group will replace.
func (u *unit) load(ctx context.Context, group []*member) error {
	governing := false
	var ids bson.A
	for _, m := range group {
		for i := range m.writes {
			w := &m.writes[i]
			if u.resources[w.id] == nil {
				u.resources[w.id] = &current{ID: w.id}
				ids = append(ids, w.id)
			}
			governing = governing || w.governs()
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return u.s.readCurrent(ctx, ids, governing, func(c *current) { u.resources[c.ID] = c })
}

// readCurrent reads resources that are going to be replaced, with their facts if
// what governs access may be among them.
func (s *Store) readCurrent(ctx context.Context, ids bson.A, governing bool, visit func(*current)) error {
	fields := bson.D{{Key: "o", Value: 1}, {Key: "v", Value: 1}, {Key: "w", Value: 1}, {Key: "x", Value: 1}}
	if governing {
		fields = append(fields, bson.E{Key: "f", Value: 1})
	}
	in := bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
	return each(ctx, s.resources, in, options.Find().SetProjection(fields), func(c *current) error {
		c.stored, c.storedFurther = c.Version, c.Further
		visit(c)
		return nil
	})
}

// governs returns the keys of what governs access before it is replaced.
func (c *current) governs() ([]string, error) {
	if c.Facts == nil {
		return c.governed, nil
	}
	f, err := unpackFacts(c.ID, c.Version, c.Facts)
	return store.Governed(&f), err
}

// take checks before it writes, so that a member that fails leaves nothing.
func (u *unit) take(ctx context.Context, m *member) error {
	if len(m.writes) > 0 && m.change.Plan != u.w.head.Plan {
		u.w.known = false // which of the two is older, the head says
		return store.ErrChanged
	}
	work := store.GuardWork(len(m.change.Guards))
	for i := range m.change.Guards {
		if err := u.checkGuard(ctx, &m.change.Guards[i], work); err != nil {
			return err
		}
	}
	versions := map[string]int64{}
	for i := range m.writes {
		w := &m.writes[i]
		v, again := versions[w.id]
		if !again {
			v = u.resources[w.id].Version
		}
		if v != w.Expect {
			return store.ErrChanged
		}
		versions[w.id] = w.Expect + 1
	}
	if !u.keeps(m.change.Keep) {
		return store.ErrChanged
	}
	touched, err := u.touches(m)
	if err != nil {
		return err
	}
	gone, err := u.toPurge(ctx, m, versions)
	if err != nil {
		return err
	}
	if err := u.seal(ctx, m); err != nil {
		return err
	}
	u.keep(m.change.Keep)
	if touched != nil {
		u.touched = append(u.touched, touched)
	}
	for i := range m.writes {
		if err := u.stamp(&m.writes[i], m.receipt.Seq); err != nil {
			return err
		}
	}
	u.purge(gone, ledgerbridge.Place(m.receipt.Source, m.receipt.Seq))
	return nil
}

// seal seals the entry of m for the next position in the log. Time does not run backwards in
// a log, whatever the clock does.
func (u *unit) seal(ctx context.Context, m *member) error {
	at := max(u.end.At, u.s.opts.Now().UnixMilli())
	row, err := m.change.Entry.Seal(u.w.source, u.end.Size, time.UnixMilli(at).UTC())
	if err != nil {
		return fmt.Errorf("seal entry: %w", err)
	}
	if err := u.sealable(ctx, row.Parts); err != nil {
		return err
	}
	doc, err := encodeEntry(u.w.source, &row)
	if err != nil {
		return fmt.Errorf("encode entry: %w", err)
	}
	if len(doc) > maxDocument {
		return recordTooLarge()
	}
	if u.end.Size == u.w.head.End.Size {
		u.first = row.Commitment
	}
	u.entries = append(u.entries, doc)
	u.end.Size, u.end.At = row.Seq+1, at
	m.receipt = row.Receipt(u.w.source)
	return nil
}

// recordTooLarge answers a request whose record no document can hold: it names whose data it
// showed or changed, one by one.
func recordTooLarge() error {
	return &fhir.Error{
		Kind: fhir.TooLarge, Detail: fmt.Sprintf("The record of this request would have more than %d MB, since it concerns so many patients. Ask for fewer resources at once (_count), or send fewer.", maxDocument>>20),
	}
}

// stamp puts a version with the next stamp.
func (u *unit) stamp(w *prepared, seq int64) error {
	return u.put(w, nextStamp(u.w.head.Lane, w.LastUpdated, u.end.Stamp, u.resources[w.id].Stamp), seq)
}

// put adds the documents of a version to those pending.
func (u *unit) put(w *prepared, stamp, seq int64) error {
	c := u.resources[w.id]
	at := stamped{ID: pastID(w.id, w.Expect+1), Stamp: stamp, Source: u.w.source, Seq: seq}
	if w.Purge {
		at.Purged = ledgerbridge.Place(u.w.source, seq)
	}
	past, err := bson.Marshal(at)
	if err != nil {
		return err
	}
	if c.Version == 0 {
		c.Place = stamp
	}
	at.ID, at.Place = w.id, c.Place
	doc, err := bson.Marshal(at)
	if err != nil {
		return err
	}
	if c.doc == nil {
		u.dirty = append(u.dirty, c)
	}
	c.doc, c.pieces = join(doc, w.current), w.pieces
	c.Version, c.Stamp, c.governed, c.Facts = w.Expect+1, stamp, store.Governed(&w.Facts), nil
	u.pasts = append(u.pasts, join(past, w.past))
	u.putNames(pastID(w.id, w.Expect+1), &w.Facts)
	u.end.Stamp = stamp
	u.wrote[w.Ref.Type] = true
	return nil
}

// flush writes what is pending, so that searches inside the transaction see it.
func (u *unit) flush(ctx context.Context) error {
	if err := u.s.insertRaw(ctx, u.w.log, u.entries); err != nil {
		return err
	}
	if err := u.s.insertRaw(ctx, u.s.history, u.pasts); err != nil {
		return err
	}
	if err := insertAll(ctx, u.s.named, u.names); err != nil {
		return err
	}
	if err := u.flushEpochs(ctx); err != nil {
		return err
	}
	if err := u.flushKept(ctx); err != nil {
		return err
	}
	if err := u.flushResources(ctx); err != nil {
		return err
	}
	if err := u.flushPurges(ctx); err != nil {
		return err
	}
	u.entries, u.pasts, u.names = nil, nil, nil
	return nil
}

func insertAll(ctx context.Context, c *mongo.Collection, docs []any) error {
	if len(docs) == 0 {
		return nil
	}
	_, err := c.InsertMany(ctx, docs)
	return err
}

func (u *unit) flushResources(ctx context.Context) error {
	if err := u.flushFurther(ctx, u.dirty); err != nil {
		return err
	}
	var created []bson.Raw
	var replaced []mongo.WriteModel
	for _, c := range u.dirty {
		if c.stored == 0 {
			created = append(created, c.doc)
		} else {
			filter := bson.D{{Key: "_id", Value: c.ID}, {Key: "v", Value: c.stored}}
			replaced = append(replaced, mongo.NewReplaceOneModel().SetFilter(filter).SetReplacement(c.doc))
		}
		c.stored, c.doc = c.Version, nil
	}
	u.dirty = nil
	if err := u.s.insertRaw(ctx, u.s.resources, created); err != nil || len(replaced) == 0 {
		return err
	}
	r, err := u.s.resources.BulkWrite(ctx, replaced)
	if err == nil && r.MatchedCount != int64(len(replaced)) {
		err = errMoved // cannot be in a snapshot; the next try looks again
	}
	return err
}

// checkGuard searches again, inside the transaction. Whoever is to decide again searches
// outside of it.
func (u *unit) checkGuard(ctx context.Context, g *store.Guard, work *store.Work) error {
	if holds, err := u.holds(ctx, g); holds || err != nil {
		return err
	}
	if err := u.flush(ctx); err != nil {
		return err
	}
	x, err := u.s.reader(ctx)
	if err != nil {
		return err
	}
	page, err := x.search(g.Search(work), nil)
	return g.Check(page, err)
}
