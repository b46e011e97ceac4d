package mongo

import (
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// large is a store whose documents hold few keys, with a Group of some members.
func large(t *testing.T) *author {
	s := newServer(t).open(t, testOptions(""))
	s.room = 10
	a := newAuthor(t, s)
	a.commit(a.document("g", 0, groupOf(20)))
	return a
}

func groupOf(members int) string {
	var all []string
	for i := range members {
		all = append(all, fmt.Sprintf(`{"entity":{"reference":"Practitioner/p%d"}}`, i))
	}
	return `{"resourceType":"Group","type":"practitioner","actual":true,"member":[` + strings.Join(all, ",") + `]}`
}

func (a *author) documents(filter bson.D) int64 {
	a.Helper()
	n, err := a.resources.CountDocuments(a.Context(), filter, options.Count())
	a.must(err)
	return n
}

// A resource that gets smaller or is deleted leaves no keys behind.
func TestFurtherKeyDocumentsGoWithTheResource(t *testing.T) {
	a := large(t)
	if n := a.documents(bson.D{}); n != 6 {
		t.Errorf("the keys of 20 members are in %d documents", n)
	}
	a.commit(a.document("g", 1, groupOf(12)))
	if n := a.documents(bson.D{}); n != 4 {
		t.Errorf("of a smaller one there are %d documents", n)
	}
	v, err := a.Get(t.Context(), fhir.Ref{Type: "Group", ID: "g"})
	a.must(err)
	a.commit(store.Write{Ref: v.Ref, Expect: 2, LastUpdated: a.now, Deleted: true, Method: "DELETE", Owner: v.Owner, Facts: v.Facts})
	if n := a.documents(bson.D{}); n != 1 {
		t.Errorf("of a deleted one there are %d documents", n)
	}
	if all := a.findings(CheckOptions{}); len(all) != 0 {
		t.Errorf("%q", all)
	}
}

// What is wrong with further key documents is found, and mended if asked for.
func TestCheckFindsFurtherKeyDocuments(t *testing.T) {
	for name, damage := range map[string]func(a *author) error{
		"a key": func(a *author) error {
			_, err := a.resources.UpdateOne(a.Context(), bson.D{{Key: "_id", Value: "t/Group/g/0000000002"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "k.0", Value: "t/x"}}}})
			return err
		},
		"a document": func(a *author) error {
			_, err := a.resources.DeleteOne(a.Context(), bson.D{{Key: "_id", Value: "t/Group/g/0000000001"}})
			return err
		},
		"the number": func(a *author) error {
			_, err := a.resources.UpdateOne(a.Context(), bson.D{{Key: "_id", Value: "t/Group/g"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "x", Value: int32(1)}}}})
			return err
		},
	} {
		a := large(t)
		a.must(damage(a))
		if all := a.findings(CheckOptions{Repair: true}); len(all) == 0 || !strings.Contains(strings.Join(all, "\n"), "written anew") {
			t.Errorf("%s: %q", name, all)
		}
		if all := a.findings(CheckOptions{}); name != "the number" && len(all) != 0 {
			t.Errorf("%s, after the repair: %q", name, all)
		}
	}
	a := large(t)
	_, err := a.resources.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "t/Group/none/0000000001"}, {Key: "o", Value: int64(5)}})
	a.must(err)
	if all := a.findings(CheckOptions{}); len(all) != 1 || !strings.Contains(all[0], "belongs to no resource") {
		t.Errorf("a document of no resource: %q", all)
	}
}

// Consents with very many keys are visited once, like others.
func TestConsentsWithFurtherKeyDocumentsAreVisitedOnce(t *testing.T) {
	s := newServer(t).open(t, testOptions(""))
	s.room = 2
	a := newAuthor(t, s)
	a.ward()
	n := 0
	a.must(a.EachConsent(t.Context(), func(all []store.Version, _ int64) error {
		n += len(all)
		return nil
	}))
	if n != 1 || a.documents(bson.D{{Key: "_id", Value: "t/Consent/c/0000000001"}}) != 1 {
		t.Errorf("%d Consents are visited", n)
	}
	if all, _, err := a.Consents(t.Context(), "Patient/1"); err != nil || len(all) != 1 {
		t.Errorf("%d Consents: %v", len(all), err)
	}
}

// Keys that are in different documents of a resource are found together, also by a search
// that joins them in the database.
func TestKeysInDifferentDocumentsAreFoundTogether(t *testing.T) {
	a := large(t)
	a.patience = plan.Patience{Few: 0, Many: 0}
	a.commit(a.document("other", 0, groupOf(1)))
	for text, want := range map[string]int{
		"member=Practitioner/p0&member=Practitioner/p19": 1, "type=practitioner&member=Practitioner/p19": 1, "member=Practitioner/p19": 1,
		"member=Practitioner/p0": 2, "member=Practitioner/p0&type=practitioner": 2, "type=practitioner": 2, "member=Practitioner/p19&member=Practitioner/p20": 0,
	} {
		params, err := fhir.ParseParams(text)
		a.must(err)
		q, err := search.ParseQuery("Group", params, search.QueryOptions{})
		a.must(err)
		page, err := a.Search(t.Context(), store.Search{Query: q, Limit: 10})
		if err != nil || len(page.Matches) != want {
			t.Errorf("%s: %d matches, %v, want %d", text, len(page.Matches), err, want)
		}
	}
}
