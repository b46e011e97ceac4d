// Package search holds what all stores do alike with what they have stored. It answers
// searches from rows that a store looks up by key, range, reference and order of
// creation: it plans, judges rows, sorts and pages matches, and follows references. It
// pages histories, protects the past (see protectPast), and checks versions against
// what their documents say.
//
// It knows no database, writes nothing, keeps no state between calls and does not
// decide who may see what: it asks the caller's function about every row before the
// row counts for anything.
package search

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// Bounds of what one search may cost.
const (
	maxExamined = 500_000 // rows read, or as much as that (store.RowSteps)
	maxIncluded = 5_000   // resources added by _include and _revinclude
	maxRounds   = 8       // depth of :iterate
)

// Reader reads one snapshot of a store. Finding nothing is not an error.
type Reader interface {
	// Collect gives the places of all current resources of a type for which a condition
	// holds, in any order and perhaps twice, or more than limit places if there are more:
	// for a key that Drives, Any of such keys, a range of keys of one parameter, InDates,
	// InNumbers, or Contains (of which it may give more). It calls pass with the number of
	// entries of an index that it passes over, before very many; an error of pass ends it.
	Collect(typ string, c search.Condition, limit int, pass func(entries int) error) (places []int64, err error)
	// Rows reads the current versions of a type at some places, in that order.
	Rows(typ string, places []int64) iter.Seq2[*Row, error]
	// Scan reads the current, undeleted versions of a type that have all of up to
	// four keys and a place above after, in the order of places.
	Scan(typ string, keys []string, after int64) iter.Seq2[*Row, error]
	// Find reads a current version, nil if there is none.
	Find(ref fhir.Ref) (*Row, error)
	// Position names the snapshot for a Guard (see store.Page); nil if it cannot. costly
	// says that searching again would be.
	Position(costly bool) ([]byte, error)
	// Expect announces references that Find will look up, so that a store may read them
	// together.
	Expect(refs []fhir.Ref) error
	// Mark names the snapshot in a paging link, so that a walk can go on in the one that it
	// began in.
	Mark() (json.RawMessage, error)
	// Then gives the version of r's resource that was current in a marked snapshot, nil
	// if there was none. The mark is the same in all calls; BadLink if it is unreadable.
	Then(r *Row, mark json.RawMessage) (*Row, error)
	SetReader
	Walking
}

// Walking is to go through a type in an order.
type Walking interface {
	// Ordered says whether the store keeps an order.
	Ordered(typ string, by search.SortBy) bool
	// Walk gives the entries of an order that is kept. It calls pass with the number of
	// entries that it reads, before very many, and with what it costs to go to a place.
	Walk(typ string, o Order, pass func(steps int) error) iter.Seq2[Entry, error]
	// Written gives the places of the resources of a type that were written since a marked
	// snapshot, in any order and perhaps twice, or more than limit places if there are more.
	Written(typ string, mark json.RawMessage, limit int) (places []int64, err error)
}

// Options tune a search or a history to a store.
type Options struct {
	Epoch    int64 // consent epoch of the snapshot
	Patience Patience
	Batch    int // rows that one Expect or Later is worth; 0 and 1: read them singly
	Choice   Choice
	Sets     *Sets   // what sets are kept in; may be nil
	Passing  Passing // of a history; nil: it reads every version
}

// searcher answers one search.
type searcher struct {
	Reader
	Options
	ctx      context.Context
	visible  store.Visible
	sight    store.Sights
	within   store.Within
	spent    spending
	skipped  int // entries of an index, see skim
	selected selection
	views    map[string]view     // by type
	musts    map[string]must     // by type
	editions map[string]*edition // by type
	mark     json.RawMessage     // see snapshot
	sets     map[*search.Condition]keySet
	found    map[fhir.Ref]*Row // visible current rows by reference; nil: none
	held     int64             // bytes of the documents of found
}

// cursor is the position of a walk.
type cursor struct {
	Mark  json.RawMessage `json:"m"`           // the snapshot it began in, nil on the first page
	Place int64           `json:"p"`           // of the last match
	Sort  [][]byte        `json:"v,omitempty"` // its sort values, nil for none
}

// Run answers one page of a query.
func Run(ctx context.Context, r Reader, o Options, q *store.Search) (page store.Page, err error) {
	x := &searcher{Reader: r, Options: o, ctx: ctx, visible: q.Visible, sight: q.Sight, within: q.Within, spent: budget(q.Most, q.Work, tooLong), found: map[fhir.Ref]*Row{}}
	at, err := x.begin(q.After, q.Query.Sort)
	if err != nil {
		return page, err
	}
	out := newCollector(q, at)
	err = x.matches(q.Query, at, out)
	x.keepSets() // what a refused search has found out, too: the next one goes on from there
	if err != nil {
		return page, err
	}
	page = store.Page{Total: -1, Epoch: o.Epoch, Selected: x.selected.patients()}
	if err := x.pass(0); err != nil { // what the last row has cost
		return page, err
	}
	if page.At, err = x.Position(x.spent.steps > costly); err != nil {
		return page, err
	}
	if q.Count {
		page.Total = out.total
	}
	if q.NoBody {
		return page, nil
	}
	matches, included, next, err := x.fit(out, q)
	if err != nil {
		return page, err
	}
	page.Next = next
	if page.Matches, err = Versions(matches, o.Epoch); err != nil {
		return page, err
	}
	page.Included, err = Versions(included, o.Epoch)
	if x.within != nil {
		withContent(page.Matches, matches)
		withContent(page.Included, included)
	}
	return page, err
}

// snapshot is the mark of this one.
func (x *searcher) snapshot() (_ json.RawMessage, err error) {
	if x.mark == nil {
		x.mark, err = x.Mark()
	}
	return x.mark, err
}

// fit gives the page as far as what it includes fits: fewer matches include less.
func (x *searcher) fit(out *collector, q *store.Search) (matches, included []*Row, next []byte, err error) {
	for n := out.most(); ; n /= 2 {
		if matches, next, err = out.page(x, n); err != nil {
			return nil, nil, nil, err
		}
		included, err = x.include(matches, q.Query.Include, q.Bytes)
		if !errors.Is(err, errTooMany) {
			return matches, included, next, err
		}
		if n < 2 {
			return nil, nil, nil, tooMany()
		}
	}
}

// begin reads the position of the walk.
func (x *searcher) begin(after []byte, sort []search.SortBy) (at cursor, err error) {
	if after == nil {
		return at, nil
	}
	if json.Unmarshal(after, &at) != nil || at.Mark == nil || at.Place <= 0 || len(at.Sort) != len(sort) {
		return at, BadLink("Search again.")
	}
	return at, nil
}

// BadLink is the error of a paging link that cannot be read; advice says what to do.
func BadLink(advice string) error {
	return &fhir.Error{Kind: fhir.Invalid, Detail: "The paging link is not valid. " + advice}
}

// judgeAll passes those of a plan's rows.
func (x *searcher) judgeAll(p *plan, at cursor, out *collector) error {
	from := at.Place
	if out.needsAll() {
		from = 0
	}
	return x.judgeFrom(p, from, at, out)
}

// judgeFrom passes those after a place.
func (x *searcher) judgeFrom(p *plan, from int64, at cursor, out *collector) error {
	p.selects = true
	return x.scan(p, from, func(r *Row) (bool, error) {
		then := r
		if at.Place > 0 {
			var err error
			if then, err = x.Then(r, at.Mark); err != nil || then == nil || then.Deleted {
				return true, err
			}
		}
		return out.add(r, then)
	})
}

// scan visits the visible rows that satisfy a plan, in the order of their places,
// until visit says stop.
func (x *searcher) scan(p *plan, after int64, visit func(*Row) (bool, error)) error {
	batch := make([]*Row, 0, 1)
	room := 1
	if len(expected(p.rest)) > 0 {
		room = max(1, x.Batch)
	}
	for r, err := range p.rows(after) {
		if err != nil {
			return err
		}
		if batch = append(batch, r); len(batch) < room {
			continue
		}
		if more, err := x.visit(batch, p, visit); err != nil || !more {
			return err
		}
		batch = batch[:0]
	}
	_, err := x.visit(batch, p, visit)
	return err
}

func (x *searcher) visit(batch []*Row, p *plan, visit func(*Row) (bool, error)) (more bool, err error) {
	if len(batch) > 1 {
		if err := x.expect(batch, expected(p.rest)); err != nil {
			return false, err
		}
	}
	for _, r := range batch {
		ok, err := x.candidate(r, p)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		if more, err := visit(r); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// candidate says whether a row satisfies the plan and is visible.
func (x *searcher) candidate(r *Row, p *plan) (bool, error) {
	if err := x.count(); err != nil {
		return false, err
	}
	if r.Deleted || r.Ref.Type != p.typ {
		return false, nil
	}
	ok, err := contains(p.sure, r.Place), error(nil)
	if !ok {
		ok, err = x.holdsAll(p.rest, r)
	}
	x.spent.steps += r.keySteps()
	if err != nil || !ok {
		return false, err
	}
	visible, err := x.sees(r)
	if err == nil && p.selects {
		err = x.selected.add(r, visible)
	}
	return visible, err
}

// count bounds the rows that a search reads.
func (x *searcher) count() error { return x.pass(store.RowSteps) }

// pass bounds what a search does in steps, and gives others their turn.
func (x *searcher) pass(steps int) error { return x.spent.spend(x.ctx, steps) }

const tooLong = "The search would have to examine too many resources. Add criteria that narrow it."

// sees asks a visibility function, nil for everything, about a row.
func sees(visible store.Visible, r *Row, epoch int64) (bool, error) {
	return seesWithin(visible, r, epoch, false)
}

// seesWithin is sees for a row of which it is known whether it is within.
func seesWithin(visible store.Visible, r *Row, epoch int64, within bool) (bool, error) {
	if visible == nil {
		return true, nil
	}
	facts, err := r.Facts()
	if err != nil {
		return false, err
	}
	return visible(store.Row{Ref: r.Ref, Version: r.Version, Owner: r.Owner, Deleted: r.Deleted, Facts: facts, Epoch: epoch, Content: r, Within: within})
}

// The bounds of what a search remembers of what it found by reference.
const (
	maxRemembered = 20_000   // rows
	maxHeld       = 64 << 20 // bytes of their documents
)

// find returns the visible current row of a reference, nil if there is none.
func (x *searcher) find(ref fhir.Ref) (*Row, error) {
	if r, ok := x.found[ref]; ok {
		return r, nil
	}
	if err := x.count(); err != nil {
		return nil, err
	}
	r, err := x.Find(ref)
	if err != nil {
		return nil, err
	}
	if r != nil && r.Deleted {
		r = nil
	}
	if r != nil {
		if ok, err := x.sees(r); err != nil {
			return nil, err
		} else if !ok {
			r = nil
		}
	}
	if len(x.found) >= maxRemembered || x.held >= maxHeld {
		clear(x.found)
		x.held = 0
	}
	if x.found[ref] = r; r != nil {
		x.held += int64(len(r.PackedBody))
	}
	return r, nil
}

// expect announces the targets of some reference parameters of rows.
func (x *searcher) expect(rows []*Row, params []string) error {
	if x.Batch <= 1 || len(params) == 0 {
		return nil
	}
	var refs []fhir.Ref
	for _, r := range rows {
		index, err := r.Index()
		if err != nil {
			return err
		}
		for _, p := range params {
			refs = append(refs, targets(r.Ref.Type, index, p)...)
		}
	}
	return x.announce(refs)
}

// announce expects those of some references that are not known yet.
func (x *searcher) announce(refs []fhir.Ref) error {
	if x.Batch <= 1 {
		return nil
	}
	return x.Expect(slices.DeleteFunc(slices.Clone(refs), func(ref fhir.Ref) bool {
		_, known := x.found[ref]
		return known
	}))
}

// expected lists the reference parameters whose targets decide whether a row matches.
func expected(rest []search.Condition) (params []string) {
	for _, c := range rest {
		switch c := c.(type) {
		case search.Chain:
			params = append(params, c.Param)
		case search.Any:
			params = append(params, expected(c)...)
		case search.All:
			params = append(params, expected(c)...)
		case search.Not:
			params = append(params, expected([]search.Condition{c.C})...)
		}
	}
	return params
}
