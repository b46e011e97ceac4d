package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// makeOld gives a folder the schema version 1, without epochs of teams and the like.
func makeOld(t *testing.T, dir string) {
	t.Helper()
	for _, file := range []string{mainFile, accessFile} {
		c, err := openConn(filepath.Join(dir, file), writing)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.exec("UPDATE meta SET value = ?, sum = ? WHERE name = 'schema'", "1", rowSum(0, "schema", "1")); err != nil {
			t.Fatal(err)
		}
		if file == mainFile {
			for _, old := range []string{
				"DELETE FROM consent_writes WHERE epoch IN (SELECT epoch FROM consent_writes WHERE patient LIKE 'Pr%')",
				"UPDATE consent_writes SET epoch = (SELECT count(DISTINCT epoch) FROM consent_writes o WHERE o.epoch <= consent_writes.epoch)",
				"UPDATE counters SET value = (SELECT count(DISTINCT epoch) FROM consent_writes)",
				"DELETE FROM ix WHERE p IN (SELECT id FROM names WHERE name = '¤row')",
			} {
				if err := c.exec(old); err != nil {
					t.Fatal(err)
				}
			}
			forgetMarks(t, c)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// forgetMarks takes the name of the marks away from all types.
func forgetMarks(t *testing.T, c conn) {
	t.Helper()
	known, err := loadNames(c)
	if err != nil {
		t.Fatal(err)
	}
	for n, id := range known {
		if n.name != search.RowKey {
			continue
		}
		if err := c.exec("UPDATE names SET name = 'old', sum = ? WHERE id = ?", rowSum(id, n.typ, "old"), id); err != nil {
			t.Fatal(err)
		}
	}
}

// schemas are the schema versions of the two files.
func schemas(t *testing.T, dir string) (all [2]int) {
	t.Helper()
	for i, file := range []string{mainFile, accessFile} {
		c, err := openConn(filepath.Join(dir, file), reading)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if all[i], err = schemaOf(c); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// governedFolder is a folder with Consents and a Practitioner, written in turn.
func governedFolder(t *testing.T) string {
	t.Helper()
	dir := workedFolder(t)
	s := open(t, dir, options())
	a := newAuthor(t, s)
	a.put("pr", 0, `{"resourceType":"Practitioner","gender":"male"}`)
	a.put("pr", 1, `{"resourceType":"Practitioner","gender":"female"}`)
	a.put("last", 0, fmt.Sprintf(consentBody, 1))
	a.must(s.Close())
	return dir
}

// An upgrade that fails at its last moment changes nothing and is made at the next
// opening; the operator is told.
func TestUpgradeIsWholeOrNothing(t *testing.T) {
	dir := governedFolder(t)
	makeOld(t, dir)
	if all := findings(t, dir); len(all) > 0 {
		t.Errorf("an old folder: %s", strings.Join(all, "\n"))
	}
	for i, file := range []string{mainFile, accessFile} {
		o := options()
		o.Fault = func(op string) error {
			if op == file+" upgrade" {
				return errors.New("the disk is full")
			}
			return nil
		}
		if _, err := Open(t.Context(), dir, o); err == nil || !strings.Contains(err.Error(), "the disk is full") {
			t.Fatalf("%s: %v", file, err)
		}
		if is := schemas(t, dir); is[i] != 1 || is[0] != 1+2*i {
			t.Errorf("%s: schema versions %v", file, is)
		}
		if all := findings(t, dir); len(all) > 0 {
			t.Errorf("after a failure with %s: %s", file, strings.Join(all, "\n"))
		}
	}
	var told []string
	o := options()
	o.Report = func(m string) { told = append(told, m) }
	s := open(t, dir, o)
	if want := []string{"bringing access.db from schema version 1 to 3", "access.db has schema version 3"}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
	keys, epoch, err := s.ConsentChanges(t.Context(), 0)
	if err != nil || !slices.Contains(keys, "Practitioner/pr") {
		t.Errorf("keys %q, epoch %d, %v", keys, epoch, err)
	}
	if is := schemas(t, dir); is != [2]int{3, 3} {
		t.Errorf("schema versions %v", is)
	}
	if all := findings(t, dir); len(all) > 0 {
		t.Error(strings.Join(all, "\n"))
	}
}

// An upgrade leaves Bundles that do not match their checksums, and their tombstones, as they
// are.
func TestUpgradeLeavesDamage(t *testing.T) {
	for _, damage := range []string{"body = x'00'", "owner = 'elsewhere'", "facts = x'00'"} {
		dir := t.TempDir()
		s := open(t, dir, options())
		a := newAuthor(t, s)
		a.put("b", 0, `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Condition","subject":{"reference":"Patient/1"}}}]}`)
		a.remove(fhir.Ref{Type: "Bundle", ID: "b"})
		a.must(s.write.do(t.Context(), true, func(u *changeUnit) error {
			return u.exec("UPDATE versions SET " + damage + " WHERE version = 1")
		}))
		a.must(s.Close())
		before := findings(t, dir)
		makeOld(t, dir)
		a.must(open(t, dir, options()).Close())
		if after := findings(t, dir); len(before) == 0 || !slices.Equal(before, after) {
			t.Errorf("%s: found before:\n%s\nafter:\n%s", damage, strings.Join(before, "\n"), strings.Join(after, "\n"))
		}
	}
}
