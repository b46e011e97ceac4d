package mongo

import (
	"fmt"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

// A transaction does not grow without bounds, whatever makes its members large: the
// records of pages with very many patients do, too.
func TestLargeRecordsShareNoTransaction(t *testing.T) {
	sealer, err := storetest.NewSealer()
	if err != nil {
		t.Fatal(err)
	}
	var patients []string
	for i := range 2000 {
		patients = append(patients, fmt.Sprint("Patient/", i))
	}
	entry, err := storetest.Record(sealer, "search-type", "E", 200, patients...)
	if err != nil {
		t.Fatal(err)
	}
	row, err := entry.Seal("o/n/accesses.0", 1, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := bson.Marshal(newEntry("o/n/accesses.0", &row))
	if err != nil {
		t.Fatal(err)
	}
	if n := entry.Bytes(); n < len(doc)*8/10 || n > len(doc)*12/10 {
		t.Errorf("a record of %d bytes counts %d", len(doc), n)
	}
	q := &newWriter(nil, nil, "").queue
	if n := q.Size(&member{change: &store.Change{Entry: entry}}); n != entry.Bytes() || q.Full != 16<<20 {
		t.Errorf("of a group that is full at %d bytes the record takes %d", q.Full, n)
	}
}

// A Bundle as large as a request may be has the time that a server needs for it.
func TestLargeBundlesHaveTime(t *testing.T) {
	small, large := &member{change: &store.Change{}, writes: make([]prepared, 3)}, &member{change: &store.Change{}, writes: make([]prepared, 50_000)}
	if d := working([]*member{small}); d > time.Second {
		t.Errorf("a small one has %v", d)
	}
	if d := working([]*member{small, large}); d < 30*time.Second || d > 50*time.Second {
		t.Errorf("a large one has %v", d)
	}
}
