package mongo

import (
	"bytes"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/store/storetest"
)

// inCollections says in which collections some bytes are.
func inCollections(t *testing.T, s *Store, what []byte) (names []string) {
	t.Helper()
	all, err := s.db.ListCollectionNames(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		found := false
		err := eachRaw(t.Context(), s.db.Collection(name), bson.D{}, options.Find(), func(doc bson.Raw) error {
			found = found || bytes.Contains(doc, what)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if found {
			names = append(names, name)
		}
	}
	return names
}

func TestNothingIsLeftOfWhatWasPurged(t *testing.T) {
	s := newServer(t).open(t, testOptions(""))
	gone, stays := storetest.Leftover(t, s)
	if len(inCollections(t, s, stays)) == 0 {
		t.Fatal("what stays is not found either: the search proves nothing")
	}
	for _, what := range gone {
		if names := inCollections(t, s, what); len(names) > 0 {
			t.Errorf("%q is still in %v", what[:min(len(what), 40)], names)
		}
	}
}
