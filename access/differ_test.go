package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
	"github.com/aceso-health/aceso/store/sqlite"
	"github.com/aceso-health/aceso/store/storetest"

	plan "github.com/aceso-health/aceso/store/search"
)

// How many queries the gate is asked in all, and of one throng. ACESO_CASES sets another
// number, ACESO_TEST_SEED repeats one run.
const (
	differQueries      = 1500
	differShort        = 400
	differOfOne        = 500
	differMongoPercent = 20
)

// What the gate answers, on sets and on walks, is what it says of each row: matches, totals,
// order and pages, for callers of every kind, while Consents, care teams, patients and
// labels change and periods end between the pages, whatever sets are kept.
func TestGateAnswersAsItsRowsDo(t *testing.T) {
	queries := uint64(differQueries)
	if testing.Short() {
		queries = differShort
	}
	queries = storetest.Setting(t, "ACESO_CASES", queries)
	seed := storetest.Setting(t, "ACESO_TEST_SEED", rand.Uint64N(1<<40))
	t.Logf("%d queries; to repeat them: ACESO_CASES=%d ACESO_TEST_SEED=%d", queries, queries, seed)
	onMongo := queries * differMongoPercent / 100
	for name, n := range map[string]uint64{"SQLite": queries - onMongo, "MongoDB": onMongo} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var all differed
			for i := uint64(0); n > 0; i++ {
				of := min(n, differOfOne)
				t.Run(fmt.Sprintf("seed %d", seed+i), func(t *testing.T) { newDiffer(t, seed+i, name, &all).ask(int(of)) })
				if t.Failed() {
					return
				}
				n -= of
			}
			all.check(t)
		})
	}
}

// differ is one throng, with what is known of its rows without the store's planner.
type differ struct {
	*population
	clock time.Time
	warm  *plan.Sets
	tiny  *plan.Sets
	plain bool // searches are planned as always, without sets: the test reads
	by    struct {
		Patience plan.Patience
		Choice   plan.Choice
		sets     string
	}
	looks *looks

	refs  []fhir.Ref // in the order of creation
	rows  map[fhir.Ref]*held
	epoch int64
	all   *differed
	last  string // change
}

// held is a current version.
type held struct {
	store.Version
	index *search.Index
}

// looks counts what the store asks.
type looks struct {
	store.Store
	sights, rows int
}

// Commit lets some of what is written be another organisation's.
func (l *looks) Commit(ctx context.Context, c store.Change) (ledgerbridge.Receipt, error) {
	for i := range c.Writes {
		if w := &c.Writes[i]; w.Hash[0]%4 == 0 {
			w.Owner = "other"
		}
	}
	return l.Store.Commit(ctx, c)
}

func (l *looks) Search(ctx context.Context, q store.Search) (store.Page, error) {
	visible, sight := q.Visible, q.Sight
	if visible != nil && !q.Judging {
		q.Visible = func(r store.Row) (bool, error) { l.rows++; return visible(r) }
	}
	if sight != nil {
		q.Sight = func(typ string, epoch int64) (*store.Sight, error) { l.sights++; return sight(typ, epoch) }
	}
	return l.Store.Search(ctx, q)
}

func newDiffer(t *testing.T, seed uint64, on string, all *differed) *differ {
	c := &differ{warm: &plan.Sets{Bytes: 1 << 20, Most: 2000}, tiny: &plan.Sets{Bytes: 1500, Most: 6}, rows: map[fhir.Ref]*held{}, all: all, plain: true}
	c.looks = &looks{Store: c.open(t, on)}
	c.population = &population{house: houseOver(t, c.looks), Rand: rand.New(rand.NewPCG(seed, 11)), patients: throng["Patient"]}
	c.Gate.Store = indexing{c.Gate.Store, c.looks.Store.(store.Indexer)}
	c.clock = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	c.Gate.Now = func() time.Time { return c.clock }
	c.Gate.Policy = constraining{c.Gate.Policy}
	documents := []string{`{"resourceType":"Organization","id":"hospital","name":"x"}`, `{"resourceType":"Organization","id":"other","name":"x"}`, binaryDoc("b1", "")}
	documents = append(documents, fixed...)
	for _, typ := range []string{"Organization", "Patient", "Encounter", "Observation", "Condition", "RiskAssessment", "DocumentReference", "List", "ValueSet", "Location", "MedicationRequest"} {
		for i := range throng[typ] {
			documents = append(documents, c.document(typ, fmt.Sprint(short(typ), i)))
		}
	}
	for i := range c.patients {
		for n := range c.IntN(4) {
			documents = append(documents, c.consent(fmt.Sprint("p", i), n))
		}
	}
	for some := range slices.Chunk(documents, 60) {
		c.write(some...)
	}
	c.write(c.teamOf("Practitioner/doctor"))
	c.emergency(c.calls()["emergency"], "p0", "p1", "p2")
	c.define()
	return c
}

func (c *differ) open(t *testing.T, on string) store.Store {
	var s interface {
		store.Store
		Close() error
	}
	var err error
	if on == "SQLite" {
		s, err = sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Organization: "hospital", Node: "n1", Base: base, Tune: c.tune})
	} else {
		uri, _ := mongotest.Database(t)
		s, err = mongo.Open(t.Context(), uri, mongo.Options{Database: uri[strings.LastIndex(uri, "/")+1 : strings.Index(uri+"?", "?")], Organization: "hospital", Node: "n1", Base: base, Tune: c.tune})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// tune makes a search use sets and walks though the throng is small.
func (c *differ) tune(o *plan.Options) {
	if c.plain {
		o.Sets, o.Patience, o.Choice = nil, plan.UsualPatience, plan.JudgeAll
		return
	}
	o.Patience, o.Choice = c.by.Patience, c.by.Choice
	if o.Sets != nil { // else these are the searches that must not use any
		o.Sets = map[string]*plan.Sets{"warm": c.warm, "tiny": c.tiny, "cold": {Bytes: 1 << 20}}[c.by.sets]
	}
}

func (c *differ) drawPlan() {
	c.by.Patience = []plan.Patience{{Few: 2, Many: 6}, {Few: 8, Many: 30}, plan.UsualPatience, {Many: 1}, {Many: 1}, {Many: 1}, {Many: 1}, {Many: 1}}[c.IntN(8)]
	c.by.Choice = []plan.Choice{plan.Cheapest, plan.RankWhatIsSeen, plan.WalkOrders, plan.WalkOrders, plan.JudgeAll}[c.IntN(5)]
	c.by.sets = c.one("warm", "warm", "tiny", "cold", "none")
}

func (c *differ) teamOf(member string) string {
	return `{"resourceType":"CareTeam","id":"team","status":"active","participant":[{"member":{"reference":"` + member + `"}}]}`
}

// write stores documents and learns what the store has now.
func (c *differ) write(documents ...string) {
	c.Helper()
	ops := make([]Operation, len(documents))
	for i, d := range documents {
		res := c.parse(d)
		ops[i] = Operation{Method: "PUT", Ref: fhir.Ref{Type: res.Type(), ID: res.ID()}, Resource: res, Expression: fmt.Sprintf("Bundle.entry[%d]", i)}
	}
	c.apply(ops)
}

func (c *differ) apply(ops []Operation) {
	c.Helper()
	plain := c.plain
	c.plain = true
	defer func() { c.plain = plain }()
	c.clock = c.clock.Add(time.Millisecond)
	c.last = ""
	for _, op := range ops {
		if c.last += op.Method + " " + op.Ref.String(); op.Resource != nil {
			c.last += " " + string(op.Resource.Bytes())
		}
	}
	if _, err := c.Apply(c.Context(), c.system(), ops); err != nil {
		c.Fatal(err)
	}
	for _, op := range ops {
		c.learn(op.Ref)
	}
	_, epoch, err := c.Store.Consents(c.Context(), "Patient/p1")
	if err != nil {
		c.Fatal(err)
	}
	c.epoch = epoch
}

func (c *differ) learn(ref fhir.Ref) {
	v, err := c.Store.Get(c.Context(), ref)
	if err != nil {
		c.Fatal(err)
	}
	if _, known := c.rows[ref]; !known {
		c.refs = append(c.refs, ref)
	}
	h := &held{Version: v}
	if !v.Deleted {
		h.index = c.indexOf(v.Body)
	}
	c.rows[ref] = h
}

// change does something that may change what somebody sees.
func (c *differ) change(late bool) {
	c.Helper()
	some := func() string {
		types := slices.Sorted(maps.Keys(throng))
		typ := c.one("Observation", "Condition", types[c.IntN(len(types))])
		return c.document(typ, c.id(typ))
	}
	switch c.IntN(9) {
	case 0, 1:
		c.write(c.consent(c.other(), c.IntN(2)))
	case 2:
		c.write(c.teamOf(c.one("Practitioner/doctor", "Practitioner/nurse")))
	case 3:
		c.clock = c.clock.Add(time.Duration(1+c.IntN(3)) * time.Minute)
		c.last = "time passes"
	case 4:
		if r := c.refs[c.IntN(len(c.refs))]; c.rows[r].index != nil && (r.Type == "Observation" || r.Type == "Consent" || r.Type == "List") {
			c.apply([]Operation{{Method: "DELETE", Ref: r}})
		}
	case 5:
		if late {
			c.write(c.document("Observation", fmt.Sprint("late", len(c.refs))))
		}
	default:
		c.write(some())
	}
}

// seen is what one caller sees now.
type seen struct{ holders []search.Holder }

func (c *differ) seenBy(who string, call *Call) *seen {
	c.Helper()
	plain := c.plain
	c.plain = true
	defer func() { c.plain = plain }()
	r := c.begun(who, call, c.epoch)
	s := &seen{}
	for _, ref := range c.refs {
		h := c.rows[ref]
		if h.Deleted {
			continue
		}
		v := h.Version
		v.Epoch = c.epoch
		q := asking(who, ref.Type)
		if may := c.judge(r, q, r.actions(q), &v); may {
			s.holders = append(s.holders, search.Holder{Ref: ref, Index: h.index})
		}
	}
	return s
}

// find judges every row, and sorts.
func (c *differ) find(s *seen, q *search.Query) (found []fhir.Ref) {
	for _, h := range s.holders {
		if h.Ref.Type == q.Type && search.Match(q.Where, h, s.holders) {
			found = append(found, h.Ref)
		}
	}
	if n := len(q.Sort); n > 0 && q.Sort[n-1].Desc { // alike ones come in this direction, too
		slices.Reverse(found)
	}
	slices.SortStableFunc(found, func(a, b fhir.Ref) int {
		for _, by := range q.Sort {
			x, hasX := c.rows[a].sortedBy(by)
			y, hasY := c.rows[b].sortedBy(by)
			switch n := strings.Compare(x, y); {
			case hasX != hasY && hasX:
				return -1
			case hasX != hasY:
				return 1
			case n != 0 && by.Desc:
				return -n
			case n != 0:
				return n
			}
		}
		return 0
	})
	return found
}

func (h *held) sortedBy(by search.SortBy) (string, bool) {
	switch by.Param {
	case "_id":
		return h.Ref.ID, true
	case "_lastUpdated":
		return h.LastUpdated.UTC().Format("2006-01-02T15:04:05.000"), true
	}
	for _, v := range h.index.Sorts {
		if v.Param == by.Param {
			if by.Desc {
				return v.Hi, true
			}
			return v.Lo, true
		}
	}
	return "", false
}

// differed is what has been tried.
type differed struct {
	queries, pages, refused, empty, changes int
	counted, countedBySets                  int // pages with a total
	sorted, sortedBySets                    int // pages in an order
	rows, judged                            int // of the types searched, and those that were judged for that
	shapes                                  int // most of one throng
	included, deep, unknown                 int // resources, walks that includes make too long, and codes that are not known
}

func (d *differed) check(t *testing.T) {
	t.Helper()
	t.Logf("%+v", *d)
	switch {
	case d.queries < 1000: // so few may be of one kind by chance
	case d.countedBySets*8 < d.counted, d.sortedBySets*16 < d.sorted, d.judged > d.rows:
		t.Error("sets and walks hardly ever decided")
	case d.empty*8 > 7*d.queries, d.refused*2 > d.queries, d.changes*64 < d.pages:
		t.Error("they test too little")
	case d.included*32 < d.queries, d.unknown == 0, d.deep*16 > d.queries:
		t.Error("they include or mean too little")
	case d.shapes < 20:
		t.Errorf("only %d shapes of Consents", d.shapes)
	}
}

func (c *differ) ask(n int) {
	c.plain = false
	calls := c.everybody()
	names := slices.Sorted(maps.Keys(calls))
	for i := range n {
		if i%20 == 0 {
			c.change(true)
		}
		if i%100 == 99 {
			shapes, _, err := c.Gate.Consents.Shapes(c.Context(), c.epoch, c.clock)
			if c.all.shapes = max(c.all.shapes, len(shapes)); err != nil {
				c.Fatal(err)
			}
		}
		who := names[c.IntN(len(names))]
		w := &differWalk{differ: c, who: who, call: calls[who], changes: c.IntN(3) == 0}
		w.s, w.text = c.query()
		w.run()
		if c.Failed() {
			c.Fatalf("query %d: %s asks %s\nplanned with %+v, changes %v", i, who, w.text, c.by, w.changes)
		}
	}
}

// page asks the gate.
func (w *differWalk) page(s SearchRequest) (*Result, error) {
	call := *w.call
	return answer(w.Context(), w.Gate, &call, func(r *review) (*Result, error) {
		r.subject.BreakGlass = w.who == "emergency"
		q := asking(w.who, s.Type)
		return r.searchPage(w.Context(), q, s, func(_ policy.Decision, query *search.Query, at []byte) (*Result, error) {
			return r.search(w.Context(), q, query, at)
		})
	})
}

// differWalk is one search from its first page to its last.
type differWalk struct {
	*differ
	who, text string
	call      *Call
	s         SearchRequest
	changes   bool
	shown     []fhir.Ref
	sees      *seen // by now
}

// wantUnknown expects that the gate does not know, either, what a code means.
func (w *differWalk) wantUnknown(err error) {
	w.Helper()
	var known *fhir.Error
	if !errors.Is(err, errNotThere) && !strings.Contains(err.Error(), errNotThere.Error()) {
		w.Fatalf("%s: %v", w.text, err)
	}
	w.all.unknown++
	if _, err := w.page(w.s); !errors.As(err, &known) || known.Kind == fhir.Unavailable {
		w.Errorf("a meaning that the caller cannot know is used: %v", err)
	}
}

func (w *differWalk) run() {
	w.Helper()
	w.all.queries++
	q, err := search.ParseQuery(w.s.Type, w.s.Params, search.QueryOptions{
		Base: base, Now: w.Gate.Now, Compartment: w.s.Compartment, Codes: meanings{w.differ, w.who, w.call}, Customs: w.Gate.Customs(w.Context()),
	})
	if err != nil {
		w.wantUnknown(err)
		return
	}
	w.sees = w.seenBy(w.who, w.call)
	start := w.find(w.sees, q)
	now, stay, alive := start, map[fhir.Ref]bool{}, map[fhir.Ref]bool{}
	for _, r := range start {
		stay[r] = true
	}
	for _, r := range w.refs {
		alive[r] = !w.rows[r].Deleted
	}
	if len(start) == 0 {
		w.all.empty++
	}
	s := w.s
	for {
		w.drawPlan()
		w.looks.sights, w.looks.rows = 0, 0
		res, err := w.page(s)
		if w.refused(err, q, start) {
			return
		}
		w.tally(q, now)
		w.compare(q, res, s.Link == "", now, alive)
		w.compareIncluded(q, res)
		for _, v := range res.Matches {
			w.shown = append(w.shown, v.Ref)
		}
		if s.Link = res.Next; s.Link == "" || w.Failed() {
			break
		}
		if w.changes {
			w.change(true)
			w.all.changes++
			w.text += "\n\tthen " + w.last + " at " + w.clock.Format("15:04:05.000")
			w.sees = w.seenBy(w.who, w.call)
			now = w.find(w.sees, q)
			maps.DeleteFunc(stay, func(r fhir.Ref, _ bool) bool { return !slices.Contains(now, r) })
		}
	}
	if q.Summary != "count" {
		w.end(start, stay, alive)
	}
}

// refused says that the policy refuses the caller such searches. Then every row is hidden.
func (w *differWalk) refused(err error, q *search.Query, start []fhir.Ref) bool {
	w.Helper()
	var known *fhir.Error
	if err == nil {
		return false
	}
	if errors.As(err, &known) && known.Kind == fhir.TooCostly && slices.ContainsFunc(q.Include, func(inc search.Include) bool { return inc.Iterate }) {
		w.all.deep++
		return true
	}
	if !errors.As(err, &known) || known.Kind != fhir.Forbidden || len(start) > 0 {
		w.Errorf("%v, of %d matches", err, len(start))
	}
	w.all.refused++
	return true
}

func (w *differWalk) tally(q *search.Query, now []fhir.Ref) {
	d, sets := w.all, w.looks.sights > 0
	d.pages++
	if q.Summary == "count" || q.Total == "accurate" {
		if d.counted++; sets {
			d.countedBySets++
		}
	} else if len(q.Sort) > 0 {
		if d.sorted++; sets && w.by.Choice != plan.JudgeAll {
			d.sortedBySets++
		}
	}
	for _, r := range w.refs {
		if r.Type == q.Type && !w.rows[r].Deleted {
			d.rows++
		}
	}
	d.judged += w.looks.rows
}

// compare compares a page with what matches now.
func (w *differWalk) compare(q *search.Query, res *Result, first bool, now []fhir.Ref, alive map[fhir.Ref]bool) {
	w.Helper()
	total := int64(0)
	for _, r := range now {
		if alive[r] {
			total++
		}
	}
	counted := q.Summary == "count" || q.Total == "accurate" || first && res.Next == "" && q.Total != "none"
	if counted && res.Total != total || !counted && res.Total != -1 {
		w.Errorf("total %d, want %d (%v)", res.Total, total, counted)
	}
	for _, v := range res.Matches {
		if !slices.Contains(now, v.Ref) {
			w.Errorf("%s is shown, but hidden, or does not match", v.Ref)
		}
		if v.Version != w.rows[v.Ref].Version.Version {
			w.Errorf("%s is shown in version %d", v.Ref, v.Version)
		}
	}
}

// end compares all that was shown with what matched all the time.
func (w *differWalk) end(start []fhir.Ref, stay, alive map[fhir.Ref]bool) {
	w.Helper()
	kept := func(all []fhir.Ref) []fhir.Ref {
		return slices.DeleteFunc(slices.Clone(all), func(r fhir.Ref) bool { return !stay[r] })
	}
	if got, want := kept(w.shown), kept(start); !slices.Equal(got, want) {
		w.Errorf("of what matched all the time\n got %v\nwant %v", got, want)
	}
	if !w.changes && len(w.shown) != len(start) {
		w.Errorf("got %v\nwant %v", w.shown, start)
	}
	once := map[fhir.Ref]bool{}
	for _, r := range w.shown {
		if once[r] || !alive[r] {
			w.Errorf("%s is shown twice, or was created meanwhile (%v)", r, !alive[r])
		}
		once[r] = true
	}
}
