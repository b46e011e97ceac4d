package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/access/fair"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// codes are criteria that cost as many rows as they have values, times the parameters or
// types of param.
func codes(param string, n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("x%d", i))
	}
	return param + "=" + strings.Join(all, ",")
}

// The entries of a batch spend from one budget. What is refused for that is recorded, and
// does not tell of whom it would have been.
func TestBatchesSpendFromOneBudget(t *testing.T) {
	h := ward(t)
	told := h.told()
	c := h.as("practitioner", "TREAT")
	c.work = &store.Work{Left: 1000 * store.RowSteps}
	answered := 0
	for range 100 {
		err := searchFor("Observation", codes("combo-code", 25))(h, c.Entry())
		if says(err, 400, "The searches and conditions of this request would have to examine more than … resources together. Add criteria that narrow them, or send fewer at once.") {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		answered++
	}
	if answered < 5 || answered > 20 {
		t.Errorf("%d searches of 50 rows or more were answered from 1,000", answered)
	}
	told()
	if err := searchFor("Observation", "patient.identifier=urn:mrn|hidden")(h, c.Entry()); kindOf(err) != fhir.TooCostly {
		t.Errorf("after the end of the budget: %v", err)
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "permit 400 search-type") || !strings.HasSuffix(got[0], " [*] []") {
		t.Errorf("%q", got)
	}
	if _, err := h.History(t.Context(), c.Entry(), HistoryRequest{}); kindOf(err) != fhir.TooCostly {
		t.Errorf("a history after the end of the budget: %v", err)
	}
	if _, err := h.SearchAuditEvents(t.Context(), &Call{Agent: h.as("privacy-officer", "HOPERAT").Agent, work: c.work}, SearchRequest{}); kindOf(err) != fhir.TooCostly {
		t.Errorf("AuditEvents after the end of the budget: %v", err)
	}
}

// Finding whom a question singles out is bounded for each record, and is done in full even
// if the search has left nothing for it.
func TestFollowingIsBounded(t *testing.T) {
	h := ward(t)
	c := h.as("practitioner", "TREAT")
	led := func(left int64) (*review, string) {
		r := h.review(c)
		end := r.follow()
		if r.leads.Left > left {
			r.leads.Left = left
		}
		q, err := search.ParseQuery("Observation", params("patient.identifier=urn:mrn|hidden"), search.QueryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.concernLed(t.Context(), q.Type, q.Where); err != nil {
			t.Fatal(err)
		}
		end()
		r.name()
		return r, r.entry.Patients[0].Patient
	}
	if _, whom := led(mostLed * store.RowSteps); whom != "Patient/hidden" {
		t.Errorf("one is followed to %s", whom)
	}
	if _, whom := led(store.RowSteps / 2); whom != ledgerbridge.Everyone {
		t.Errorf("beyond the bound, one is followed to %s", whom)
	}
	c.work = &store.Work{Left: 1}
	if r, whom := led(1 << 40); whom != "Patient/hidden" || c.work.Left >= 0 || r.leads.Left > mostLed*store.RowSteps {
		t.Errorf("after a search, one is followed to %s; %d steps are left", whom, c.work.Left)
	}
	if _, whom := led(1 << 40); whom != ledgerbridge.Everyone {
		t.Errorf("with nothing left, one is followed to %s", whom)
	}
}

// Long searches wait for their turn, and nothing else does.
func TestLongSearchesTakeTurns(t *testing.T) {
	h := ward(t)
	h.shares = &fair.Shares{Running: 1, Open: 16, Each: 2, Waiting: 1}
	held, err := h.shares.Begin(t.Context(), "another")
	if err != nil {
		t.Fatal(err)
	}
	told := h.told()
	brief, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	long := SearchRequest{Type: "Observation", Params: params(codes("combo-code", 400))}
	waited := make(chan error)
	go func() {
		_, err := h.Search(brief, h.as("practitioner", "TREAT"), long)
		waited <- err
	}()
	for end := time.Now().Add(time.Minute); !errors.Is(full(h), fair.ErrFull) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if _, err := h.Search(t.Context(), h.as("practitioner", "TREAT"), long); !says(err, 429, "Too many long searches, patches and validations of this caller are waiting: 32 are allowed. Wait for their answers before you send more.") {
		t.Errorf("one more waits than may: %v", err)
	}
	for name, do := range map[string]func(*house, *Call) error{"read": read("Patient/seen"), "search": searchFor("Patient", "_id=seen"), "history": history("Patient", "seen")} {
		if err := do(h, h.as("practitioner", "TREAT")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := <-waited; !says(err, 503, "The request cannot be served now, because its …. Try again later.") {
		t.Errorf("who has waited too long: %v", err)
	}
	if got := strings.Join(told(), "\n"); strings.Count(got, "permit 503 search-type") != 1 || strings.Count(got, "permit 429 search-type") != 1 {
		t.Errorf("%d bytes of records", len(got))
	}
	held.Done()
	if _, err := h.Search(t.Context(), h.as("practitioner", "TREAT"), long); err != nil {
		t.Errorf("in its turn: %v", err)
	}
}

// full asks for a turn of the caller of the test, without waiting for it.
func full(h *house) error {
	ctx, cancel := context.WithCancel(h.Context())
	cancel()
	_, err := h.shares.Begin(ctx, "hospital\x00Practitioner/practitioner")
	return err
}

// waits lets a search in its turn begin only when somebody else waits for one.
type waits struct {
	store.Store
	begun, proceed chan struct{}
}

func (w waits) Search(ctx context.Context, s store.Search) (store.Page, error) {
	if s.Work != nil && s.Work.Turn != nil {
		close(w.begun)
		<-w.proceed
	}
	return w.Store.Search(ctx, s)
}

// A long search lets others have their turn before it is done.
func TestLongSearchesGiveTurns(t *testing.T) {
	h := ward(t)
	h.shares = &fair.Shares{Running: 1, Open: 16, Each: 2, Waiting: 16}
	w := waits{h.Store, make(chan struct{}), make(chan struct{})}
	h.Store = w
	order := make(chan string, 2)
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := searchFor("Observation", codes("combo-code", 400))(h, h.as("practitioner", "TREAT")); err != nil {
			t.Error(err)
		}
		order <- "search"
	})
	select {
	case <-w.begun:
	case <-time.After(10 * time.Second):
		t.Fatal("no search is in its turn")
	}
	ended.Go(func() {
		turn, err := h.shares.Begin(t.Context(), "another")
		if err != nil {
			t.Error(err)
			return
		}
		order <- "another"
		turn.Done()
	})
	for !h.shares.Busy() {
		time.Sleep(time.Millisecond)
	}
	close(w.proceed)
	ended.Wait()
	if first := <-order; first != "another" {
		t.Errorf("the first to be done was the %s", first)
	}
}

// panicking panics where it searches.
type panicking struct{ store.Store }

func (panicking) Search(context.Context, store.Search) (store.Page, error) { panic("a fault") }

func TestPanicsAreRecorded(t *testing.T) {
	h := ward(t)
	told := h.told()
	h.Store = panicking{h.Store}
	if err := searchFor("Observation", "patient=hidden")(h, h.as("practitioner", "TREAT")); kindOf(err) != fhir.Internal {
		t.Errorf("%v", err)
	}
	if got := told(); len(got) != 1 || got[0] != "permit 500 search-type  patient=hidden [* hidden] []" {
		t.Errorf("%q", got)
	}
}

// Conditions that examine many resources are refused, singly and together, before anything
// waits for them.
func TestConditionsAreSelective(t *testing.T) {
	h := ward(t)
	told := h.told()
	create := func(place int, criteria string) Operation {
		op := Operation{Method: "POST", Ref: fhir.Ref{Type: "Observation"}, Conditional: true, Criteria: params(criteria),
			Resource: h.parse(strings.Replace(observationDoc("", "seen"), `"id":"",`, "", 1))}
		if place >= 0 {
			op.Expression = fmt.Sprintf("Bundle.entry[%d]", place)
		}
		return op
	}
	err := apply(create(-1, codes("performer.identifier", 450)))(h, h.as("practitioner", "TREAT"))
	if !says(err, 400, "The criteria of conditional interactions and references must be selective: these would have to examine more than 2,000 resources, or all of a transaction more than 20,000 and 10 for each. Search by an identifier.") {
		t.Errorf("one: %v", err)
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "permit 400 create  performer.identifier=x0,x1") {
		t.Errorf("%d records: %.100s", len(got), got)
	}
	var many []Operation
	for i := range 60 {
		many = append(many, create(i, codes("combo-code", 400+i)))
	}
	if err := apply(many...)(h, h.as("practitioner", "TREAT")); kindOf(err) != fhir.TooCostly {
		t.Errorf("sixty: %v", err)
	}
	if err := apply(many[:20]...)(h, h.as("practitioner", "TREAT")); err != nil {
		t.Errorf("twenty: %v", err)
	}
	h.Store = plain{h.Store, t}
	if err := apply(create(-1, "identifier=x&_sort=date&_include=Observation:patient"))(h, h.as("practitioner", "TREAT")); err != nil {
		t.Error(err)
	}
}

// plain knows conditions without order and without what comes along.
type plain struct {
	store.Store
	*testing.T
}

func (p plain) Search(ctx context.Context, s store.Search) (store.Page, error) {
	if s.Query.Sort != nil || s.Query.Include != nil {
		p.Errorf("a condition is sorted by %v and includes %v", s.Query.Sort, s.Query.Include)
	}
	return p.Store.Search(ctx, s)
}
