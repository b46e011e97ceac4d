package mongo

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/aceso-health/aceso/store"
)

// since checks what has changed since a mark.
func (a *author) since(from store.Since) (mark []byte, all string) {
	a.Helper()
	mark, err := a.CheckSince(a.Context(), from, func(f store.Finding) error {
		all += f.Error() + "\n"
		return nil
	})
	a.must(err)
	return mark, all
}

// changedWard is a database that was checked an hour after most of it was written, and
// before some changes.
func changedWard(t *testing.T) (a *author, mark []byte) {
	a = newAuthor(t, newServer(t).open(t, testOptions("")))
	a.ward()
	a.now = a.now.Add(time.Hour)
	a.commit(a.document("late", 0, `{"resourceType":"Patient"}`))
	mark, all := a.since(store.Since{})
	if all != "" {
		t.Fatal(all)
	}
	a.commit(a.document("1", 1, `{"resourceType":"Patient","name":[{"family":"Baker"}]}`))
	a.commit(a.document("new", 0, `{"resourceType":"Patient","name":[{"family":"Cook"}]}`))
	return a, mark
}

// What has changed since a check is checked again, and edits of it are found; those of the
// rest are found in turns, and when everything is checked.
func TestCheckSince(t *testing.T) {
	set := func(field string, value any) bson.D {
		return bson.D{{Key: "$set", Value: bson.D{{Key: field, Value: value}}}}
	}
	for name, c := range map[string]struct {
		collection, id string
		update         bson.D // nil deletes
		finds          string
		since          bool
	}{
		"a new key":          {"resources", "t/Patient/new", set("k.0", "t/Patient/x"), "search keys", true},
		"a new body":         {"history", "t/Patient/1/0000000002", set("body", []byte{0, '{', '}'}), "body", true},
		"a new version":      {"history", "t/Patient/1/0000000001", nil, "is missing before it", true},
		"a new entry":        {"changes", "", nil, "is missing: a version names it", true},
		"head":               {"heads", "clinic/n1/changes.0", set("size", int64(3)), "but the log has", true},
		"an old key":         {"resources", "t/Observation/w", set("k.0", "t/Observation/code=x"), "search keys", false},
		"an old body":        {"history", "t/Observation/w/0000000002", set("body", []byte{0, '{', '}'}), "body", false},
		"an old time":        {"history", "t/Observation/w/0000000002", set("lu", bson.DateTime(5)), "time in the document", false},
		"an old resurrected": {"resources", "t/Patient/gone", set("st", false), "last version", false},
	} {
		t.Run(name, func(t *testing.T) {
			a, mark := changedWard(t)
			filter := bson.D{{Key: "_id", Value: c.id}}
			if c.id == "" {
				changes, _ := a.Logs()
				size, err := changes.Size(t.Context())
				a.must(err)
				filter[0].Value = entryID(changes.Source(), size-2)
			}
			var err error
			if c.update != nil {
				_, err = a.db.Collection(c.collection).UpdateOne(t.Context(), filter, c.update)
			} else {
				_, err = a.db.Collection(c.collection).DeleteOne(t.Context(), filter)
			}
			a.must(err)
			if _, all := a.since(store.Since{Mark: mark}); strings.Contains(all, c.finds) != c.since || all != "" != c.since {
				t.Errorf("since the mark: %q", all)
			}
			if _, all := a.since(store.Since{}); !strings.Contains(all, c.finds) {
				t.Errorf("everything: %q", all)
			}
			turns := ""
			for range 4 {
				var all string
				mark, all = a.since(store.Since{Mark: mark, Turns: 3})
				turns += all
			}
			if !strings.Contains(turns, c.finds) {
				t.Errorf("in turns: %q", turns)
			}
		})
	}
}

// Turns go round.
func TestCheckTurnsGoRound(t *testing.T) {
	a, _ := changedWard(t)
	mark, _ := a.since(store.Since{})
	_, err := a.resources.UpdateOne(t.Context(), bson.D{{Key: "_id", Value: "t/Observation/w"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "k", Value: bson.A{"t/x"}}}}})
	a.must(err)
	var found []string
	for turn := range 9 {
		var all string
		if mark, all = a.since(store.Since{Mark: mark, Turns: 3}); all != "" {
			found = append(found, fmt.Sprint(turn))
		}
	}
	if len(found) < 2 || len(found) > 3 {
		t.Errorf("found in turns %v of three rounds", found)
	}
}
