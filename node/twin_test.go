package node

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aceso-health/aceso/server"
)

// How many requests the comparison of two servers makes in all; ACESO_TWIN sets another
// number, ACESO_TEST_SEED the seed.
const twinAsks = 2000

func twinSetting(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// Whatever a caller asks or writes, a server that holds everything answers like one that
// holds only what this caller may see: status, headers, body, and the number of records.
// Ids, times and receipts are put in place of one another.
func TestHiddenDataChangeNoAnswer(t *testing.T) {
	asks := twinAsks
	if testing.Short() {
		asks /= 5
	}
	asks = twinSetting(t, "ACESO_TWIN", asks)
	seed := uint64(twinSetting(t, "ACESO_TEST_SEED", 1))
	t.Logf("%d requests; to repeat them: ACESO_TWIN=%d ACESO_TEST_SEED=%d", asks, asks, seed)
	var drawn twinDrawn
	t.Run("callers", func(t *testing.T) {
		callers := twinCallers()
		for i, caller := range callers {
			t.Run(caller.name, func(t *testing.T) {
				t.Parallel()
				plans := [][]func(*Node, *Options){nil, {inSets}}[(uint64(i)+seed)%2]
				w := newTwins(t, caller, func(t *testing.T) *testNode { return startNode(t, t.TempDir(), append(plans, atLevel("structure"))...) })
				w.load(caller.script(seed))
				w.compare(newTwinAsker(w, seed, i, len(callers)), asks/len(callers), &drawn)
			})
		}
	})
	if !testing.Short() {
		drawn.check(t)
	}
}

// So it is with a database.
func TestHiddenDataChangeNoAnswerOnMongoDB(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: loads two databases")
	}
	asks, seed := twinSetting(t, "ACESO_TWIN", twinAsks)/10, uint64(twinSetting(t, "ACESO_TEST_SEED", 1))
	caller := twinCallers()[2]
	w := newTwins(t, caller, func(t *testing.T) *testNode { return newCluster(t, 0).start(t.TempDir(), "n1", atLevel("structure")) })
	w.load(caller.script(seed))
	a := newTwinAsker(w, seed, 0, 1)
	a.share = nil
	w.compare(a, asks, &twinDrawn{})
}

// Exception: of a patient's access report only the status and the number of records are
// compared. It has what others did with data of hers that she may not see, and they did so
// on one server only; that her own requests tell her nothing is tested in package access.
func exceptReports(q twinAsk) bool { return strings.Contains(q.path, "/$access-report") }

// twinDrawn is what the generators have drawn.
type twinDrawn struct {
	sync.Mutex
	all map[string]bool
}

func (d *twinDrawn) add(q twinAsk) {
	d.Lock()
	defer d.Unlock()
	if d.all == nil {
		d.all = map[string]bool{}
	}
	d.all[q.route] = true
	for _, p := range q.params {
		d.all[p] = true
	}
}

func (d *twinDrawn) has(name string) bool {
	d.Lock()
	defer d.Unlock()
	return d.all[name]
}

// check fails if a row of the route table or a search parameter of a type held was never
// drawn: who adds one teaches the generator.
func (d *twinDrawn) check(t *testing.T) {
	t.Helper()
	var known []string
	for _, r := range twinRoutes() {
		known = append(known, r.name)
	}
	for _, name := range server.Routes() {
		if !slices.Contains(known, name) {
			t.Errorf("twinRoutes has no generator for %s", name)
		} else if !d.all[name] {
			t.Errorf("never drawn: %s", name)
		}
	}
	params := twinParams()
	for _, p := range params {
		if !d.all[p.String()] {
			t.Errorf("never drawn: search parameter %s", p)
		}
	}
	t.Logf("%d routes and %d search parameters of %d types were drawn", len(server.Routes()), len(params), len(twinTypes))
}

// compare makes requests to both servers.
func (w *twins) compare(a *twinAsker, asks int, drawn *twinDrawn) {
	w.Helper()
	ask := func(q twinAsk) bool {
		drawn.add(q)
		if next := w.ask(q); next != "" && len(a.paths) < 3 {
			a.paths = append(a.paths, next)
		}
		return !w.Failed()
	}
	for range asks {
		if !ask(a.next()) {
			return
		}
	}
	for _, p := range a.share { // a small number of requests need not have come to all
		if !testing.Short() && !drawn.has(p.String()) && !ask(twinRoute{name: "GET /fhir/:type", ask: func(a *twinAsker) twinAsk { return a.searchFor(a.queryFor(p, false)) }}.draw(a)) {
			return
		}
	}
	w.Logf("%s: %d requests, %d answers are not empty; statuses %v", w.caller.name, w.asked, w.full, w.met)
	if w.full < w.asked/8 {
		w.Error("more than seven of eight answers are empty or refusals: the comparison says too little")
	}
}

// ask compares one answer, and returns the path of its next page.
func (w *twins) ask(q twinAsk) (next string) {
	w.Helper()
	w.ticks.Add(1)
	var told [2]string
	var records [2]int64
	var page [2]string
	for i, n := range w.both {
		before := n.records()
		r, err := n.send(q)
		if err != nil {
			w.Fatal(err)
		}
		told[i], records[i] = n.told(r), n.records()-before
		page[i] = nextPage(r)
		if i == 0 {
			w.count(q, r)
		}
	}
	if exceptReports(q) {
		for i := range told {
			told[i], page[i] = told[i][:len("200")], ""
		}
	}
	if told[0] != told[1] {
		w.Errorf("request %d of %s:\n%s\n\n%s", w.asked, w.caller.name, q, firstDifference(told[0], told[1]))
	}
	if records[0] != records[1] {
		w.Errorf("request %d of %s:\n%s\n\n%d records with everything, %d with what may be seen", w.asked, w.caller.name, q, records[0], records[1])
	}
	if page[0] == "" || page[1] == "" {
		return ""
	}
	name := "page " + strconv.Itoa(w.asked)
	for i, n := range w.both {
		n.names.pages[name] = page[i]
	}
	return name
}

func nextPage(r response) string {
	var bundle struct {
		Link []struct{ Relation, URL string }
	}
	if json.Unmarshal(r.Body, &bundle) != nil {
		return ""
	}
	for _, l := range bundle.Link {
		if l.Relation == "next" {
			_, path, _ := strings.Cut(l.URL, "/fhir")
			return "/fhir" + path
		}
	}
	return ""
}

// count notes what kind of answer it was.
func (w *twins) count(q twinAsk, r response) {
	w.asked++
	w.met[strconv.Itoa(r.Status)]++
	var body struct {
		ResourceType string
		Total        *int
		Entry        []json.RawMessage
	}
	switch {
	case r.Status >= 300 && r.Status != 304:
		return
	case q.method == "HEAD" || json.Unmarshal(r.Body, &body) != nil:
	case body.ResourceType == "Bundle" && len(body.Entry) == 0 && (body.Total == nil || *body.Total == 0):
		w.met["empty "+q.route]++
		return
	}
	w.full++
}
