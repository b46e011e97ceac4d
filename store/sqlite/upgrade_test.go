package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// makeOld gives a folder the schema version 1, without epochs of teams and the like.
func makeOld(t *testing.T, dir string) {
	t.Helper()
	makeUnordered(t, dir, "1")
	for _, file := range []string{mainFile, accessFile} {
		c, err := openConn(filepath.Join(dir, file), writing)
		if err != nil {
			t.Fatal(err)
		}
		if file == mainFile {
			for _, old := range []string{
				"DELETE FROM consent_writes WHERE epoch IN (SELECT epoch FROM consent_writes WHERE patient LIKE 'Pr%')",
				"UPDATE consent_writes SET epoch = (SELECT count(DISTINCT epoch) FROM consent_writes o WHERE o.epoch <= consent_writes.epoch)",
				"UPDATE counters SET value = (SELECT count(DISTINCT epoch) FROM consent_writes)",
			} {
				if err := c.exec(old); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// makeUnordered gives a folder an older schema version: its keys say the ids of resources,
// and not by what they are sorted.
func makeUnordered(t *testing.T, dir, schema string) {
	t.Helper()
	for _, file := range []string{mainFile, accessFile} {
		c, err := openConn(filepath.Join(dir, file), writing)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.exec("UPDATE meta SET value = ?, sum = ? WHERE name = 'schema'", schema, rowSum(0, "schema", schema)); err != nil {
			t.Fatal(err)
		}
		if file == mainFile {
			if err := c.unorder(t.Context()); err != nil {
				t.Fatal(err)
			}
			forgetMarks(t, c)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func (c conn) unorder(ctx context.Context) error {
	names, err := loadNames(c)
	if err != nil {
		return err
	}
	err = c.eachOf(ctx, nil, func(v, _ *checked) error {
		x, err := storedIndex(v.packedIndex)
		if v.Deleted || err != nil || !v.whole() {
			return nil
		}
		if names[name{v.Ref.Type, "_id"}] == 0 {
			id := int64(len(names) + 1)
			names[name{v.Ref.Type, "_id"}] = id
			if err := c.exec("INSERT INTO names VALUES (?, ?, '_id', ?)", id, v.Ref.Type, rowSum(id, v.Ref.Type, "_id")); err != nil {
				return err
			}
		}
		for i := range x.Sorts {
			x.Sorts[i].Lo, x.Sorts[i].Hi = "old", "old"
		}
		x.Keys = slices.DeleteFunc(x.Keys, func(k string) bool { return strings.Contains(k, "<") })
		v.packedIndex = store.Pack(encodeIndex(x))
		if err := c.exec("UPDATE versions SET idx = ?, sum = ? WHERE stamp = ?", v.packedIndex, v.sum(v.contentSum()), v.Stamp); err != nil {
			return err
		}
		return c.exec("INSERT OR IGNORE INTO ix SELECT ?, '=' || id, rid FROM resources WHERE stamp = ?", names[name{v.Ref.Type, "_id"}], v.Stamp)
	})
	if err != nil {
		return err
	}
	return c.exec("DELETE FROM ix WHERE v = '-' OR v LIKE '<%' OR p IN (SELECT id FROM names WHERE name = '¤row')")
}

// A folder of the version before finds, sorts and checks like a new one after its upgrade,
// and an operator is told.
func TestUpgradeDerivesOrders(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	a := newAuthor(t, s)
	for i, body := range []string{
		`{"resourceType":"Condition","subject":{"reference":"Patient/1"},"onsetDateTime":"2021","code":{"text":"b"}}`,
		`{"resourceType":"Condition","subject":{"reference":"Patient/1"},"code":{"text":"c"}}`,
		`{"resourceType":"Condition","subject":{"reference":"Patient/1"},"onsetDateTime":"2020","code":{"text":"a"}}`,
	} {
		a.put(fmt.Sprint("c", i), 0, body)
	}
	a.must(s.Close())
	makeUnordered(t, dir, "2")
	if all := findings(t, dir); len(all) > 0 {
		t.Errorf("an old folder: %s", strings.Join(all, "\n"))
	}
	s = open(t, dir, options())
	s.choice = plan.WalkOrders
	for text, want := range map[string]string{"_sort=onset-date": "c2 c0 c1", "_sort=-onset-date": "c0 c2 c1", "_sort=code": "c2 c0 c1", "_sort=-_id": "c2 c1 c0", "_id=c1": "c1"} {
		params, err := fhir.ParseParams(text)
		a.must(err)
		q, err := search.ParseQuery("Condition", params, search.QueryOptions{})
		a.must(err)
		page, err := s.Search(t.Context(), store.Search{Query: q, Limit: 10})
		a.must(err)
		var got []string
		for _, m := range page.Matches {
			got = append(got, m.Ref.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %s", text, got, want)
		}
	}
	if all := findings(t, dir); len(all) > 0 {
		t.Error(strings.Join(all, "\n"))
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
		if is := schemas(t, dir); is[i] != 1 || is[0] != 1+(schemaVersion-1)*i {
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
	if want := []string{fmt.Sprintf("bringing access.db from schema version 1 to %d", schemaVersion), fmt.Sprintf("access.db has schema version %d", schemaVersion)}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
	keys, epoch, err := s.ConsentChanges(t.Context(), 0)
	if err != nil || !slices.Contains(keys, "Practitioner/pr") {
		t.Errorf("keys %q, epoch %d, %v", keys, epoch, err)
	}
	if is := schemas(t, dir); is != [2]int{schemaVersion, schemaVersion} {
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
