package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// makeUnconstrained gives a folder the schema version 4, which has no marks for constraints.
func makeUnconstrained(t *testing.T, dir string) {
	t.Helper()
	for _, file := range []string{mainFile, accessFile} {
		c, err := openConn(filepath.Join(dir, file), writing)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.exec("UPDATE meta SET value = '4', sum = ? WHERE name = 'schema'", rowSum(0, "schema", "4")); err != nil {
			t.Fatal(err)
		}
		if file == mainFile {
			err = c.exec("DELETE FROM ix WHERE v NOT IN ('', '=free') AND p IN (SELECT id FROM names WHERE name = ?)", search.RowKey)
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A folder of the version before is whole by its own rules, and has all marks after its
// upgrade; programs that do not keep them refuse it then.
func TestUpgradeMarks(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	a := newAuthor(t, s)
	a.put("o", 0, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/1"},"performer":[{"reference":"Practitioner/1"}],
		"meta":{"security":[{"system":"s","code":"R"}]}}`)
	a.put("p", 0, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/1"}}`)
	a.must(s.Close())
	makeUnconstrained(t, dir)
	if all := findings(t, dir); len(all) > 0 {
		t.Errorf("an old folder: %s", strings.Join(all, "\n"))
	}
	s = open(t, dir, options())
	for mark, want := range map[string]int64{
		search.LabelMark(fhir.Coding{System: "s", Code: "R"}): 1, search.AuthorMark("Practitioner/1"): 1, search.OwnerMark(options().Organization): 2,
	} {
		q := &search.Query{Type: "Observation", Where: search.All{search.HasKey{Key: mark}}, Summary: "count"}
		page, err := s.Search(t.Context(), store.Search{Query: q, Limit: 10, Count: true})
		if err != nil || page.Total != want {
			t.Errorf("%d have %s, want %d: %v", page.Total, mark, want, err)
		}
	}
	a.must(s.Close())
	if all := findings(t, dir); len(all) > 0 {
		t.Error(strings.Join(all, "\n"))
	}
	c, err := openConn(filepath.Join(dir, mainFile), writing)
	a.must(err)
	defer c.Close()
	a.must(c.each("SELECT value FROM meta WHERE name = 'schema'", func(st *sqlite.Stmt) error {
		if st.ColumnText(0) != "5" {
			t.Errorf("schema version %s", st.ColumnText(0))
		}
		return nil
	}))
}
