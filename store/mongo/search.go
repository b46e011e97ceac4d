package mongo

import (
	"context"
	"encoding/json"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// readSnapshot runs read in a snapshot. Errors say that what failed.
func (s *Store) readSnapshot(ctx context.Context, what string, read func(*reader) error) error {
	err := s.snapshot(ctx, func(ctx context.Context) error {
		x, err := s.reader(ctx)
		if err != nil {
			return err
		}
		return read(x)
	})
	return search.Failed(what, err)
}

func (s *Store) reader(ctx context.Context) (*reader, error) {
	at, err := s.began(ctx)
	return &reader{ctx: ctx, s: s, epoch: at.Epoch, large: at.Large, known: map[fhir.Ref]*search.Row{}}, err
}

// Search answers a query in one snapshot.
func (s *Store) Search(ctx context.Context, q store.Search) (page store.Page, err error) {
	err = s.sets.Fresh(func(sets *search.Sets) error {
		return s.readSnapshot(ctx, "search", func(x *reader) error {
			page, err = x.search(q, sets)
			return err
		})
	})
	return page, err
}

// search answers a query; sets is nil if the snapshot is not that of what was committed.
func (x *reader) search(q store.Search, sets *search.Sets) (store.Page, error) {
	if err := x.byPlan(q.Query.Plan); err != nil {
		return store.Page{}, err
	}
	o := search.Options{Epoch: x.epoch, Patience: x.s.patience, Batch: rowsBatch, Choice: x.s.choice, Sets: sets}
	if x.s.opts.Tune != nil {
		x.s.opts.Tune(&o)
	}
	return search.Run(x.ctx, x, o, &q)
}

// reader reads for one search or history, in the snapshot of ctx.
type reader struct {
	ctx   context.Context
	s     *Store
	epoch int64
	large []string                 // see began
	known map[fhir.Ref]*search.Row // expected and read; nil: none
	began marks                    // of the walk, once Then has read it
}

var _ search.Reader = (*reader)(nil)

// marks are a snapshot in a paging link: the last stamp of every lane. Only stamps of
// the same lane become visible in their order.
type marks map[int64]int64

// has says whether a version belongs to the snapshot.
func (m marks) has(stamp int64) bool { return stamp <= m[stamp&(maxLanes-1)] }

// ends are where all logs end.
func (x *reader) ends() (marks, error) {
	heads, err := all[head](x.ctx, x.s.heads, bson.D{}, options.Find())
	if err != nil {
		return nil, err
	}
	m := marks{}
	for _, h := range heads {
		if h.End.Stamp > 0 {
			m[h.Lane] = h.End.Stamp
		}
	}
	return m, nil
}

// Mark names where all logs end.
func (x *reader) Mark() (json.RawMessage, error) {
	m, err := x.ends()
	if err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

// start reads where the walk began.
func (x *reader) start(mark json.RawMessage) (marks, error) {
	if x.began == nil && json.Unmarshal(mark, &x.began) != nil {
		return nil, search.BadLink("Search again.")
	}
	return x.began, nil
}

// Then reads the history of a resource that was written since the walk began: the
// newest version that belongs to the snapshot is the one.
func (x *reader) Then(r *search.Row, mark json.RawMessage) (then *search.Row, err error) {
	if _, err := x.start(mark); err != nil {
		return nil, err
	}
	switch {
	case !x.began.has(r.Place):
		return nil, nil
	case x.began.has(r.Stamp):
		return r, nil
	}
	id := x.s.id(r.Ref)
	ids := bson.D{{Key: "$gt", Value: id + "/"}, {Key: "$lt", Value: pastID(id, r.Version)}}
	o := options.Find().SetSort(bson.D{{Key: "_id", Value: -1}}).SetHint(byID).SetProjection(bson.D{{Key: "body", Value: 0}})
	err = x.s.eachRow(x.ctx, x.s.history, bson.D{{Key: "_id", Value: ids}}, o, func(old *search.Row) error {
		if !x.began.has(old.Stamp) {
			return nil
		}
		old.Place, then = r.Place, old
		return errStop
	})
	return then, err
}

// rowsBatch is how many references are worth reading together.
const rowsBatch = 64

// Find reads a current version, unless it was expected.
func (x *reader) Find(ref fhir.Ref) (*search.Row, error) {
	if _, ok := x.known[ref]; !ok {
		if err := x.Expect([]fhir.Ref{ref}); err != nil {
			return nil, err
		}
	}
	return x.known[ref], nil
}

// The bounds of what Expect reads at once and keeps.
const (
	expectedAtOnce = 1000
	expectedKept   = 10_000
)

// Expect reads current versions together.
func (x *reader) Expect(refs []fhir.Ref) error {
	if len(x.known) > expectedKept {
		clear(x.known)
	}
	var ids bson.A
	for _, ref := range refs {
		if _, ok := x.known[ref]; !ok {
			x.known[ref] = nil
			ids = append(ids, x.s.id(ref))
		}
	}
	for some := range slices.Chunk(ids, expectedAtOnce) {
		rows, err := x.s.rows(x.ctx, x.s.resources, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: some}}}}, options.Find().SetHint(byID))
		if err != nil {
			return err
		}
		for _, r := range rows {
			x.known[r.Ref] = r
		}
	}
	return nil
}

// Explain says how a query would be answered.
func (s *Store) Explain(ctx context.Context, q store.Search) (all []store.Explanation, err error) {
	err = s.readSnapshot(ctx, "explain", func(x *reader) error {
		if err := x.byPlan(q.Query.Plan); err != nil {
			return err
		}
		all, err = search.Explain(x.ctx, x, search.Options{Epoch: x.epoch, Patience: s.patience}, &q)
		return err
	})
	return all, err
}
