package mongo

import (
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// A database of schema version 4 is whole by its own rules, and has all marks after its
// upgrade, also of what has further key documents; its keys stay.
func TestUpgradeMarks(t *testing.T) {
	for _, room := range []int{keysInDocument, 8} {
		server := newServer(t)
		a := newAuthor(t, server.open(t, testOptions("")))
		a.room = room
		write := a.document("o", 0, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/1"},"performer":[{"reference":"Practitioner/1"}],
			"meta":{"security":[{"system":"s","code":"R"}]}}`)
		a.commit(write)
		// In version 4 there were no marks of what constraints are about.
		f := write.Facts
		r := a.current(t, write.Ref)
		_, err := r.rewriteKeys(t.Context(), a.newPieces("Observation", write.Index, &f, nil), newSorts(write.Index))
		a.must(err)
		_, err = a.db.Collection("meta").UpdateOne(t.Context(), bson.D{{Key: "_id", Value: "store"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "schema", Value: int32(4)}}}})
		a.must(err)
		a.must(a.readIdentity(t.Context()))
		if all := a.findings(CheckOptions{}); len(all) != 0 {
			t.Errorf("findings %q", all)
		}
		a.must(a.Close())
		s := server.open(t, testOptions(""))
		b := newAuthor(t, s)
		if all := b.findings(CheckOptions{}); len(all) != 0 {
			t.Errorf("findings %q", all)
		}
		keys, err := b.current(t, write.Ref).list("k")
		a.must(err)
		var has []string
		for _, k := range keys {
			has = append(has, k.StringValue())
		}
		for _, mark := range []string{search.LabelMark(fhir.Coding{System: "s", Code: "R"}), search.AuthorMark("Practitioner/1"), search.OwnerMark(write.Owner)} {
			if !slices.Contains(has, b.in("Observation")+mark) {
				t.Errorf("%s is missing of %q", mark, has)
			}
		}
	}
}

// current is the document of a resource.
func (a *author) current(t *testing.T, ref fhir.Ref) *row {
	t.Helper()
	rows, err := a.rows(t.Context(), a.resources, bson.D{{Key: "_id", Value: a.id(ref)}}, options.Find())
	if err != nil || len(rows) != 1 {
		t.Fatal(len(rows), err)
	}
	return rows[0].Columns.(*row)
}
