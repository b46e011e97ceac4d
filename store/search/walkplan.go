package search

import (
	"iter"
	"math"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// page finds the page, and notes whom those are about that do not satisfy what is required.
func (w *walker) page(q *search.Query) (err error) {
	if w.must, err = w.required(q.Type); err != nil {
		return err
	}
	w.beyond = noPlaces()
	if err := w.choose(q); err != nil {
		return err
	}
	if w.must.is && w.seen != nil {
		return w.nameNotRanked(q)
	}
	if w.beyond.IsEmpty() {
		return nil
	}
	w.tellPassed()
	m := matching{bounds: bounds{noPlaces(), w.beyond}, view: view{hidden: w.beyond}, typ: q.Type, where: w.plan.rest}
	if len(w.plan.rest) == 0 {
		m.lower = m.upper
	}
	return w.nameHidden(&m, w.beyond)
}

// choose walks or, if that examines fewer rows, sorts all that may match.
func (w *walker) choose(q *search.Query) error {
	if w.Choice == WalkOrders || w.Choice == RankWhatIsSeen {
		if err := w.rankRequired(); err != nil {
			return err
		}
		return w.bySets(q)
	}
	all := byRank(q.Where)
	p, err := w.intersect(q.Type, all, w.Patience.Few)
	if err != nil {
		return err
	}
	if p != nil {
		return w.judgeAll(p, w.at, w.out)
	}
	if err := w.rankRequired(); err != nil {
		return err
	}
	if err := w.run(firstWalk + 2*int64(w.out.limit)*store.RowSteps); err != nil || w.done {
		return err
	}
	if hidden, err := w.mostHidden(q.Type); err != nil {
		return err
	} else if hidden {
		return w.bySets(q)
	}
	if p, err = w.intersect(q.Type, all, w.Patience.Many); err != nil {
		return err
	}
	if p == nil {
		return w.bySets(q)
	}
	w.among = setOf(p.places)
	if err := w.run(int64(len(p.places)) * store.RowSteps); err != nil || w.done {
		return err
	}
	w.out.reset()
	return w.judgeAll(p, w.at, w.out)
}

// bySets goes on without reading what certainly does not match or is hidden. Whom the hidden
// ones are about is found out for the record, as if they had been read: those on the way, if
// it goes by them, or any.
func (w *walker) bySets(q *search.Query) (err error) {
	if w.all, err = w.matching(q.Type, q.Where); err != nil {
		return err
	}
	w.among, w.plan.sure = w.all.leaves(w.all.upper), w.all.lower
	hidden := w.all.hides(w.all.upper)
	exact := w.all.exact() || within(hidden, w.all.lower).GetCardinality() == hidden.GetCardinality()
	passed, err := w.amongSets(exact)
	if err != nil || hidden.IsEmpty() {
		return err
	}
	if passed != nil {
		hidden = within(hidden, passed)
	}
	return w.nameHidden(&w.all, hidden)
}

// amongSets finds the page among what may match and is not hidden. It gives the hidden ones
// that it went by, or nil if it did not look at them. exact says that all hidden ones match.
func (w *walker) amongSets(exact bool) (passed set, err error) {
	if done, err := w.byRanking(exact); done || err != nil {
		return nil, err
	}
	few, err := w.fewerThanWalked(exact, w.among)
	if err != nil {
		return nil, err
	}
	if few {
		w.out.reset()
		places := after(w.among, 0, int(w.among.GetCardinality()))
		return nil, w.judgeAll(&plan{typ: w.plan.typ, rest: w.all.where, rows: func(int64) iter.Seq2[*Row, error] { return w.Rows(w.plan.typ, places) }}, w.at, w.out)
	}
	if w.passed, w.passes = noPlaces(), math.MaxInt; exact {
		w.passes = mostPassed
	}
	w.order.Skip = func(place int64) bool { return !w.wanted(place) }
	if w.mayRank(exact, 2) {
		err = w.runOrRank()
	} else {
		err = w.run(math.MaxInt64)
	}
	if err != nil || w.seen != nil {
		return nil, err
	}
	if w.passes == 0 {
		return nil, nil
	}
	return w.passed, nil
}

// runOrRank walks until, with what was passed over in earlier searches, too, a ranking had cost
// less, and goes on in that.
func (w *walker) runOrRank() error {
	most, before := int64(w.all.open.GetCardinality())*store.RowSteps, w.spent.steps
	if err := w.run(most - w.Sets.inVain(w.plan.typ, w.ranker(), 0)); err != nil {
		return err
	}
	if !w.done {
		return w.rank()
	}
	shown := 2 * int64(w.out.limit+1) * store.RowSteps // which no ranking saves
	w.Sets.inVain(w.plan.typ, w.ranker(), max(0, w.spent.steps-before-shown))
	return nil
}

// mostPassed is from how many hidden matches on the way the question is about all of them:
// it is a broad one.
const mostPassed = 4096

// fewerThanWalked says whether some resources, to which all that may match belong, are less
// to read than what a walk to the end of the page would. exact says that all hidden ones match.
func (w *walker) fewerThanWalked(exact bool, some set) (bool, error) {
	n := some.GetCardinality()
	if w.Choice == WalkOrders || !exact || n > uint64(w.Patience.Many) {
		return false, nil
	}
	live, err := w.live(w.plan.typ)
	page := uint64(w.out.limit + 1)
	return n*store.RowSteps <= page*(live.GetCardinality()/max(w.among.GetCardinality(), 1)+store.RowSteps), err
}

// ranks says whether a ranking says which matches come next.
func (w *walker) ranks(exact bool) bool {
	v := &w.all.view
	return exact && v.narrow() && v.sight != nil && w.Choice != WalkOrders
}

// mayRank says whether a ranking may be made, and so often as much read.
func (w *walker) mayRank(exact bool, times int64) bool {
	if !w.ranks(exact) {
		return false
	}
	n := w.all.open.GetCardinality()
	return w.Choice == RankWhatIsSeen || n > glance && n <= mostRanked && w.spent.leaves(times*int64(n)*store.RowSteps)
}

// byRanking finds the page in a ranking, if there is one, or if to make one is less to read
// than what a walk would.
func (w *walker) byRanking(exact bool) (done bool, err error) {
	if !w.ranks(exact) {
		return false, nil
	}
	if w.seen, err = w.ranking(w.plan.typ, w.ranker()); err != nil {
		return false, err
	}
	if w.seen != nil {
		return true, w.run(math.MaxInt64)
	}
	few, err := w.fewerThanWalked(exact, w.all.open)
	if err != nil || !w.mayRank(exact, 1) || !few && w.Choice != RankWhatIsSeen {
		return false, err
	}
	return true, w.rank()
}

// ranker is what makes the ranking in which the walk may go on.
func (w *walker) ranker() ranker {
	return sortedList{outlook{w.all.sight}, Order{SortBy: w.order.SortBy}}
}

// rank goes on in a ranking, and makes it.
func (w *walker) rank() (err error) {
	if w.seen, err = w.makeRanking(w.plan.typ, w.ranker(), w.all.open); err != nil {
		return err
	}
	return w.run(math.MaxInt64)
}
