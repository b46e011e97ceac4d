package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// How many queries Differential asks in all if -short, and of one population.
const (
	shortQueries = 2_000
	ofOneWard    = 1_000
)

// Differential feeds generated documents to a store and to a brute-force evaluator,
// asks both thousands of generated queries, in pages of any size and with writes
// between pages, and compares matches, order, totals and included resources. Every run
// asks other queries: ACESO_TEST_SEED repeats one, ACESO_TEST_QUERIES sets their number, which is
// usual otherwise. open returns an empty store and closes it when its test ends.
func Differential(t *testing.T, usual int, open func(t *testing.T) store.Store) {
	queries := usual
	if testing.Short() {
		queries = shortQueries
	}
	queries = int(Setting(t, "ACESO_TEST_QUERIES", uint64(queries)))
	first := Setting(t, "ACESO_TEST_SEED", rand.Uint64N(1<<40))
	for i := range uint64(max(1, queries/ofOneWard)) {
		seed := first + i
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			t.Logf("to repeat this first: ACESO_TEST_SEED=%d", seed)
			w := newWorld(t, open(t))
			w.differ(seed, min(queries, ofOneWard))
		})
	}
}

// Setting is a number that an environment variable sets for a run of a test, or the usual one.
func Setting(t *testing.T, name string, usual uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// differ queries one population, a part of which keeps changing.
func (w *world) differ(seed uint64, queries int) {
	a := &asker{author: newAuthor(seed, 20)}
	w.populate(a.author)
	plan := w.replan(w.planOf(customs))
	w.wantChanged(w.try(w.document("r0", 1000, `{"resourceType":"Patient"}`))) // a writer that has missed the plan knows it now
	w.rekeyAll(plan, func() {})
	w.rekeyModel()
	refused, empty := 0, 0
	for n := 0; n < queries; n++ {
		if n%100 == 0 {
			w.change(a.author, 10)
			a.known = w.model.learn()
		}
		text := a.query(a.pick(wardTypes))
		if a.once(12) {
			text = a.system()
		}
		q, err := w.parsed(text)
		if err != nil {
			refused++
			continue
		}
		k := &walk{world: w, text: text, q: q, changes: a.once(8)}
		k.visible, k.sight = w.caller(a)
		if found := k.run(a); found == 0 {
			empty++
		}
		if w.Failed() {
			w.Fatalf("query %d: %s", n, text)
		}
	}
	w.checkAsked(queries, refused, empty)
}

// change writes some resources, or deletes them.
func (w *world) change(a *author, n int) {
	w.Helper()
	for range n {
		if writes := w.revise(a, a.ref(a.pick(wardTypes))); writes != nil {
			w.commit(writes...)
		}
	}
}

// caller makes a visibility function that also checks the rows it is shown, and perhaps says
// what is certain of it.
func (w *world) caller(a *asker) (store.Visible, store.Sights) {
	hidden := a.IntN(a.ids)
	rules := []store.Visible{
		func(store.Row) (bool, error) { return true, nil },
		hideLabelled, hideOthers,
		func(r store.Row) (bool, error) { return !slices.Contains(r.Facts.Patients, "Patient/r1"), nil },
		func(r store.Row) (bool, error) { return r.Ref.ID != fmt.Sprint("r", hidden), nil },
	}
	rule := rules[a.IntN(len(rules))]
	var sight store.Sights
	if a.once(2) {
		rule, sight = a.sighted(rule)
	}
	return func(r store.Row) (bool, error) {
		if v := w.model.last[r.Ref]; v.Version.Version != r.Version || v.Owner != r.Owner || r.Deleted || !slices.Equal(v.Facts.Patients, r.Facts.Patients) {
			w.Errorf("shown for judgement: %+v, want %+v", r, v.Version)
		}
		return rule(r)
	}, sight
}

// walk is one search from its first page to its last.
type walk struct {
	*world
	text    string
	q       *search.Query
	visible store.Visible
	sight   store.Sights
	changes bool // whether writes come between pages

	now   view
	start []fhir.Ref        // matched at the start
	stay  map[fhir.Ref]bool // matched all the time
	alive map[fhir.Ref]bool // existed at the start
	shown []fhir.Ref
}

// run walks and gives the number of matches at the start.
func (k *walk) run(a *asker) int {
	k.Helper()
	k.begin()
	s := store.Search{Query: k.q, Visible: k.visible, Sight: k.sight, Limit: 1 + a.IntN(1+len(k.start)), Count: a.once(3)}
	if len(k.start) > 8*s.Limit {
		s.Limit = len(k.start) / 8
	}
	if s.NoBody = a.once(20); s.NoBody {
		s.Count = true
	}
	for {
		page, err := k.store.Search(k.Context(), s)
		if k.tooDeep(err) {
			return len(k.start)
		}
		k.check(err)
		k.page(&s, &page)
		if page.Next == nil {
			break
		}
		if s.After = page.Next; k.changes {
			k.change(a.author, 4)
			if a.once(3) {
				k.commit(k.document(fmt.Sprint("late", len(k.model.versions)), 0, "%s", a.document(cmp.Or(k.q.Type, a.pick(wardTypes)))))
			}
			k.look()
		}
	}
	if !s.NoBody {
		k.end()
	}
	return len(k.start)
}

func (k *walk) begin() {
	k.now = k.model.seenBy(k.visible)
	k.start = k.now.search(k.q)
	k.stay, k.alive = map[fhir.Ref]bool{}, map[fhir.Ref]bool{}
	for _, r := range k.start {
		k.stay[r] = true
	}
	for _, v := range k.model.current() {
		k.alive[v.Ref] = true
	}
}

// look removes what no longer matches from stay.
func (k *walk) look() {
	k.now = k.model.seenBy(k.visible)
	now := k.now.search(k.q)
	for r := range k.stay {
		if !slices.Contains(now, r) {
			delete(k.stay, r)
		}
	}
}

// tooDeep says whether a page was rightly refused because its includes lead from
// resource to resource without end.
func (k *walk) tooDeep(err error) bool {
	var known *fhir.Error
	iterates := slices.ContainsFunc(k.q.Include, func(inc search.Include) bool { return inc.Iterate })
	return iterates && errors.As(err, &known) && known.Kind == fhir.TooCostly
}

// page checks one page.
func (k *walk) page(s *store.Search, page *store.Page) {
	k.Helper()
	total := int64(-1)
	if s.Count {
		total = k.total()
	}
	if page.Total != total {
		k.Errorf("total %d, want %d", page.Total, total)
	}
	if s.Count && s.After == nil && len(s.Query.Sort) == 0 {
		k.whose(page.Selected)
	}
	if n := len(page.Matches); n > s.Limit || page.Next != nil && n < s.Limit || s.NoBody && n > 0 {
		k.Errorf("%d matches on a page of %d, next %q", n, s.Limit, page.Next)
	}
	if page.Epoch != k.model.epoch {
		k.Errorf("epoch %d, want %d", page.Epoch, k.model.epoch)
	}
	for _, v := range slices.Concat(page.Matches, page.Included) {
		k.same(v, k.model.last[v.Ref])
	}
	k.included(k.q, page, k.now)
	k.shown = append(k.shown, refs(page.Matches)...)
}

// whose checks whom a counted query concerns.
func (k *walk) whose(s store.Selected) {
	k.Helper()
	seen, hidden := k.model.selected(k.q, k.visible)
	if got := distinct(s.Visible); !slices.Equal(got, seen) {
		k.Errorf("visible patients\n got %v\nwant %v", got, seen)
	}
	all := store.Selected{Visible: seen, Hidden: hidden}
	if s.Broad() != all.Broad() {
		k.Errorf("hidden patients\n got %v\nwant %v: the one is broad", s.Hidden, hidden)
	}
	known := func(p string) bool { return slices.Contains(seen, p) }
	got, want := slices.DeleteFunc(distinct(s.Hidden), known), slices.DeleteFunc(slices.Clone(hidden), known)
	if !slices.Equal(got, want) && !all.Broad() {
		k.Errorf("hidden patients, but for visible ones\n got %v\nwant %v", got, want)
	}
}

// total counts what matches now and existed at the start.
func (k *walk) total() (n int64) {
	for _, r := range k.now.search(k.q) {
		if k.alive[r] {
			n++
		}
	}
	return n
}

// end compares all shown resources with those expected.
func (k *walk) end() {
	k.Helper()
	if !k.changes {
		if !slices.Equal(k.shown, k.start) {
			k.Errorf("%s\n got %v\nwant %v", k.text, k.shown, k.start)
		}
		return
	}
	if twice := slices.Sorted(slices.Values(names(k.shown))); len(slices.Compact(twice)) != len(k.shown) {
		k.Errorf("%s: something came twice: %v", k.text, k.shown)
	}
	kept := func(r fhir.Ref) bool { return k.stay[r] }
	if got, want := only(k.shown, kept), only(k.start, kept); !slices.Equal(got, want) {
		k.Errorf("%s: of what matched all the time\n got %v\nwant %v", k.text, got, want)
	}
	if late := only(k.shown, func(r fhir.Ref) bool { return !k.alive[r] }); len(late) > 0 {
		k.Errorf("%s: created during the walk: %v", k.text, late)
	}
}

func only(all []fhir.Ref, keep func(fhir.Ref) bool) (some []fhir.Ref) {
	for _, r := range all {
		if keep(r) {
			some = append(some, r)
		}
	}
	return some
}

func names(all []fhir.Ref) []string {
	list := make([]string, len(all))
	for i, r := range all {
		list[i] = r.String()
	}
	return list
}
