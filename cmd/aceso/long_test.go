package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aceso-health/aceso/demo"
)

// longBundles writes transactions of the form that large Synthea runs have.
func longBundles(t *testing.T, n int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for i := range n {
		doc, err := demo.LongBundle(i, demo.LongProvenance, 19<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(doc) < 18<<20 || len(doc) > 20<<20 {
			t.Fatalf("the bundle has %d bytes", len(doc))
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("long%d.json", i)), doc, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Transactions of 20 MB, each with a Provenance of everything in it, are imported.
func TestLongBundlesAreImported(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: imports bundles of 20 MB")
	}
	n := startNode(t, t.TempDir())
	n.importLong(longBundles(t, 2), 2)
}

// They are imported beside a hundred patients, too.
func TestLongBundlesAreImportedBesideOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: imports bundles of 20 MB beside 100 patients")
	}
	others := synthea(t)
	n := startNode(t, t.TempDir())
	_, url := listenTo(t, n)
	importAll(t, n, url, others)
	n.importLong(longBundles(t, 1), 1)
}

// importLong imports long bundles and finds the Provenance of each by the patient, and by
// the last of its targets.
func (n *testNode) importLong(dir string, bundles int) {
	n.T.Helper()
	_, url := listenTo(n.T, n)
	importAll(n.T, n, url, dir)
	doctor := n.as("practitioner", "TREAT")
	for i := range bundles {
		last := doctor.Get(fmt.Sprintf("/Observation?patient.family=Long%d&_sort=-_id&_count=1", i)).Want(200).IDs()
		if len(last) != 1 {
			n.T.Fatalf("the last data of patient %d are %v", i, last)
		}
		for _, search := range []string{"/Provenance?target=" + last[0], fmt.Sprintf("/Provenance?patient.family=Long%d", i)} {
			if found := doctor.Get(search).Want(200); len(found.IDs()) != 1 || !found.Has(last[0]) {
				n.T.Errorf("%s finds %v", search, found.IDs())
			}
		}
	}
}

// A Group of 20,000 members and a CodeSystem of 20,000 concepts are stored, found by the
// last of them, updated and deleted.
func TestLongListsAreStored(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	finds := func(search string, want int) {
		t.Helper()
		if found := system.Get(search + "&_elements=id").Want(200); len(found.IDs()) != want {
			t.Errorf("%s finds %v", search, found.IDs())
		}
	}
	for _, c := range []struct {
		typ    string
		make   func(id string, n int) ([]byte, error)
		search string
	}{
		{"CodeSystem", demo.LongCodeSystem, "/CodeSystem?code=concept-19999"},
		{"Group", demo.LongGroup, "/Group?member=Patient/member-19999"},
	} {
		put := func(items, want int) {
			t.Helper()
			doc, err := c.make("long", items)
			if err != nil {
				t.Fatal(err)
			}
			system.Put("/"+c.typ+"/long", string(doc)).Want(want)
		}
		put(20_000, 201)
		finds(c.search, 1)
		put(19_999, 200)
		finds(c.search, 0)
		put(20_000, 200)
		finds(c.search, 1)
		system.Do("DELETE", "/"+c.typ+"/long", "").Want(204)
		finds(c.search, 0)
	}
}
