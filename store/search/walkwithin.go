package search

import (
	"slices"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// A sorted page of somebody who sees only what satisfies something (see must) comes from a
// ranking of just that, whoever asks: if few satisfy it, or those that do are far away in the
// order, a walk in the index passes over all the others.

// mayRankRequired says whether there may be such a ranking. It leaves out no dates as an index
// does, and whom the rest is about is found out only for conditions that sets answer at once.
func (w *walker) mayRankRequired() bool {
	if !w.must.is || !w.must.of.itself() || w.Choice == WalkOrders || w.order.Within != nil ||
		slices.ContainsFunc(w.plan.rest, func(c search.Condition) bool { return !itself(c) }) {
		return false
	}
	n := w.must.upper.GetCardinality()
	return w.Choice == RankWhatIsSeen || n > glance && n <= mostRanked
}

func (w *walker) requiredRanker() ranker {
	return sortedList{w.must.of, Order{SortBy: w.order.SortBy}}
}

// rankRequired lets the walk go in the ranking, if there is one, or if so much was passed over for
// want of it, in earlier searches, that to make it had cost less.
func (w *walker) rankRequired() (err error) {
	if !w.mayRankRequired() {
		return nil
	}
	of, cost := w.requiredRanker(), int64(w.must.upper.GetCardinality())*store.RowSteps
	if w.seen, err = w.ranking(w.plan.typ, of); err != nil || w.seen != nil {
		return err
	}
	if w.Choice != RankWhatIsSeen && (w.Sets.inVain(w.plan.typ, of, 0) < cost || !w.spent.leaves(2*cost)) {
		return nil
	}
	w.seen, err = w.makeRanking(w.plan.typ, of, w.must.upper)
	return err
}

// tellPassed notes what was passed over for want of a ranking: an entry of the index is a step.
func (w *walker) tellPassed() {
	shown := 2 * int64(w.out.limit+1) // for which no ranking is worth while
	if w.outside > shown && w.mayRankRequired() {
		w.Sets.inVain(w.plan.typ, w.requiredRanker(), w.outside-shown)
	}
}

// nameNotRanked notes whom those are about that match and are not in the ranking: any of them,
// because a ranking goes by none.
func (w *walker) nameNotRanked(q *search.Query) (err error) {
	if w.all.typ != "" {
		return nil // bySets has
	}
	m := matching{typ: q.Type, where: byRank(q.Where)}
	if m.bounds, err = w.bounds(q.Type, q.Where); err != nil {
		return err
	}
	m.hidden = without(m.upper, w.must.upper)
	return w.nameHidden(&m, m.hidden)
}
