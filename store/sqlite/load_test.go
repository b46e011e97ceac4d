package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// Searches that hold all the connections that searches have stop nothing that is read by
// id, and no record.
func TestReadsDoNotWaitForSearches(t *testing.T) {
	a := newAuthor(t, open(t, t.TempDir(), options()))
	a.work()
	ref := fhir.Ref{Type: "Patient", ID: "last"}
	a.put(ref.ID, 0, fmt.Sprintf(patientBody, "Last"))
	inside, leave := make(chan struct{}, searchers), make(chan struct{})
	patience := time.After(20 * time.Second)
	stays := func(store.Row) (bool, error) {
		inside <- struct{}{}
		<-leave
		return true, nil
	}
	var searching sync.WaitGroup
	for range searchers {
		searching.Go(func() {
			_, err := a.Search(context.Background(), store.Search{Query: &search.Query{Type: "Patient", Where: search.HasKey{Key: "family^last"}}, Visible: stays, Limit: 1})
			if err != nil {
				t.Error(err)
			}
		})
		select {
		case <-inside:
		case <-patience:
			t.Error("searches do not have their connections")
			patience = time.After(0)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	changes, accesses := a.Logs()
	for name, read := range map[string]func() error{
		"a version":         func() error { _, err := a.Get(ctx, ref); return err },
		"a past version":    func() error { _, err := a.GetVersion(ctx, ref, 1); return err },
		"consents":          func() error { _, _, err := a.Consents(ctx, "Patient/1"); return err },
		"the change log":    func() error { return changes.Rows(ctx, 0, 1, func(ledgerbridge.Row) error { return nil }) },
		"the access log":    func() error { _, err := accesses.Size(ctx); return err },
		"a record is kept":  func() error { _, err := a.Record(ctx, a.entry(), store.Judged{}); return err },
		"a version written": func() error { return a.tryPut("meanwhile") },
	} {
		if err := read(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	close(leave)
	searching.Wait()
}

// A statement that is left by a panic keeps nothing from changing what it reads.
func TestPanicsLeaveNoStatement(t *testing.T) {
	c, err := openConn(filepath.Join(t.TempDir(), "x.db"), writing)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := errors.Join(c.exec("CREATE TABLE a (b)"), c.exec("INSERT INTO a VALUES (1), (2)")); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = c.each("SELECT b FROM a", func(*sqlite.Stmt) error { panic("a fault") })
	}()
	if err := c.exec("DROP TABLE a"); err != nil {
		t.Error(err)
	}
}

// The entries of an index that a lookup passes over count, whether they match or not.
func TestEntriesPassedOverCount(t *testing.T) {
	a := newAuthor(t, open(t, t.TempDir(), options()))
	a.work()
	stop := errors.New("enough")
	for _, c := range []struct {
		typ, param, value string
		found, passed     int
	}{
		{"Patient", "family:contains", "absent", 0, 6},
		{"Patient", "family:contains", "smith", 5, 6},
		{"Observation", "date", "ge2020-01-03", 17, 17},
		{"Observation", "value-quantity", "gt70", 29, 29},
	} {
		q, err := search.ParseQuery(c.typ, []fhir.Param{{Name: c.param, Value: c.value}}, search.QueryOptions{})
		a.must(err)
		where := q.Where.(search.All)[0]
		err = a.snapshot(t.Context(), a.searches, "test", func(x *reader) error {
			passed := 0
			found, err := x.Collect(c.typ, where, 100, func(n int) error { passed += n; return nil })
			if len(found) != c.found || passed != c.passed {
				t.Errorf("%s=%s finds %d and passes over %d", c.param, c.value, len(found), passed)
			}
			if _, refused := x.Collect(c.typ, where, 100, func(int) error { return stop }); !errors.Is(refused, stop) {
				t.Errorf("%s=%s goes on: %v", c.param, c.value, refused)
			}
			return err
		})
		a.must(err)
	}
}
