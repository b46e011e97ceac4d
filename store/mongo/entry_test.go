package mongo

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Documents of logs are written and read by hand, as the driver would by their description.
func TestEntriesAreAsDescribed(t *testing.T) {
	at := time.UnixMilli(1_750_000_000_123).UTC()
	for name, r := range map[string]ledgerbridge.Row{
		"bare": {Seq: 3, Time: at, Agent: "Practitioner/1", Action: "R", Outcome: 200, Salt: [32]byte{1, 2}, Commitment: [32]byte{3}, Entry: []byte("entry")},
		"with parts": {Seq: 4, Time: at, Entry: []byte{}, Parts: []ledgerbridge.PartRow{
			{Patient: "p", Target: "t1 t2", Key: "k", Salt: [32]byte{4}, Commitment: [32]byte{5}, Sealed: []byte("sealed")},
			{Patient: "q", ErasedBy: "e"},
		}},
	} {
		doc, err := encodeEntry("o/n/changes.0", &r)
		if err != nil {
			t.Fatal(err)
		}
		described, err := bson.Marshal(newEntry("o/n/changes.0", &r))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(doc, described) {
			t.Errorf("%s: written as\n%s\nwant\n%s", name, doc, bson.Raw(described))
		}
		got, err := readEntry(doc)
		if len(got.Parts) == 0 {
			got.Parts = nil
		}
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: read as\n%+v, %v\nwant\n%+v", name, got, err, r)
		}
	}
}

// What is damaged in a log is an error, or fails to verify, and never ends the process.
func TestDamagedEntriesAreRead(t *testing.T) {
	r := ledgerbridge.Row{Seq: 3, Entry: []byte("entry"), Parts: []ledgerbridge.PartRow{{Patient: "p", Sealed: []byte("sealed")}}}
	doc, err := encodeEntry("o/n/changes.0", &r)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range doc {
		if _, err := readEntry(doc[:cut]); err == nil {
			t.Errorf("%d of %d bytes are read", cut, len(doc))
		}
	}
	for at := range doc {
		bent := bytes.Clone(doc)
		bent[at] ^= 0xff
		_, _ = readEntry(bent)
	}
	for field, value := range map[string]any{"_id": 7, "a": 7, "e": "text", "p": "text", "t": "text"} {
		if doc, err = bson.Marshal(bson.D{{Key: field, Value: value}}); err != nil {
			t.Fatal(err)
		}
		if _, err := readEntry(doc); err == nil {
			t.Errorf("%s: %v is read", field, value)
		}
	}
	if doc, err = bson.Marshal(bson.D{{Key: "salt", Value: []byte("short")}, {Key: "c", Value: nil}, {Key: "p", Value: nil}, {Key: "new", Value: 1}}); err != nil {
		t.Fatal(err)
	}
	if got, err := readEntry(doc); err != nil || got.Salt != [32]byte{} {
		t.Errorf("a salt of another length is read as %x, %v", got.Salt, err)
	}
}

// newEntry is what encodeEntry writes.
func newEntry(source string, r *ledgerbridge.Row) *entry {
	e := &entry{
		ID: entryID(source, r.Seq), Time: r.Time.UnixMilli(), Agent: r.Agent, Action: r.Action,
		Outcome: int32(r.Outcome), Salt: r.Salt[:], Commitment: r.Commitment[:], Entry: r.Entry,
		Parts: make([]part, len(r.Parts)),
	}
	for i := range r.Parts {
		p := &r.Parts[i]
		e.Parts[i] = part{p.Patient, p.Target, p.Key, p.ErasedBy, p.Salt[:], p.Commitment[:], p.Sealed}
	}
	return e
}
