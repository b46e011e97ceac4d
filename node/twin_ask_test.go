package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// twinAsker makes requests: about what both servers have, and now and then about what
// only the first has, or nobody.
type twinAsker struct {
	*twinAuthor
	w      *twins
	known  []*held
	byRef  map[string]*held
	params deck[twinParam]
	sorts  deck[twinParam]
	links  deck[twinParam]
	routes deck[twinRoute]
	paths  []string // further pages, not asked for yet
	n      int
	share  []twinParam // which this asker draws in any case
}

// twinRoute makes a request to a row of the route table.
type twinRoute struct {
	name   string // as server.Routes says it
	weight int
	ask    func(*twinAsker) twinAsk
}

func (r twinRoute) draw(a *twinAsker) twinAsk {
	q := r.ask(a)
	q.route = r.name
	return q
}

// twinRoutes has a generator for every row of the route table.
func twinRoutes() []twinRoute {
	fixed := func(method, path string) func(*twinAsker) twinAsk {
		return func(*twinAsker) twinAsk { return twinAsk{method: method, path: path} }
	}
	own := []twinRoute{
		{"GET /healthz", 1, fixed("GET", "/healthz")},
		{"GET /readyz", 1, fixed("GET", "/readyz")},
		{"GET /metrics", 1, fixed("GET", "/metrics")},
		{"GET /", 1, fixed("GET", "/")},
		{"GET /ui", 1, fixed("GET", "/ui")},
		{"GET /ui/", 1, fixed("GET", "/ui/")},
		{"GET /ui/ledger", 1, fixed("GET", "/ui/ledger")},
		{"GET /ui/bundle", 1, fixed("GET", "/ui/bundle?event=n1.accesses.0.1")},
		{"POST /ui/sign-in", 1, fixed("POST", "/ui/sign-in")},
		{"POST /ui/sign-out", 1, fixed("POST", "/ui/sign-out")},
		{"GET /ui/style.css", 1, fixed("GET", "/ui/style.css")},
		{"GET /fhir/metadata", 1, fixed("GET", "/fhir/metadata")},
		{"POST /fhir", 14, (*twinAsker).transaction},
		{"POST /fhir/", 12, (*twinAsker).batch},
		{"GET /fhir/_history", 6, (*twinAsker).historySystem},
		{"GET /fhir/:type/:id", 24, (*twinAsker).read},
		{"GET /fhir/:type/:id/_history/:version", 10, (*twinAsker).vread},
		{"POST /fhir/:type", 16, (*twinAsker).create},
		{"PUT /fhir/:type/:id", 14, (*twinAsker).update},
		{"PUT /fhir/:type", 6, (*twinAsker).updateIf},
		{"DELETE /fhir/:type/:id", 4, (*twinAsker).remove},
		{"DELETE /fhir/:type", 3, (*twinAsker).removeIf},
		{"GET /fhir/:type/:id/_history", 16, (*twinAsker).historyInstance},
		{"GET /fhir/:type/_history", 6, (*twinAsker).historyType},
		{"GET /fhir/:type", 100, (*twinAsker).search},
		{"GET /fhir", 40, (*twinAsker).searchSystem},
		{"POST /fhir/:type/_search", 12, (*twinAsker).searchByPost},
		{"GET /fhir/:type/:id/:member", 14, (*twinAsker).compartment},
		{"POST /fhir/:type/:id/:member/_search", 5, (*twinAsker).compartmentByPost},
		{"GET /fhir/:type/:id/_history/:version/$verify", 6, (*twinAsker).verify},
		{"GET /fhir/:type/:id/$access-report Patient", 4, (*twinAsker).report},
		{"GET /fhir/:type/:id AuditEvent", 2, (*twinAsker).event},
		{"GET /fhir/:type AuditEvent", 2, fixed("GET", "/fhir/AuditEvent?patient=Patient/r5&_count=3")},
		{"POST /fhir/:type/_search AuditEvent", 1, func(*twinAsker) twinAsk {
			return twinAsk{method: "POST", path: "/fhir/AuditEvent/_search", body: "date=ge2020", header: []string{"Content-Type", "application/x-www-form-urlencoded"}}
		}},
		{"GET /fhir/:type/:id/$proof AuditEvent", 1, func(a *twinAsker) twinAsk {
			q := a.event()
			q.path += "/$proof"
			return q
		}},
	}
	return append(own, twinOperations(own)...)
}

// newTwinAsker makes one of several askers, who together draw everything soon.
func newTwinAsker(w *twins, seed uint64, part, parts int) *twinAsker {
	r := rand.New(rand.NewPCG(seed, uint64(part)))
	a := &twinAsker{twinAuthor: &twinAuthor{Rand: r}, w: w}
	all := twinParams()
	a.share = all[len(all)*part/parts : len(all)*(part+1)/parts]
	a.params = newDeck(r, all, part, parts)
	a.sorts = newDeck(r, filter(all, func(p twinParam) bool { return p.Kind != "composite" && !strings.HasPrefix(p.Name, "combo-") }), part, parts)
	a.links = newDeck(r, filter(all, func(p twinParam) bool { return p.Kind == "reference" }), part, parts)
	var once, rest []twinRoute
	for _, route := range twinRoutes() {
		once = append(once, route)
		for range route.weight - 1 {
			rest = append(rest, route)
		}
	}
	r.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	a.routes = newDeck(r, append(once, rest...), 0, 1)
	return a
}

func filter[T any](all []T, keep func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(all), func(v T) bool { return !keep(v) })
}

// next is the next request: a further page, or one to the next route.
func (a *twinAsker) next() twinAsk {
	a.n++
	if a.n%50 == 1 {
		a.learn()
	}
	if len(a.paths) > 0 {
		q := twinAsk{route: "further page", method: "GET", path: a.paths[0]}
		a.paths = a.paths[1:]
		return a.vary(q)
	}
	return a.vary(a.routes.deal().draw(a))
}

// vary adds to a request what any may have.
func (a *twinAsker) vary(q twinAsk) twinAsk {
	if a.once(40) && q.method == "GET" {
		q.method = "HEAD"
	}
	q.anonymous = a.once(200)
	q.header = append(q.header, "X-Request-Id", fmt.Sprintf("%s%012d", twinGiven, a.n))
	if a.once(30) {
		q.header = append(q.header, "Prefer", a.pick([]string{"handling=lenient", "return=minimal", "return=OperationOutcome", "return=representation"}))
	}
	if a.once(12) {
		q.header = append(q.header, "Prefer", "respond-async")
	}
	if purpose := a.w.caller.grant.Purposes[0]; a.once(12) && !strings.Contains(q.path, "page ") {
		q.header = append(q.header, "Aceso-Purpose", a.pick([]string{purpose, twinPurpose[purpose], twinPurpose[purpose], "nonsense"}))
	}
	return q
}

// learn looks at what is stored.
func (a *twinAsker) learn() {
	all, some := a.w.both[0].versions(), a.w.both[1].versions()
	names := map[fhir.Ref]bool{}
	for ref := range some {
		ref.ID = a.w.both[1].names.known(ref.ID)
		names[ref] = true
	}
	a.known, a.byRef = nil, map[string]*held{}
	for ref, versions := range all {
		last := versions[len(versions)-1]
		ref.ID = a.w.both[0].names.known(ref.ID)
		if last.Deleted || ref.ID == "" {
			continue
		}
		for i, k := range last.Index.Keys {
			last.Index.Keys[i] = twinUUID.ReplaceAllStringFunc(k, a.w.both[0].names.known)
		}
		h := &held{ref: ref, version: last.Version.Version, seen: names[ref], index: last.Index}
		a.known, a.byRef[ref.String()] = append(a.known, h), h
	}
	slices.SortFunc(a.known, func(x, y *held) int { return strings.Compare(x.ref.String(), y.ref.String()) })
}

// known is the name of an id, "" if no answer had it yet.
func (n twinNames) known(id string) string {
	if !twinUUID.MatchString(id) || strings.HasPrefix(id, twinGiven) {
		return id
	}
	return n.given[id]
}

// held is the resource of a reference, nil if there is none.
func (a *twinAsker) held(ref string) *held { return a.byRef[ref] }

// witness is a resource that fits: mostly one that the caller may see, nil if there is none.
func (a *twinAsker) witness(fits func(*held) bool) *held { return a.prefer(!a.once(4), fits) }

// prefer is a resource that fits, seen or hidden if there is such a one.
func (a *twinAsker) prefer(seen bool, fits func(*held) bool) (found *held) {
	offset := a.IntN(len(a.known))
	for i := range a.known {
		h := a.known[(offset+i)%len(a.known)]
		if !fits(h) {
			continue
		}
		if found = h; h.seen == seen {
			return h
		}
	}
	return found
}

// any is the reference of some resource: seen as a rule, hidden or absent at times.
func (a *twinAsker) any(typ string) (fhir.Ref, int64) {
	if a.once(15) {
		return fhir.Ref{Type: typ, ID: "absent"}, 1
	}
	if a.once(10) {
		return twinRef(typ, a.IntN(twinEach)), 1 // perhaps deleted
	}
	if h := a.witness(func(h *held) bool { return h.ref.Type == typ }); h != nil {
		return h.ref, h.version
	}
	return twinRef(typ, 0), 1
}

func (a *twinAsker) typ() string { return a.pick(twinTypes) }
