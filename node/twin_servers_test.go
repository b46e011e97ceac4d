package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// twinBegin is when the clock of both servers begins. No document and no clock of the
// machine has such a year, so times that the gate made can be told from others.
var twinBegin = time.Date(2041, 1, 1, 0, 0, 0, 0, time.UTC)

// twinStep is one write of the load: a version of a resource.
type twinStep struct {
	ref   fhir.Ref
	body  string // "" deletes
	decoy string // what the other server gets where the caller may not see this version
}

// twins are two servers that should be the same for a caller: one holds everything, the
// other only what the caller may see (and the Consents by which that is judged).
type twins struct {
	*testing.T
	caller twinCaller
	both   [2]*twin
	ticks  atomic.Int64 // seconds since twinBegin on the clock of both
	asked  int
	full   int // answers that are not empty
	met    map[string]int
}

// twin is one of the two.
type twin struct {
	*testNode
	user, system user
	many, admin  user // the caller with two purposes; an administrator
	names        twinNames
}

// now is the clock.
func (w *twins) now() time.Time { return twinBegin.Add(time.Duration(w.ticks.Load()) * time.Second) }

func newTwins(t *testing.T, caller twinCaller, start func(*testing.T) *testNode) *twins {
	w := &twins{T: t, caller: caller, met: map[string]int{}}
	for i := range w.both {
		n := start(t)
		n.node.gate.Now = w.now
		as := func(purposes ...string) user {
			return n.as("", "", func(g *Grant) {
				expires := g.Expires
				*g = caller.grant
				g.Expires, g.Purposes = expires, append(g.Purposes[:1:1], purposes...)
			})
		}
		w.both[i] = &twin{testNode: n, user: as(), many: as(twinPurpose[caller.grant.Purposes[0]]), admin: n.as("administrator", "HOPERAT"), system: n.as("system", "HOPERAT"), names: newTwinNames()}
	}
	return w
}

// load fills the first server with everything, asks it what the caller may see, and fills
// the second with that.
func (w *twins) load(script []twinStep) {
	w.Helper()
	all, some := w.both[0], w.both[1]
	all.define()
	some.define()
	for _, s := range script {
		w.ticks.Add(1)
		all.put(s.ref, s.body)
	}
	seen := w.seen(all, script)
	stored := all.versions()
	w.checkSeen(seen, stored)
	w.ticks.Store(0)
	shadow := &shadowStore{Store: some.node.gate.Store, Indexer: some.node.gate.Store.(store.Indexer), all: stored, now: w.now}
	some.node.gate.Store = shadow
	version, known := map[fhir.Ref]int{}, map[string]bool{}
	for path := range seen {
		ref, _, _ := strings.Cut(path, "/_history")
		known[ref] = true // at least of one version
	}
	for _, s := range script {
		w.ticks.Add(1)
		version[s.ref]++
		if !known[s.ref.String()] && !w.governs(s.ref) {
			continue
		}
		body := s.body
		if !seen[fmt.Sprint(s.ref, "/_history/", version[s.ref])] && body != "" && !w.governs(s.ref) {
			body = s.decoy
		}
		shadow.loading = s.ref
		some.put(s.ref, body)
	}
	some.node.gate.Store = shadow.Store
	w.sameSeen(script, seen)
}

// sameSeen checks that the caller may know the same of both servers.
func (w *twins) sameSeen(script []twinStep, seen map[string]bool) {
	w.Helper()
	too := w.seen(w.both[1], script)
	for path := range seen {
		if !too[path] {
			w.Errorf("%s is shown by the server with everything only", path)
		}
	}
	for path := range too {
		if !seen[path] {
			w.Errorf("%s is hidden by the server with everything only", path)
		}
	}
}

// governs says whether a Consent is needed on both servers, seen or not, for the same
// decisions about what both hold, and about what the caller writes.
func (w *twins) governs(ref fhir.Ref) bool {
	var k int
	if n, _ := fmt.Sscanf(ref.String(), "Consent/c%d", &k); n == 0 {
		return false
	}
	return w.caller.fates[k] != hidden || k != twinStranger
}

// twinStranger is the patient whose Consents the second server does not have either.
const twinStranger = 6

// define stores search parameters of the servers' own.
func (n *twin) define() {
	n.T.Helper()
	for _, p := range twinCustoms {
		n.put(fhir.Ref{Type: "SearchParameter", ID: p.id}, customParameter(p.id, p.id, p.kind, p.base, p.expression, p.more))
	}
	for _, p := range twinCustoms {
		ready(n.T, n.system, "/"+p.base+"?"+p.id+":missing=true")
	}
}

func (n *twin) put(ref fhir.Ref, body string) {
	n.T.Helper()
	method := "PUT"
	if body == "" {
		method = "DELETE"
	}
	if r := n.system.Do(method, "/"+ref.String(), body); r.Status >= 300 {
		n.T.Fatalf("%s: %d %s\n%s", r.What, r.Status, r.Body, body)
	}
}

// seen asks a server, without records, which resources and versions the caller may
// know.
func (w *twins) seen(n *twin, script []twinStep) map[string]bool {
	w.Helper()
	kept := n.node.gate.Store
	n.node.gate.Store = forgetfulStore{kept, kept.(store.Indexer)}
	defer func() { n.node.gate.Store = kept }()
	seen, version := map[string]bool{}, map[fhir.Ref]int{}
	for _, s := range script {
		version[s.ref]++
	}
	for ref, last := range version {
		for v := range last + 1 {
			path := ref.String()
			if v > 0 {
				path = fmt.Sprint(path, "/_history/", v)
			}
			switch r := n.user.Get("/" + path); r.Status {
			case http.StatusOK, http.StatusGone:
				seen[path] = true
			case http.StatusNotFound, http.StatusForbidden:
			default:
				w.Fatal(r)
			}
		}
	}
	return seen
}

// checkSeen holds what the first server shows against what the test knows.
func (w *twins) checkSeen(seen map[string]bool, stored map[fhir.Ref][]store.Stored) {
	w.Helper()
	shows, hides := 0, 0
	for ref, versions := range stored {
		last := versions[len(versions)-1]
		for _, patient := range last.Facts.Patients {
			var k int
			if _, err := fmt.Sscanf(patient, "Patient/r%d", &k); err != nil || k >= twinHomes {
				w.Fatalf("%s is about %s", ref, patient)
			}
			if w.caller.fates[k] == hidden && seen[ref.String()] {
				w.Errorf("%s is shown, and %s is to be hidden", ref, patient)
			}
		}
		if seen[ref.String()] {
			shows++
			continue
		}
		hides++
	}
	w.Logf("%s: %d resources are shown, %d hidden", w.caller.name, shows, hides)
	if shows < 50 || hides < 50 {
		w.Fatal("the two servers differ too little, or nothing is seen")
	}
}

// versions are all that a server stores, oldest first.
func (n *twin) versions() map[fhir.Ref][]store.Stored {
	n.T.Helper()
	all := map[fhir.Ref][]store.Stored{}
	err := n.node.store.Versions(n.T.Context(), 0, func(v store.Stored) error {
		all[v.Ref] = append(all[v.Ref], v)
		return nil
	})
	if err != nil {
		n.T.Fatal(err)
	}
	return all
}

// records counts those of both logs.
func (n *twin) records() (sum int64) {
	n.T.Helper()
	changes, accesses := n.node.store.Logs()
	for _, log := range []ledgerbridge.Log{changes, accesses} {
		size, err := log.Size(n.T.Context())
		if err != nil {
			n.T.Fatal(err)
		}
		sum += size
	}
	return sum
}

// send asks a server, in its own names.
func (n *twin) send(q twinAsk) (response, error) {
	path := n.names.own(q.path)
	url := n.Server.URL + path
	r, err := http.NewRequest(q.method, url, strings.NewReader(n.names.own(q.body)))
	if err != nil {
		return response{}, fmt.Errorf("%s: %w", path, err)
	}
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(n.names.own(q.body))), nil }
	if !q.anonymous {
		r.Header.Set("Authorization", "Bearer "+n.asker(q).Token)
	}
	if q.body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	r.Header.Set("Accept-Encoding", "identity")
	for i := 0; i+1 < len(q.header); i += 2 {
		r.Header.Set(q.header[i], n.names.own(q.header[i+1]))
	}
	a, err := n.Exchange(q.method+" "+path, r)
	if at := a.Header.Get("Content-Location"); err == nil && a.Status == http.StatusAccepted && twinJob.MatchString(at) {
		return n.later(q, at)
	}
	return a, err
}

// asker is who sends a request.
func (n *twin) asker(q twinAsk) user {
	switch {
	case strings.HasSuffix(q.route, "$explain-query"):
		return n.admin
	case slices.Contains(q.header, "Aceso-Purpose"):
		return n.many
	}
	return n.user
}

// later fetches an answer that comes later, and forgets it.
func (n *twin) later(q twinAsk, at string) (a response, err error) {
	_, path, _ := strings.Cut(at, "/fhir/")
	q.method, q.path, q.body = "GET", "/fhir/"+path, ""
	for a.Status = http.StatusAccepted; err == nil && (a.Status == http.StatusAccepted || a.Status == http.StatusTooManyRequests); {
		time.Sleep(2 * time.Millisecond)
		a, err = n.send(q)
	}
	if q.method = "DELETE"; err == nil {
		_, err = n.send(q)
	}
	return a, err
}

// shadowStore lets a load refer to resources that only the other server has: what
// inherits their patients does so as it did there.
type shadowStore struct {
	store.Store
	store.Indexer
	all     map[fhir.Ref][]store.Stored
	now     func() time.Time
	loading fhir.Ref
}

func (s *shadowStore) Get(ctx context.Context, ref fhir.Ref) (store.Version, error) {
	v, err := s.Store.Get(ctx, ref)
	if !errors.Is(err, store.ErrNotFound) || ref == s.loading {
		return v, err
	}
	for _, there := range s.all[ref] {
		if !there.LastUpdated.After(s.now()) {
			v, err = there.Version, nil
		}
	}
	return v, err
}

// Commit does not ask whether what only the other server has is still as it was seen.
func (s *shadowStore) Commit(ctx context.Context, c store.Change) (ledgerbridge.Receipt, error) {
	c.Judged.Seen = nil
	return s.Store.Commit(ctx, c)
}

// forgetfulStore keeps no records of reads.
type forgetfulStore struct {
	store.Store
	store.Indexer
}

func (forgetfulStore) Record(context.Context, *ledgerbridge.Pending, store.Judged) (ledgerbridge.Receipt, error) {
	return ledgerbridge.Receipt{}, nil
}
