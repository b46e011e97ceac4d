package sqlite

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// makeShallow gives a folder the schema version 3, whose keys do not say what is inside a
// resource.
func makeShallow(t *testing.T, dir string) {
	t.Helper()
	for _, file := range []string{mainFile, accessFile} {
		c, err := openConn(filepath.Join(dir, file), writing)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.exec("UPDATE meta SET value = '3', sum = ? WHERE name = 'schema'", rowSum(0, "schema", "3")); err != nil {
			t.Fatal(err)
		}
		if file == mainFile {
			err = c.eachOf(t.Context(), nil, func(v, _ *checked) error {
				x, err := storedIndex(v.packedIndex)
				if err != nil {
					return err
				}
				x.Keys = slices.DeleteFunc(x.Keys, func(k string) bool { return search.LooksInside(search.HasKey{Key: k}) })
				v.packedIndex = store.Pack(encodeIndex(x))
				return c.exec("UPDATE versions SET idx = ?, sum = ? WHERE stamp = ?", v.packedIndex, v.sum(v.contentSum()), v.Stamp)
			})
			if err == nil {
				err = c.exec("DELETE FROM ix WHERE p IN (SELECT id FROM names WHERE name LIKE '%.%')")
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A folder of the version before is whole by its own rules, and after its upgrade finds what
// is inside resources.
func TestUpgradeLooksInside(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	a := newAuthor(t, s)
	a.put("m", 0, `{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{"reference":"Patient/1"},"medicationReference":{"reference":"#m"},
		"authoredOn":"2024","contained":[{"resourceType":"Medication","id":"m","code":{"coding":[{"code":"aspirin"}]}}]}`)
	a.put("n", 0, `{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{"reference":"Patient/1"},"medicationReference":{"reference":"Medication/1"}}`)
	a.must(s.Close())
	makeShallow(t, dir)
	if all := findings(t, dir); len(all) > 0 {
		t.Errorf("an old folder: %s", strings.Join(all, "\n"))
	}
	s = open(t, dir, options())
	q, err := search.ParseQuery("MedicationRequest", []fhir.Param{{Name: "medication.code", Value: "aspirin"}}, search.QueryOptions{})
	a.must(err)
	page, err := s.Search(t.Context(), store.Search{Query: q, Limit: 10})
	if err != nil || len(page.Matches) != 1 || page.Matches[0].Ref.ID != "m" {
		t.Errorf("found %v: %v", page.Matches, err)
	}
	if all := findings(t, dir); len(all) > 0 {
		t.Error(strings.Join(all, "\n"))
	}
}
