package mongo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
	"github.com/aceso-health/aceso/store/storetest"
)

// TestWalkOfTwoNodes has a node whose transaction commits after a walk has begun,
// although its stamps are between those of another node that the walk shows.
func TestWalkOfTwoNodes(t *testing.T) {
	server := newServer(t)
	if server.standIn == nil {
		t.Skip("SKIPPED: a real server cannot be told to be slow")
	}
	o := testOptions("")
	one := &hospital{T: t, store: server.open(t, o)}
	o.Node = "n2"
	two := &hospital{T: t, store: server.open(t, o)}
	organization := func(w *hospital, id string) { w.commit(w.write(id, `{"resourceType":"Organization","name":"%s"}`, id)) }

	organization(one, "a")
	slow := server.standIn.Fail(mongotest.Fault{Command: "commitTransaction", Do: mongotest.Slow})
	late := make(chan struct{})
	go func() {
		defer close(late)
		organization(two, "b")
	}()
	waitFor(t, func() bool { return slow.Fired() == 1 })
	organization(one, "c")
	organization(one, "d")
	var shown []string
	s := store.Search{Query: one.parse("Organization"), Limit: 1}
	for {
		page, err := one.store.Search(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, page.Matches[0].Ref.ID)
		if s.After = page.Next; s.After == nil {
			break
		}
		if len(shown) == 1 {
			slow.Remove()
			<-late
		}
	}
	if want := []string{"a", "c", "d"}; !slices.Equal(shown, want) {
		t.Errorf("shown: %v, want %v", shown, want)
	}
}

// A snapshot that was only read waits for no disk and no other member in the end.
func TestReadsWaitForNobody(t *testing.T) {
	server, spy := newServer(t), &spy{}
	watched := spy.open(t, server, server.open(t, testOptions("")))
	if _, err := watched.Get(t.Context(), fhir.Ref{Type: "Patient", ID: "none"}); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	ended := 0
	for _, c := range spy.sent {
		if c.Lookup("abortTransaction").IsZero() {
			continue
		}
		ended++
		if concern, ok := c.Lookup("writeConcern").DocumentOK(); ok && (!concern.Lookup("j").IsZero() || concern.Lookup("w").Type == bson.TypeString) {
			t.Errorf("ended by %s", c)
		}
	}
	if ended != 1 {
		t.Errorf("%d snapshots were given up", ended)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited for a minute")
		}
	}
}

// TestStrangeText searches for what the query language of the database could take
// for its own.
func TestStrangeText(t *testing.T) {
	w := &hospital{T: t, store: newServer(t).open(t, testOptions(""))}
	texts := []string{"a.*b", `q\Ex\Q`, "(?i)x", "$where", "50%", "[a-z]+", "x{2}", "^start", "end$", "pipe|pipe"}
	for i, text := range texts {
		w.commit(w.write(fmt.Sprint("o", i), `{"resourceType":"Organization","name":%q}`, "before "+text+" after"))
	}
	escape := strings.NewReplacer(`\`, `\\`, "$", `\$`, "|", `\|`)
	for i, text := range texts {
		for modifier, value := range map[string]string{":contains": text, ":exact": "before " + text + " after"} {
			query := "Organization?name" + modifier + "=" + url.QueryEscape(escape.Replace(value))
			page, err := w.store.Search(t.Context(), store.Search{Query: w.parse(query), Limit: 9})
			if err != nil || len(page.Matches) != 1 || page.Matches[0].Ref.ID != fmt.Sprint("o", i) {
				t.Errorf("%s: %d matches, %v", query, len(page.Matches), err)
			}
		}
	}
	if _, err := w.store.Search(t.Context(), store.Search{Query: &search.Query{Type: "Organization", Where: search.Contains{Param: "name", Needle: "a\x00b"}}, Limit: 9}); err != nil {
		t.Error(err)
	}
}

// TestSearchFaults makes the commands of searches fail at random: a search that
// answers answers right, from one snapshot.
func TestSearchFaults(t *testing.T) {
	if newServer(t).standIn == nil {
		t.Skip("SKIPPED: a real server cannot be told to fail; see the failover tests")
	}
	n := 200
	if testing.Short() {
		n = 20
	}
	var fired, failed atomic.Int64
	seeds := make(chan uint64)
	var wait sync.WaitGroup
	for range 12 { // mostly they wait for the driver to look at the server again
		server := newServer(t)
		w := &hospital{T: t, store: server.open(t, testOptions(""))}
		for i := range 10 {
			w.commit(w.patient(i)...)
		}
		wait.Go(func() {
			for seed := range seeds {
				w.disturbed(server, seed, &fired, &failed)
			}
		})
	}
	first := rand.Uint64N(1 << 40)
	for i := range uint64(n) {
		seeds <- first + i
	}
	close(seeds)
	wait.Wait()
	if fired.Load() < int64(n)/4 || failed.Load() > int64(n)/2 {
		t.Errorf("they test too little")
	}
	t.Logf("%d searches from seed %d, %d commands failed, %d searches gave up", n, first, fired.Load(), failed.Load())
}

var walked = []string{"Observation?patient=p3&code=c3", "Observation?patient.family=Family3&_include=Observation:encounter", "Encounter?_sort=-date", "Patient?name=fam"}

// disturbed walks through a search while commands fail and compares the answer with
// that of an undisturbed one.
func (w *hospital) disturbed(server *server, seed uint64, fired, failed *atomic.Int64) {
	r := rand.New(rand.NewPCG(seed, 3))
	text := walked[r.IntN(len(walked))]
	want, err := w.walk(text, 3)
	if err != nil {
		w.Errorf("%s: %v", text, err)
		return
	}
	var rules []*mongotest.Rule
	for range 1 + r.IntN(3) {
		rules = append(rules, server.standIn.Fail(mongotest.Fault{
			Command: []string{"find", "getMore", "abortTransaction", ""}[r.IntN(4)], Do: actions[r.IntN(len(actions))],
			Nth: 1 + r.IntN(6), Times: 1 + r.IntN(3),
		}))
	}
	got, err := w.walk(text, 3)
	for _, rule := range rules {
		fired.Add(int64(rule.Fired()))
		rule.Remove()
	}
	var known *fhir.Error
	switch {
	case err != nil && errors.As(err, &known) && known.Kind == fhir.Unavailable:
		failed.Add(1)
	case err != nil:
		w.Errorf("seed %d: %s: %v", seed, text, err)
	case !slices.Equal(got, want):
		w.Errorf("seed %d: %s:\n got %v\nwant %v", seed, text, got, want)
	}
}

// walk names all that a search shows, page by page.
func (w *hospital) walk(text string, limit int) (shown []string, err error) {
	s := store.Search{Query: w.parse(text), Limit: limit, Count: true}
	for {
		page, err := w.store.Search(w.Context(), s)
		if err != nil {
			return nil, err
		}
		shown = append(shown, fmt.Sprint(page.Total, page.Epoch))
		for _, v := range slices.Concat(page.Matches, page.Included) {
			shown = append(shown, v.Ref.String())
		}
		if page.Next == nil {
			return shown, nil
		}
		s.After = page.Next
	}
}

func (w *hospital) commit(writes ...store.Write) {
	w.Helper()
	sealer, err := storetest.NewSealer()
	if err != nil {
		w.Fatal(err)
	}
	entry, err := storetest.Record(sealer, "transaction", "E", 200)
	if err != nil {
		w.Fatal(err)
	}
	if _, err := w.store.Commit(w.Context(), store.Change{Writes: writes, Entry: entry}); err != nil {
		w.Error(err)
	}
}
