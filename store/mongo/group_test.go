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
	w := &writer{queue: make(chan *member, groupLimit)}
	large := &member{change: &store.Change{Entry: entry}}
	for range groupLimit {
		w.queue <- large
	}
	if n := len(w.drain([]*member{large})) * len(doc); n < groupBytes/2 || n > groupBytes*3/2 {
		t.Errorf("a group takes records of %d bytes", n)
	}
}

// A Bundle as large as a request may be has the time that a server needs for it.
func TestLargeBundlesHaveTime(t *testing.T) {
	small, large := &member{writes: make([]prepared, 3)}, &member{writes: make([]prepared, 50_000)}
	if d := working([]*member{small}); d > time.Second {
		t.Errorf("a small one has %v", d)
	}
	if d := working([]*member{small, large}); d < 30*time.Second || d > 50*time.Second {
		t.Errorf("a large one has %v", d)
	}
}
