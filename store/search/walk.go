package search

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// Choice says how sorted pages are found.
type Choice uint8

// The ways to find a sorted page.
const (
	Cheapest       Choice = iota // as examines fewer rows
	JudgeAll                     // read all that may match, and sort
	WalkOrders                   // walk in the order, where it is kept
	RankWhatIsSeen               // the same for who sees little, but in an order of that alone

	Choices = iota
)

const (
	// maxWritten is how many resources of a type may be written during a sorted walk.
	maxWritten = 100_000
	// firstWalk is how much of an order is walked, with twice a page, before it is asked what
	// is certainly hidden or whether a condition leaves fewer to sort.
	firstWalk = 16 * store.RowSteps
	// maxBatch is how many rows are read together at most.
	maxBatch = 1024
)

// walker finds the matches of a page in the order of the first sort criterion, without
// reading what comes before and after them.
//
// It shows each resource at the value that it had in the snapshot of the first page. Those
// written since come from the list of what was written (see moved), all others from the
// index, which has them at the value that they had then.
type walker struct {
	*searcher
	plan    *plan // the type, and all conditions as rest
	order   Order
	at      cursor
	out     *collector
	among   set      // places, one of which each match has; nil: not known
	all     matching // once the sets are known
	passed  set      // what was passed over as hidden
	passes  int      // how many more of these count
	seen    *keptSet // a ranking to walk in; nil: walk in the index
	must    must     // what is required of the type
	beyond  set      // what was passed over because it does not satisfy that ...
	outside int64    // ... and how many entries that were
	written []int64  // sorted places of what was written since the walk began
	last    *Entry   // looked at
	begun   bool
	done    bool // the page is complete
}

// walker is nil if the store does not keep the order.
func (x *searcher) walker(q *search.Query, at cursor, out *collector) *walker {
	if len(q.Sort) == 0 || out.limit == 0 || x.Choice == JudgeAll || !x.Ordered(q.Type, q.Sort[0]) {
		return nil
	}
	w := &walker{searcher: x, plan: &plan{typ: q.Type, rest: flatten(nil, q.Where), selects: true}, order: Order{SortBy: q.Sort[0]}, at: at, out: out}
	for _, c := range w.plan.rest {
		w.order.narrow(q.Type, c)
	}
	if at.Place > 0 {
		w.order.After = &Entry{Value: at.Sort[0], Place: at.Place}
		if len(q.Sort) > 1 { // all of this value are sorted anew
			w.order.After.Place = Before(w.order.Desc)
		}
	}
	return w
}

// wanted says whether a match may be at a place, and notes what is hidden.
func (w *walker) wanted(place int64) bool {
	if w.must.is && !contains(w.must.upper, place) {
		w.outside++
		if w.beyond.GetCardinality() < mostPassed {
			w.beyond.Add(uint64(place))
		}
		return false
	}
	if w.among == nil || contains(w.among, place) {
		return true
	}
	if w.passes > 0 && contains(w.all.upper, place) && w.all.isHidden(place) {
		w.passed.Add(uint64(place))
		w.passes--
	}
	return false
}

// begin looks for what was written since the walk began.
func (w *walker) begin() (err error) {
	if w.begun = true; w.at.Place == 0 {
		return nil
	}
	most := cmp.Or(w.Patience.Written, maxWritten)
	if w.written, err = w.Written(w.plan.typ, w.at.Mark, most); err != nil {
		return err
	}
	if len(w.written) > most {
		return TooCostly(fmt.Sprintf("Since the first page more than %d resources of the type were written. Begin again with the first page.", most))
	}
	slices.Sort(w.written)
	w.written = slices.Compact(w.written)
	return w.moved()
}

// moved shows the matches that were written since the walk began.
func (w *walker) moved() error {
	p := *w.plan
	p.rows = func(int64) iter.Seq2[*Row, error] { return w.Rows(p.typ, w.written) }
	return w.scan(&p, 0, func(r *Row) (bool, error) {
		then, err := w.Then(r, w.at.Mark)
		if err == nil && then != nil && !then.Deleted {
			_, err = w.out.add(r, then)
		}
		return true, err
	})
}

// run goes on until the page is complete, or until most steps are spent.
func (w *walker) run(most int64) error {
	if !w.begun {
		if err := w.begin(); err != nil {
			return err
		}
	}
	if most < math.MaxInt64-w.spent.steps {
		most += w.spent.steps
	}
	var batch []Entry
	room := 1
	if w.Batch > 1 {
		room = w.out.limit + 1
	}
	for e, err := range w.entries(most) {
		if err == errFar {
			return w.pause(batch)
		}
		if err != nil {
			return err
		}
		if w.complete(e) {
			break
		}
		if w.candidateAt(e) {
			batch = append(batch, e)
		}
		if len(batch) < room && w.spent.steps <= most {
			continue
		}
		if w.spent.steps > most {
			return w.pause(batch)
		}
		if err := w.show(batch); err != nil {
			return err
		}
		if batch = batch[:0]; room > 1 {
			room = min(2*room, maxBatch)
		}
	}
	w.done = true
	return w.show(batch)
}

// pause ends a run before the page is complete.
func (w *walker) pause(batch []Entry) error {
	if w.last != nil {
		w.order.After = w.last
	}
	return w.show(batch)
}

// errFar ends the entries of a run.
var errFar = errors.New("search: far enough")

// entries are those of the walk, or errFar when most steps are spent on what nobody wants.
func (w *walker) entries(most int64) iter.Seq2[Entry, error] {
	if w.seen != nil {
		return w.ranked
	}
	return w.Walk(w.plan.typ, w.order, func(steps int) error {
		if err := w.pass(steps); err != nil || w.spent.steps <= most {
			return err
		}
		return errFar
	})
}

// ranked are the entries of a ranking.
func (w *walker) ranked(yield func(Entry, error) bool) {
	for e := range w.seen.from(w.order.After) {
		if e.Value == nil && w.order.Valued {
			return // such come last
		}
		if !yield(e, w.skim(1)) {
			return
		}
	}
}

// complete says that neither an entry nor any after it is of the page.
func (w *walker) complete(e Entry) bool {
	if !w.out.full() {
		return false
	}
	last := w.out.kept[len(w.out.kept)-1]
	if len(w.out.sort) > 1 {
		return compareValues(e.Value, last.sort[0], w.order.Desc) > 0
	}
	return w.order.Compare(e, Entry{Value: last.sort[0], Place: last.place}) > 0
}

// candidateAt says whether what is at an entry may be a match that is not known yet.
func (w *walker) candidateAt(e Entry) bool {
	again := w.last != nil && w.order.Compare(e, *w.last) == 0
	w.last = &e
	if again {
		return false
	}
	if _, moved := slices.BinarySearch(w.written, e.Place); moved {
		return false
	}
	return w.wanted(e.Place)
}

// show judges what is at some entries.
func (w *walker) show(batch []Entry) error {
	places := make([]int64, len(batch))
	for i, e := range batch {
		places[i] = e.Place
	}
	slices.Sort(places)
	at := make(map[int64]*Row, len(batch))
	for r, err := range w.Rows(w.plan.typ, places) {
		if err != nil {
			return err
		}
		at[r.Place] = r
	}
	rows := make([]*Row, 0, len(batch))
	for _, e := range batch {
		own, err := w.own(at[e.Place], e)
		if err != nil {
			return err
		}
		if own {
			rows = append(rows, at[e.Place])
		}
	}
	_, err := w.visit(rows, w.plan, func(r *Row) (bool, error) {
		_, err := w.out.add(r, r)
		return true, err
	})
	return err
}

// own says whether an entry is what a row is sorted by.
func (w *walker) own(r *Row, e Entry) (bool, error) {
	if r == nil || r.Deleted {
		return false, w.count()
	}
	value, err := w.order.value(r)
	if err != nil {
		return false, err
	}
	if (value == nil) != (e.Value == nil) || !bytes.Equal(value, e.Value) {
		return false, w.count()
	}
	return true, nil
}
