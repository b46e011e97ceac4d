package mongo

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// makeOld gives a database the schema version 1, in which Bundles do not say what is in them.
func makeOld(t *testing.T, s *Store) {
	t.Helper()
	set := func(collection, id string, field string, value any) {
		t.Helper()
		_, err := s.db.Collection(collection).UpdateOne(t.Context(), bson.D{{Key: "_id", Value: id}}, bson.D{{Key: "$set", Value: bson.D{{Key: field, Value: value}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	rows, err := s.rows(t.Context(), s.history, bson.D{{Key: "r", Value: s.in("Bundle")}}, options.Find().SetSort(byID))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		f, err := store.UnpackFacts(r.PackedFacts)
		if err != nil {
			t.Fatal(err)
		}
		f.Inside = nil
		raw, err := f.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		set("history", r.Columns.(*row).id(), "f", store.Pack(raw))
		set("resources", s.id(r.Ref), "f", store.Pack(raw)) // the last one stays
	}
	if _, err := s.named.DeleteMany(t.Context(), bson.D{}); err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{"Bundle", "Media"} {
		mark := bson.D{{Key: "k", Value: s.in(typ) + search.RowKey}}
		if _, err := s.resources.UpdateMany(t.Context(), mark, bson.D{{Key: "$pull", Value: mark}}); err != nil {
			t.Fatal(err)
		}
	}
	set("meta", "store", "schema", int32(1))
}

const mediaBody = `{"resourceType":"Media","status":"completed","subject":{"reference":"Patient/1"},"content":{"url":"Binary/b"}}`

// The check finds names of Binaries that are missing.
func TestCheckFindsNames(t *testing.T) {
	a := newAuthor(t, newServer(t).open(t, testOptions("")))
	a.commit(a.document("m", 0, mediaBody))
	if all := a.findings(CheckOptions{}); len(all) != 0 {
		t.Errorf("findings %q", all)
	}
	if _, err := a.named.DeleteMany(t.Context(), bson.D{}); err != nil {
		t.Fatal(err)
	}
	if all := a.findings(CheckOptions{}); len(all) != 1 || !strings.Contains(all[0], "the version names the Binary") {
		t.Errorf("findings %q", all)
	}
}

const bundleBody = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Condition","subject":{"reference":"Patient/1"}}}]}`

// An old database is checked as it is; opening it brings its Bundles up to date, the
// operator is told, and the next opening finds nothing to do.
func TestUpgrade(t *testing.T) {
	server := newServer(t)
	a := newAuthor(t, server.open(t, testOptions("")))
	a.commit(a.document("b", 0, bundleBody), a.document("b-c", 0, bundleBody))
	a.commit(a.document("b", 1, bundleBody))
	gone := a.document("gone", 0, bundleBody)
	a.commit(gone)
	a.commit(a.document("m", 0, mediaBody))
	a.commit(store.Write{Ref: gone.Ref, Expect: 1, LastUpdated: gone.LastUpdated, Deleted: true, Method: "DELETE", Owner: gone.Owner, Facts: gone.Facts})
	makeOld(t, a.Store)
	a.must(a.Close())
	var told []string
	for range 2 {
		o := testOptions("")
		o.Report = func(m string) { told = append(told, m) }
		s := server.open(t, o)
		if all := newAuthor(t, s).findings(CheckOptions{}); len(all) != 0 {
			t.Errorf("findings %q", all)
		}
		v, err := s.Get(t.Context(), fhir.Ref{Type: "Bundle", ID: "b"})
		if err != nil || len(v.Facts.Inside) != 1 || v.Facts.Inside[0].Type != "Condition" {
			t.Errorf("inside the Bundle is %v: %v", v.Facts.Inside, err)
		}
		names, err := s.Naming(t.Context(), fhir.Ref{Type: "Binary", ID: "b"}, 9)
		if err != nil || len(names) != 1 || names[0].Type != "Media" {
			t.Errorf("named by %v, %v", names, err)
		}
		if s.identity.Schema != schemaVersion {
			t.Errorf("schema version %d", s.identity.Schema)
		}
		a.must(s.Close())
	}
	if want := []string{fmt.Sprintf("bringing the database from schema version 1 to %d", schemaVersion), fmt.Sprintf("the database has schema version %d", schemaVersion)}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
}

// A database of schema version 1 that is only read is whole by its own rules.
func TestCheckBeforeUpgrade(t *testing.T) {
	server := newServer(t)
	a := newAuthor(t, server.open(t, testOptions("")))
	a.commit(a.document("b", 0, bundleBody))
	makeOld(t, a.Store)
	a.must(a.readIdentity(t.Context()))
	if all := a.findings(CheckOptions{}); len(all) != 0 {
		t.Errorf("findings %q", all)
	}
}

// A node of an older program that is alive would go on without epochs of teams: the
// upgrade is refused. One that died keeps nobody from it.
func TestUpgradeWaitsForOthers(t *testing.T) {
	server := newServer(t)
	old := openNode(t, server, "n1")
	makeOld(t, old)
	if _, err := tryNode(t.Context(), server, "n2"); err == nil || !strings.Contains(err.Error(), `node "n1" is being served by an older program`) {
		t.Fatalf("upgraded under another node: %v", err)
	}
	if err := old.readIdentity(t.Context()); err != nil || old.identity.Schema != 1 {
		t.Errorf("schema version %d, %v", old.identity.Schema, err)
	}
	die(t, old)
	if s := openNode(t, server, "n2"); s.identity.Schema != schemaVersion {
		t.Errorf("schema version %d", s.identity.Schema)
	}
}

// A database of the version before is whole by its own rules, and after its upgrade finds what
// is inside resources, also in one with further key documents.
func TestUpgradeLooksInside(t *testing.T) {
	server := newServer(t)
	a := newAuthor(t, server.open(t, testOptions("")))
	a.room = 8
	body := `{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{"reference":"Patient/1"},"medicationReference":{"reference":"#m"},
		"contained":[{"resourceType":"Medication","id":"m","code":{"coding":[{"code":"aspirin"}]}}]}`
	write := a.document("m", 0, body)
	a.commit(write)
	for _, k := range write.Index.Keys {
		if !search.LooksInside(search.HasKey{Key: k}) {
			continue
		}
		one := bson.D{{Key: "k", Value: a.in("MedicationRequest") + k}}
		if _, err := a.resources.UpdateMany(t.Context(), one, bson.D{{Key: "$pull", Value: one}}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := a.db.Collection("meta").UpdateOne(t.Context(), bson.D{{Key: "_id", Value: "store"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "schema", Value: int32(3)}}}})
	a.must(err)
	a.must(a.readIdentity(t.Context()))
	if all := a.findings(CheckOptions{}); len(all) != 0 {
		t.Errorf("findings %q", all)
	}
	a.must(a.Close())
	s := server.open(t, testOptions(""))
	q, err := search.ParseQuery("MedicationRequest", []fhir.Param{{Name: "medication.code", Value: "aspirin"}}, search.QueryOptions{})
	a.must(err)
	page, err := s.Search(t.Context(), store.Search{Query: q, Limit: 10})
	if err != nil || len(page.Matches) != 1 {
		t.Errorf("found %v: %v", page.Matches, err)
	}
	if all := newAuthor(t, s).findings(CheckOptions{}); len(all) != 0 {
		t.Errorf("findings %q", all)
	}
}
