package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

const testBase = "http://localhost/fhir"

// author writes documents as the gate would.
type author struct {
	testing.TB
	*Store
	sealer *ledgerbridge.Sealer
	now    time.Time
}

func newAuthor(t testing.TB, s *Store) *author {
	sealer, err := storetest.NewSealer()
	if err != nil {
		t.Fatal(err)
	}
	return &author{TB: t, Store: s, sealer: sealer, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (a *author) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

func (a *author) document(id string, expect int64, text string) store.Write {
	a.Helper()
	a.now = a.now.Add(time.Second)
	doc, err := fhir.Parse([]byte(text))
	a.must(err)
	doc, err = doc.Stamp(id, expect+1, a.now)
	a.must(err)
	index, facts, err := search.Describe(doc, testBase)
	a.must(err)
	return store.Write{
		Ref: fhir.Ref{Type: doc.Type(), ID: id}, Expect: expect, LastUpdated: a.now, Method: "PUT", Owner: storetest.Organization,
		Body: doc.Bytes(), Hash: doc.Hash(), Index: index, Facts: facts,
	}
}

func (a *author) entry() (*ledgerbridge.Pending, error) {
	return storetest.Record(a.sealer, "update", "U", 200, "Patient/1")
}

func (a *author) commit(writes ...store.Write) ledgerbridge.Receipt {
	a.Helper()
	entry, err := a.entry()
	a.must(err)
	r, err := a.Commit(context.Background(), store.Change{Writes: writes, Entry: entry})
	a.must(err)
	return r
}

func (a *author) ward() {
	patient := `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"7"}],"name":[{"family":"Smith"}],"birthDate":"1940-02"}`
	weight := `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},
		"subject":{"reference":"Patient/1"},"effectiveDateTime":"2020-02-0%d","valueQuantity":{"value":7%d.5,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`
	consent := `{"resourceType":"Consent","status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"text":"privacy"}],"patient":{"reference":"Patient/1"}}`
	a.commit(a.document("1", 0, patient))
	a.commit(a.document("1-a", 0, patient), a.document("w", 0, fmt.Sprintf(weight, 1, 1)))
	a.commit(a.document("w", 1, fmt.Sprintf(weight, 2, 2)))
	a.commit(a.document("c", 0, consent))
	a.commit(a.document("gone", 0, patient))
	gone, err := a.Get(context.Background(), fhir.Ref{Type: "Patient", ID: "gone"})
	a.must(err)
	a.now = a.now.Add(time.Second)
	a.commit(store.Write{Ref: gone.Ref, Expect: 1, LastUpdated: a.now, Deleted: true, Method: "DELETE", Owner: gone.Owner, Facts: gone.Facts})
	entry, err := storetest.Record(a.sealer, "read", "R", 200, "Patient/1")
	a.must(err)
	_, err = a.Record(context.Background(), entry, store.Judged{})
	a.must(err)
}

func (a *author) findings(o CheckOptions) (all []string) {
	a.Helper()
	a.must(a.CheckSome(context.Background(), o, func(f store.Finding) error {
		all = append(all, f.Error())
		return nil
	}))
	return all
}

// TestCheck damages one thing after the other behind the store's back.
func TestCheck(t *testing.T) {
	set := func(field string, value any) bson.D {
		return bson.D{{Key: "$set", Value: bson.D{{Key: field, Value: value}}}}
	}
	weight, second := "t/Observation/w", "t/Observation/w/0000000002"
	for name, c := range map[string]struct {
		collection, id string
		update         bson.D // nil deletes
		finds          string
	}{
		"a key":             {"resources", weight, set("k.0", "t/Observation/code=x"), "search keys"},
		"a date":            {"resources", weight, set("d.0.s", int64(5)), "search keys"},
		"a number":          {"resources", weight, set("n.0.lo", "0"), "search keys"},
		"a sort value":      {"resources", weight, set("s", bson.D{}), "search keys"},
		"a past sort value": {"history", "t/Observation/w/0000000001", set("s", bson.D{}), "search keys"},
		"a consent's key":   {"resources", "t/Consent/c", set("k", bson.A{}), "search keys"},
		"body":              {"history", second, set("body", []byte{0, '{', '}'}), "body"},
		"current body":      {"resources", weight, set("body", []byte{0, '{', '}'}), "last version"},
		"facts":             {"history", second, set("f", []byte{0}), "column f"},
		"facts of a delete": {"history", "t/Patient/gone/0000000002", set("f", []byte{0}), "column f"},
		"hash":              {"history", second, set("h", make([]byte, 32)), "hash"},
		"time":              {"history", second, set("lu", bson.DateTime(5)), "time in the document"},
		"stamp":             {"history", second, set("w", int64(1)), "out of order"},
		"order":             {"resources", weight, set("o", int64(1)), "column o"},
		"base":              {"history", second, set("b", int32(9)), "bases"},
		"entry":             {"history", second, set("seq", int64(99)), "/0000000000000099"},
		"a version":         {"history", "t/Observation/w/0000000001", nil, "is missing before it"},
		"last version":      {"history", second, nil, "last version"},
		"a resource":        {"resources", weight, nil, "is missing: versions"},
		"resurrected":       {"resources", "t/Patient/gone", set("st", false), "last version"},
		"head":              {"heads", "clinic/n1/changes.0", set("size", int64(3)), "but the log has"},
		"last entry":        {"accesses", "clinic/n1/accesses.0/0000000000000000", nil, "but the log has"},
		"epoch":             {"counters", "epoch", set("v", int64(7)), "wrote Consents"},
		"a list of changes": {"epochs", "", nil, "wrote Consents"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuthor(t, newServer(t).open(t, testOptions("")))
			a.ward()
			if all := a.findings(CheckOptions{}); len(all) > 0 {
				t.Fatalf("before: %v", all)
			}
			filter := bson.D{{Key: "_id", Value: c.id}}
			if c.id == "" {
				filter = bson.D{}
			}
			var err error
			if c.update != nil {
				_, err = a.db.Collection(c.collection).UpdateOne(t.Context(), filter, c.update)
			} else {
				_, err = a.db.Collection(c.collection).DeleteOne(t.Context(), filter)
			}
			a.must(err)
			all := a.findings(CheckOptions{})
			if !strings.Contains(strings.Join(all, "\n"), c.finds) {
				t.Errorf("findings %q, want one with %q", all, c.finds)
			}
		})
	}
}

func TestRepair(t *testing.T) {
	a := newAuthor(t, newServer(t).open(t, testOptions("")))
	a.ward()
	for _, id := range []string{"t/Observation/w", "t/Consent/c"} {
		_, err := a.resources.UpdateOne(t.Context(), bson.D{{Key: "_id", Value: id}}, bson.D{{Key: "$set", Value: bson.D{{Key: "k", Value: bson.A{"t/x"}}}}})
		a.must(err)
	}
	_, err := a.history.UpdateMany(t.Context(), bson.D{{Key: "r", Value: "t/Observation/"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "s", Value: bson.D{}}}}})
	a.must(err)
	if all, _, err := a.Consents(t.Context(), "Patient/1"); err != nil || len(all) != 0 {
		t.Fatalf("%d Consents are found without their keys: %v", len(all), err)
	}
	if all := a.findings(CheckOptions{Repair: true}); len(all) != 4 || !strings.Contains(all[0], "written anew") {
		t.Errorf("findings %q", all)
	}
	if all := a.findings(CheckOptions{}); len(all) != 0 {
		t.Errorf("after the repair: %q", all)
	}
	if all, _, err := a.Consents(t.Context(), "Patient/1"); err != nil || len(all) != 1 {
		t.Errorf("%d Consents are found after the repair: %v", len(all), err)
	}
}

func TestCheckEnds(t *testing.T) {
	a := newAuthor(t, newServer(t).open(t, testOptions("")))
	a.ward()
	_, err := a.resources.UpdateMany(t.Context(), bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "u", Value: bson.A{"x"}}}}})
	a.must(err)
	n, enough := 0, errors.New("enough")
	err = a.Check(t.Context(), func(store.Finding) error {
		n++
		return enough
	})
	if err != enough || n != 1 {
		t.Errorf("%d findings, error %v", n, err)
	}
	if all := a.findings(CheckOptions{Sample: 1 << 30}); len(all) > 1 {
		t.Errorf("a tiny sample finds %q", all)
	}
}
