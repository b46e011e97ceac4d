// Package search answers queries from what a store can look up: rows by key, by
// range, by reference and in the order of creation. It chooses what drives a
// search, judges rows, puts matches in order, pages them and follows references.
//
// It knows no database, writes nothing, keeps nothing between two searches and
// has no opinion about visibility: it asks the caller's function about every row
// before the row counts for anything.
package search

import (
	"context"
	"encoding/json"
	"iter"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// Bounds of what one search may cost.
const (
	MaxExamined = 500_000 // rows read
	maxIncluded = 5_000   // resources added by _include and _revinclude
	maxRounds   = 8       // depth of :iterate
)

// Row is one stored version. What takes work is decoded when first asked for.
type Row interface {
	Ref() fhir.Ref
	// Place is the place of the resource in the order of creation: above 0, unique,
	// the same for all versions.
	Place() int64
	// Updated is when the version was written, in milliseconds since 1970.
	Updated() int64
	Deleted() bool
	Index() (*search.Index, error)
	// Ranges is the Index, perhaps without Keys.
	Ranges() (*search.Index, error)
	// Seen is what a visibility function is shown.
	Seen(epoch int64) (store.Row, error)
}

// Reader reads one snapshot of a store. What it does not find is no error.
type Reader interface {
	// Collect gives the places, sorted and unique, of all current resources of a type
	// for which a condition holds: a key that Drives, Any of such keys, a range of keys
	// of one parameter, InDates, InNumbers, or Contains (of which it may give more).
	// ok is false if there are more than limit.
	Collect(typ string, c search.Condition, limit int) (places []int64, ok bool, err error)
	// Rows reads the current versions of resources of a type, at places in that order.
	Rows(typ string, places []int64) iter.Seq2[Row, error]
	// Scan reads the current, undeleted versions of a type that have all of up to
	// four keys and a place above after, in the order of places.
	Scan(typ string, keys []string, after int64) iter.Seq2[Row, error]
	// Find reads a current version, nil if there is none.
	Find(ref fhir.Ref) (Row, error)
	// Expect says which references Find will be asked for. It may read them at once.
	Expect(refs []fhir.Ref) error
	// Mark names the snapshot in a paging link.
	Mark() (json.RawMessage, error)
	// Then gives the version of r's resource that was current in a marked snapshot,
	// nil if there was none; the mark is the same in all calls. One that cannot be
	// read is BadLink.
	Then(r Row, mark json.RawMessage) (Row, error)
}

// Options are what a store knows about a search besides the query.
type Options struct {
	Epoch    int64 // consent epoch of the snapshot
	Patience Patience
	Batch    int // how many rows are worth an Expect; up to 1 means none
}

// Found is one page of rows.
type Found struct {
	Matches, Included []Row
	Total             int64  // -1 unless counted
	Next              []byte // nil on the last page
}

// searcher answers one search.
type searcher struct {
	Reader
	Options
	ctx      context.Context
	visible  store.Visible
	examined int
	found    map[fhir.Ref]Row // visible current rows by reference; nil: none
}

// cursor is where a walk stands.
type cursor struct {
	Mark  json.RawMessage `json:"m"`           // the snapshot it began in, nil on the first page
	Place int64           `json:"p"`           // of the last match
	Sort  [][]byte        `json:"v,omitempty"` // its sort values, nil for none
}

// Run answers one page of a query.
func Run(ctx context.Context, r Reader, o Options, q *store.Search) (Found, error) {
	x := &searcher{Reader: r, Options: o, ctx: ctx, visible: q.Visible, found: map[fhir.Ref]Row{}}
	at, err := x.begin(q.After)
	if err != nil {
		return Found{}, err
	}
	out := newCollector(q, at)
	if err := x.matches(q.Query, at, out); err != nil {
		return Found{}, err
	}
	found := Found{Total: -1}
	if q.Count {
		found.Total = out.total
	}
	if q.NoBody {
		return found, nil
	}
	if found.Matches, found.Next, err = out.page(x); err != nil {
		return found, err
	}
	found.Included, err = x.include(found.Matches, q.Query.Include)
	return found, err
}

// begin finds out where the walk stands.
func (x *searcher) begin(after []byte) (at cursor, err error) {
	if after == nil {
		return at, nil
	}
	if json.Unmarshal(after, &at) != nil || at.Mark == nil {
		return at, BadLink()
	}
	return at, nil
}

// BadLink is the error of a paging link that cannot be read.
func BadLink() error {
	return &fhir.Error{Kind: fhir.Invalid, Detail: "The paging link is not valid. Search again."}
}

// matches hands all visible matches that the walk may still show to out.
func (x *searcher) matches(q *search.Query, at cursor, out *collector) error {
	p, err := x.plan(q.Type, q.Where)
	if err != nil {
		return err
	}
	from := at.Place
	if out.needsAll() {
		from = 0
	}
	return x.scan(p, from, func(r Row) (bool, error) {
		then := r
		if at.Place > 0 {
			if then, err = x.Then(r, at.Mark); err != nil || then == nil || then.Deleted() {
				return true, err
			}
		}
		return out.add(r, then)
	})
}

// scan visits the visible rows that satisfy a plan, in the order of their places,
// until visit says stop.
func (x *searcher) scan(p *plan, after int64, visit func(Row) (bool, error)) error {
	batch := make([]Row, 0, 1)
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

func (x *searcher) visit(batch []Row, p *plan, visit func(Row) (bool, error)) (more bool, err error) {
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
func (x *searcher) candidate(r Row, p *plan) (bool, error) {
	if err := x.count(); err != nil {
		return false, err
	}
	if r.Deleted() || r.Ref().Type != p.typ {
		return false, nil
	}
	if ok, err := x.holdsAll(p.rest, r); err != nil || !ok {
		return false, err
	}
	return x.sees(r)
}

// count bounds what a search may look at.
func (x *searcher) count() error {
	x.examined++
	if x.examined > MaxExamined {
		return TooCostly("The search would have to examine too many resources. Add criteria that narrow it.")
	}
	return x.ctx.Err()
}

// TooCostly is the answer to what would have to look at too much.
func TooCostly(detail string) error {
	return &fhir.Error{Kind: fhir.TooCostly, Detail: detail}
}

func (x *searcher) sees(r Row) (bool, error) {
	if x.visible == nil {
		return true, nil
	}
	seen, err := r.Seen(x.Epoch)
	if err != nil {
		return false, err
	}
	return x.visible(seen)
}

// maxRemembered bounds the memory of referenced rows.
const maxRemembered = 20_000

// find returns the visible current row of a reference, nil if there is none.
func (x *searcher) find(ref fhir.Ref) (Row, error) {
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
	if r != nil && r.Deleted() {
		r = nil
	}
	if r != nil {
		if ok, err := x.sees(r); err != nil {
			return nil, err
		} else if !ok {
			r = nil
		}
	}
	if len(x.found) >= maxRemembered {
		clear(x.found)
	}
	x.found[ref] = r
	return r, nil
}

// expect announces what rows refer to with parameters.
func (x *searcher) expect(rows []Row, params []string) error {
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
			refs = append(refs, targets(index, p)...)
		}
	}
	return x.Expect(slices.DeleteFunc(refs, func(ref fhir.Ref) bool {
		_, known := x.found[ref]
		return known
	}))
}

// expected lists the reference parameters whose targets decide about a row.
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
