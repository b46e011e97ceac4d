package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// A data folder belongs to one organisation, tenant and node.
func TestFolderBelongsToOne(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, options()).Close()
	for _, change := range []func(*Options){
		func(o *Options) { o.Organization = "other" },
		func(o *Options) { o.Tenant = "other" },
		func(o *Options) { o.Node = "other" },
	} {
		o := options()
		change(&o)
		_, err := Open(t.Context(), dir, o)
		if err == nil || !strings.Contains(err.Error(), "belongs to") {
			t.Errorf("opened for %+v: %v", o, err)
		}
		if _, err := OpenReadOnly(t.Context(), dir, o); err == nil {
			t.Errorf("opened for reading for %+v", o)
		}
	}
	s := open(t, dir, Options{})
	if s.Organization() != options().Organization || s.Node() != options().Node {
		t.Errorf("the folder says %s %s", s.Organization(), s.Node())
	}
	if _, err := Open(t.Context(), t.TempDir(), Options{}); err == nil {
		t.Error("a new folder was made for nobody")
	}
}

func TestFolderIsLocked(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	if _, err := Open(t.Context(), dir, options()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("opened twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, options())
}

// A clean end leaves whole database files: copying those is a backup.
func TestCloseLeavesNoWriteAheadLog(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	newAuthor(t, s).work()
	if _, _, err := s.Consents(t.Context(), "Patient/1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*-wal")); err != nil || len(left) > 0 {
		t.Errorf("left after closing: %v, %v", left, err)
	}
}

// Giving memory back while others read and write disturbs nobody.
func TestRestDisturbsNobody(t *testing.T) {
	s := open(t, t.TempDir(), options())
	a := newAuthor(t, s)
	a.work()
	var resting sync.WaitGroup
	resting.Go(func() {
		for range 200 {
			s.rest()
		}
	})
	for i := range 50 {
		a.must(a.tryPut(fmt.Sprintf("rest%d", i)))
		if _, err := s.Get(t.Context(), fhir.Ref{Type: "Patient", ID: "absent"}); !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
	}
	resting.Wait()
	for _, p := range []*pool{s.read, s.searches, s.consentRead, s.logRead} {
		p.rest()
		if len(p.free) > 0 || len(p.slots) > 0 {
			t.Errorf("%d connections are open and %d in use", len(p.free), len(p.slots))
		}
	}
}

func TestFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	a := newAuthor(t, open(t, dir, options()))
	a.work()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	a.must(err)
}

func TestNewerSchemaIsRefused(t *testing.T) {
	for _, file := range []string{mainFile, accessFile} {
		dir := t.TempDir()
		open(t, dir, options()).Close()
		c, err := openConn(filepath.Join(dir, file), writing)
		if err != nil {
			t.Fatal(err)
		}
		v := fmt.Sprint(schemaVersion + 1)
		if err := c.exec("UPDATE meta SET value = ?, sum = ? WHERE name = 'schema'", v, rowSum(0, "schema", v)); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if _, err := Open(t.Context(), dir, options()); err == nil || !strings.Contains(err.Error(), "newer program") {
			t.Errorf("%s: %v", file, err)
		}
		if _, err := OpenReadOnly(t.Context(), dir, Options{}); err == nil || !strings.Contains(err.Error(), "newer program") {
			t.Errorf("%s for reading: %v", file, err)
		}
	}
}

// Everything is there after a restart, and numbers go on.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	a := newAuthor(t, open(t, dir, options()))
	a.work()
	changes, accesses := a.Logs()
	n, err := changes.Size(t.Context())
	a.must(err)
	m, err := accesses.Size(t.Context())
	a.must(err)
	a.must(a.Close())
	b := newAuthor(t, open(t, dir, options()))
	b.must(b.tryPut("again"))
	b.must(b.tryRecord())
	b.wantLogs(n+1, m+1)
	if all := b.findings(); len(all) > 0 {
		t.Error(all)
	}
}

// While a folder is served others may read it, and see what was committed.
func TestReadOnlyBesideServer(t *testing.T) {
	dir := t.TempDir()
	a := newAuthor(t, open(t, dir, options()))
	a.work()
	r, err := OpenReadOnly(t.Context(), dir, Options{})
	a.must(err)
	defer r.Close()
	a.must(a.tryPut("later"))
	if _, err := r.Get(t.Context(), fhir.Ref{Type: "Observation", ID: "later"}); err != nil {
		t.Error(err)
	}
	b := &author{TB: t, Store: r, sealer: a.sealer}
	if all := b.findings(); len(all) > 0 {
		t.Error(all)
	}
	if b.tryPut("x") == nil || b.tryRecord() == nil {
		t.Error("a store opened for reading wrote")
	}
	_, log := r.Logs()
	if log.WriteTiles(t.Context(), []ledgerbridge.Tile{{Data: []byte("x")}}) == nil {
		t.Error("a store opened for reading wrote tiles")
	}
	if _, err := log.Erase(t.Context(), a.sealer.Erasure("p", "x")); err == nil {
		t.Error("a store opened for reading erased")
	}
}

// A clock that leaps back makes neither a log's time nor the order of versions run back.
func TestClockLeaps(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	o := options()
	o.Now = func() time.Time { return now }
	a := newAuthor(t, open(t, t.TempDir(), o))
	for i := range 4 {
		now = now.Add(-time.Hour)
		w := a.version(fmt.Sprint(i), 0, fmt.Sprintf(weightBody, 1, 2, 3))
		_, err := a.Commit(t.Context(), store.Change{Writes: []store.Write{w}, Entry: a.entry()})
		a.must(err)
		a.must(a.tryRecord())
	}
	changes, accesses := a.Logs()
	for _, log := range []ledgerbridge.Log{changes, accesses} {
		var last time.Time
		a.must(log.Rows(t.Context(), 0, 10, func(r ledgerbridge.Row) error {
			if r.Time.Before(last) {
				t.Errorf("%s: time runs back at row %d", log.Source(), r.Seq)
			}
			last = r.Time
			return nil
		}))
	}
	page, err := a.History(t.Context(), store.History{Limit: 10})
	a.must(err)
	for i, v := range page.Matches {
		if v.Ref.ID != fmt.Sprint(3-i) {
			t.Errorf("version %d of the history is %s", i, v.Ref)
		}
	}
}

// A statement must not be compiled again each time it runs: that once made a read
// three times as dear, without any other sign.
func TestStatementsStayPrepared(t *testing.T) {
	a := newAuthor(t, open(t, t.TempDir(), options()))
	a.work()
	for range 3 {
		_, err := a.Get(t.Context(), fhir.Ref{Type: "Patient", ID: "1"})
		a.must(err)
	}
	err := a.read.use(t.Context(), func(c conn) error {
		return c.each("SELECT sql FROM sqlite_schema WHERE sql LIKE '%WHERE%'", func(st *sqlite.Stmt) error {
			t.Errorf("a partial index makes statements with parameters expire: %s", st.ColumnText(0))
			return nil
		})
	})
	a.must(err)
}
