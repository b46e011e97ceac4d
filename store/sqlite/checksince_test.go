package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// since checks a folder without writing to it.
func since(t *testing.T, dir string, from store.Since) (mark []byte, all string) {
	t.Helper()
	s, err := OpenReadOnly(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mark, err = s.CheckSince(t.Context(), from, func(f store.Finding) error {
		all += f.Error() + "\n"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return mark, all
}

// changedFolder is a folder that was checked, and written to afterwards.
func changedFolder(t *testing.T) (dir string, mark []byte) {
	dir = workedFolder(t)
	mark, all := since(t, dir, store.Since{})
	if all != "" {
		t.Fatal(all)
	}
	s, err := Open(t.Context(), dir, options())
	if err != nil {
		t.Fatal(err)
	}
	a := newAuthor(t, s)
	a.ticks.Store(1000)
	a.put("2", 1, fmt.Sprintf(patientBody, "Baker"))
	a.put("new", 0, fmt.Sprintf(weightBody, 2, 7, 7))
	a.put("c5", 1, fmt.Sprintf(consentBody, 1))
	a.put("media", 0, `{"resourceType":"Media","status":"completed","content":{"url":"Binary/b1"},"subject":{"reference":"Patient/2"}}`)
	a.remove(fhir.Ref{Type: "Observation", ID: "0-0"})
	a.must(s.Close())
	return dir, mark
}

const ridOf = "(SELECT rid FROM resources WHERE id = '%s')"

// sinceEdits are edits of aceso.db; id is that of the resource.
var sinceEdits = []struct{ id, query, finds string }{
	{"2", "UPDATE versions SET owner = 'x' WHERE version = 2 AND rid = " + ridOf, "does not match its checksum"},
	{"2", "UPDATE versions SET body = x'00' WHERE version = 2 AND rid = " + ridOf, "versions"},
	{"2", "DELETE FROM versions WHERE version = 1 AND rid = " + ridOf, "version 1 is missing before it"},
	{"2", "UPDATE resources SET version = 9 WHERE rid = " + ridOf, "resources"},
	{"new", "DELETE FROM ix WHERE rid = " + ridOf, "table ix"},
	{"new", "DELETE FROM dates WHERE rid = " + ridOf, "table dates"},
	{"new", "DELETE FROM numbers WHERE rid = " + ridOf, "table numbers"},
	{"c5", "DELETE FROM consents WHERE rid = " + ridOf, "table consents"},
	{"media", "DELETE FROM named WHERE stamp IN (SELECT stamp FROM versions WHERE rid = " + ridOf + ")", "table named"},
	{"2", "INSERT INTO ix SELECT p, replace(replace(v, 'baker', 'smith2'), 'Baker', 'Smith2'), rid FROM ix WHERE v LIKE '%%baker%%' AND rid = " + ridOf, "belongs to no current version"},
	{"0-0", "INSERT INTO dates SELECT p, u, class, lo, hi, rid FROM gone WHERE rid = " + ridOf, "belongs to no current version"},
	{"new", "DELETE FROM parts WHERE id & 65535 = 0 AND id >> 16 = (SELECT seq FROM versions WHERE rid = " + ridOf + ")", "one is missing in between"},
	{"new", "DELETE FROM entries WHERE seq = (SELECT seq FROM versions WHERE rid = " + ridOf + ")", "table parts"},
}

// edited is a copy of a folder with an edit of aceso.db.
func edited(t *testing.T, original, query string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(original)); err != nil {
		t.Fatal(err)
	}
	c, err := sqlite.OpenConn(filepath.Join(dir, mainFile), sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if !execute(t, c, query) {
		t.Fatalf("nothing was edited: %s", query)
	}
	return dir
}

// What has changed since a check is checked again, and edits of it are found.
func TestCheckSinceFindsEditsOfWhatChanged(t *testing.T) {
	dir, mark := changedFolder(t)
	next, all := since(t, dir, store.Since{Mark: mark})
	if all != "" {
		t.Fatal(all)
	}
	for _, e := range sinceEdits {
		query := fmt.Sprintf(e.query, e.id)
		original := dir
		if strings.Contains(query, "FROM gone") { // keys of a deleted resource, as they were before
			query = strings.Replace(query, "gone", "(SELECT * FROM dates UNION SELECT p, u, class, lo, hi, "+fmt.Sprintf(ridOf, "0-0")+" FROM dates WHERE rid = "+fmt.Sprintf(ridOf, "1-0")+")", 1)
		}
		damaged := edited(t, original, query)
		if _, all := since(t, damaged, store.Since{Mark: mark}); !strings.Contains(all, e.finds) {
			t.Errorf("%s: found %q, want %q", query, all, e.finds)
		}
		if _, all := since(t, damaged, store.Since{Mark: next}); all != "" {
			t.Errorf("%s: found although nothing has changed: %q", query, all)
		}
	}
}

// What has not changed is checked in turns, and when everything is.
func TestCheckSinceFindsOldEditsInTurns(t *testing.T) {
	dir, _ := changedFolder(t)
	mark, _ := since(t, dir, store.Since{})
	for _, query := range []string{
		"UPDATE versions SET owner = 'x' WHERE rid = " + ridOf,
		"DELETE FROM ix WHERE rid = " + ridOf,
		"DELETE FROM dates WHERE rid = " + ridOf,
	} {
		damaged := edited(t, dir, fmt.Sprintf(query, "3-1"))
		if _, all := since(t, damaged, store.Since{Mark: mark}); all != "" {
			t.Errorf("%s: found although nothing has changed: %s", query, all)
		}
		if _, all := since(t, damaged, store.Since{}); all == "" {
			t.Errorf("%s: not found", query)
		}
		found, at := 0, mark
		for range 2 * 5 {
			var all string
			if at, all = since(t, damaged, store.Since{Mark: at, Turns: 5}); all != "" {
				found++
			}
		}
		if found != 2 {
			t.Errorf("%s: found in %d of two rounds of five turns", query, found)
		}
	}
}

// A mark of another schema, or none, means everything.
func TestCheckSinceAnotherSchemaIsEverything(t *testing.T) {
	dir, _ := changedFolder(t)
	mark, _ := since(t, dir, store.Since{})
	damaged := edited(t, dir, "UPDATE versions SET owner = 'x' WHERE rid = "+fmt.Sprintf(ridOf, "3-1"))
	other := []byte(strings.Replace(string(mark), `"schema":"`, `"schema":"1`, 1))
	for _, m := range [][]byte{other, []byte("x"), nil} {
		if _, all := since(t, damaged, store.Since{Mark: m}); all == "" {
			t.Errorf("mark %q was believed", m)
		}
	}
}
