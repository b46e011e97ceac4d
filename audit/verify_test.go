package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/sqlite"
)

// archive is a real store whose versions can be read otherwise than they were written.
type archive struct {
	*testing.T
	store.Store
	sealer *ledgerbridge.Sealer
	keys   *logtest.Keys
	edit   func(store.Version) []store.Version // of each version read
}

func (a *archive) History(ctx context.Context, h store.History) (store.Page, error) {
	page, err := a.Store.History(ctx, h)
	if a.edit == nil {
		return page, err
	}
	var edited []store.Version
	for _, v := range page.Matches {
		edited = append(edited, a.edit(v)...)
	}
	page.Matches = edited
	return page, err
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Organization: "hospital", Node: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	a := &archive{T: t, Store: s, keys: &logtest.Keys{}}
	secret := ledgerbridge.Secret{ID: "k", Key: make([]byte, 32)}
	a.sealer, err = ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: "hospital", Node: "n1", Pseudonyms: secret, Requests: []ledgerbridge.Secret{secret}, Parts: a.keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// write stores versions by one entry, as the gate does.
func (a *archive) write(interaction string, writes ...store.Write) ledgerbridge.Receipt {
	a.Helper()
	d := ledgerbridge.Draft{Interaction: interaction, Action: "E", Organization: "hospital", Outcome: 200}
	var items []ledgerbridge.Item
	for _, w := range writes {
		v := store.Version{Ref: w.Ref, Version: w.Expect + 1, Method: w.Method, Hash: w.Hash}
		items = append(items, v.Item())
		d.Patients = append(d.Patients, ledgerbridge.Touched{Patient: w.Ref.String(), Items: items[len(items)-1:]})
		if interaction != "transaction" {
			d.Type, d.Target, d.Version = w.Ref.Type, w.Ref.String(), w.Expect+1
		}
	}
	d.Content = ledgerbridge.Content(interaction, items)
	pending, err := a.sealer.Prepare(a.Context(), d)
	if err != nil {
		a.Fatal(err)
	}
	receipt, err := a.Commit(a.Context(), store.Change{Writes: writes, Entry: pending})
	if err != nil {
		a.Fatal(err)
	}
	return receipt
}

// patient is a version of a patient; with method DELETE a tombstone.
func (a *archive) patient(id string, version int64, method string) store.Write {
	a.Helper()
	at := time.Date(2026, 5, 4, 12, 0, int(version), 0, time.UTC)
	w := store.Write{Ref: fhir.Ref{Type: "Patient", ID: id}, Expect: version - 1, LastUpdated: at, Method: method, Owner: "hospital"}
	if w.Deleted = method == "DELETE"; w.Deleted {
		return w
	}
	doc, err := fhir.Parse([]byte(`{"resourceType":"Patient"}`))
	if err == nil {
		doc, err = doc.Stamp(id, version, at)
	}
	if err != nil {
		a.Fatal(err)
	}
	w.Body, w.Hash = doc.Bytes(), doc.Hash()
	if w.Index, w.Facts, err = search.Describe(doc, ""); err != nil {
		a.Fatal(err)
	}
	return w
}

// findings are what Verify says, one a line.
func (a *archive) findings() string {
	a.Helper()
	var b strings.Builder
	err := Verify(a.Context(), a, func(f store.Finding) error {
		fmt.Fprintf(&b, "%s %s %s\n", f.Table, f.Row, f.What)
		return nil
	})
	if err != nil {
		a.Fatal(err)
	}
	return b.String()
}

func newHistory(t *testing.T) *archive {
	a := newArchive(t)
	a.write("create", a.patient("a", 1, "POST"))
	a.write("update", a.patient("a", 2, "PUT"))
	a.write("transaction", a.patient("a", 3, "DELETE"), a.patient("b", 1, "PUT"))
	a.write("delete", a.patient("b", 2, "DELETE"))
	return a
}

// Verify finds and names every change to a version, and every version missing.
func TestVerify(t *testing.T) {
	a := newHistory(t)
	if got := a.findings(); got != "" {
		t.Fatalf("nothing was changed: %s", got)
	}
	other := a.patient("b", 9, "PUT")
	for name, c := range map[string]struct {
		at   string // the version that is changed
		edit func(*store.Version)
		want string
	}{
		"bytes":            {"a/2", func(v *store.Version) { v.Body = append([]byte(" "), v.Body...) }, "versions Patient/a/_history/2 holds other bytes than its hash says"},
		"no resource":      {"a/1", func(v *store.Version) { v.Body = []byte("{") }, "holds bytes that are no FHIR resource"},
		"bytes and hash":   {"a/1", func(v *store.Version) { v.Body, v.Hash = other.Body, other.Hash }, "holds the bytes of another resource or version"},
		"time":             {"a/1", func(v *store.Version) { v.LastUpdated = v.LastUpdated.Add(time.Hour) }, "was written at another time"},
		"tombstone":        {"b/2", func(v *store.Version) { v.Body = []byte("{}") }, "is a tombstone with content"},
		"owner":            {"a/2", func(v *store.Version) { v.Owner = "clinic" }, "has another owner than the entry that wrote it"},
		"method":           {"a/1", func(v *store.Version) { v.Method = "PUT" }, "has another method than the entry that wrote it"},
		"method of delete": {"b/2", func(v *store.Version) { v.Method = "PUT" }, "has a method that does not fit"},
		"log":              {"a/1", func(v *store.Version) { v.Source = "hospital/n9/changes.0" }, "names a change log that is none of the nodes'"},
		"entry":            {"a/1", func(v *store.Version) { v.Seq = 1 }, "is not the resource that the entry names"},
		"no such entry":    {"a/1", func(v *store.Version) { v.Seq = 99 }, "names entry 99, which cannot be read"},
		"a version gone":   {"a/3", func(v *store.Version) { v.Ref.ID = "" }, "is not what entry 2 of the change log says was written"},
		"an entry's only":  {"a/2", func(v *store.Version) { v.Ref.ID = "" }, "changes 1 says that versions were written, and they are missing"},
	} {
		a.edit = func(v store.Version) []store.Version {
			if fmt.Sprintf("%s/%d", v.Ref.ID, v.Version) != c.at {
				return []store.Version{v}
			}
			if c.edit(&v); v.Ref.ID == "" {
				return nil
			}
			return []store.Version{v}
		}
		if got := a.findings(); !strings.Contains(got, c.want) {
			t.Errorf("%s: says %q, want %q", name, got, c.want)
		}
	}
	a.edit = func(v store.Version) []store.Version { return nil }
	enough := errors.New("enough")
	if err := Verify(t.Context(), a, func(store.Finding) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("a report that fails: %v", err)
	}
}

// After an erasure nothing opens the patient's parts, all others open, and the log is whole.
func TestErase(t *testing.T) {
	a := newHistory(t)
	changes, _ := a.Logs()
	receipt, erased, err := Erase(t.Context(), a, a.sealer, a.keys, ledgerbridge.Draft{Agent: "operator", Reason: "operator"}, "Patient/a")
	if err != nil || erased != 4 || receipt.Seq != 4 { // a's three parts, and that of the erasure
		t.Fatalf("%d parts, record %v: %v", erased, receipt, err)
	}
	if has, err := a.keys.Has(t.Context(), a.sealer.PatientPseudonym("Patient/a")); has || err != nil {
		t.Errorf("the key is still there: %v", err)
	}
	opened, gone := 0, 0
	err = changes.Rows(t.Context(), 0, 9, func(row ledgerbridge.Row) error {
		if err := ledgerbridge.CheckRow(changes.Source(), row.Seq, &row); err != nil {
			return err
		}
		for _, part := range row.Parts {
			_, err := a.sealer.OpenPart(t.Context(), part)
			switch own := part.ErasedBy != ""; {
			case own && part.Patient == "" && errors.Is(err, ledgerbridge.ErrErased) && part.ErasedBy == "hospital/n1/changes.0/4":
				gone++
			case !own && err == nil:
				opened++
			default:
				t.Errorf("part of %q in entry %d: %v", part.Patient, row.Seq, err)
			}
		}
		return nil
	})
	if err != nil || gone != 5 || opened != 7 { // gone is also what the transaction asked for
		t.Errorf("%d gone, %d open: %v", gone, opened, err)
	}
	if got := a.findings(); got != "" {
		t.Errorf("the erasure damaged something: %s", got)
	}
}

// Nothing is erased, and nothing recorded, of somebody of whom nothing is known. What an
// erasure that was cut short has left is.
func TestEraseOfNobody(t *testing.T) {
	a := newHistory(t)
	changes, _ := a.Logs()
	erase := func(patient string) error {
		_, _, err := Erase(t.Context(), a, a.sealer, a.keys, ledgerbridge.Draft{Agent: "operator", Reason: "operator"}, patient)
		return err
	}
	if err := a.keys.Destroy(t.Context(), a.sealer.PatientPseudonym("Patient/b")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		patient string
		unknown bool
	}{{"Patient/nobody", true}, {"Patient/a", false}, {"Patient/a", true}, {"Patient/b", false}, {"Patient/b", true}} {
		before, _ := changes.Size(t.Context())
		err := erase(c.patient)
		after, _ := changes.Size(t.Context())
		if errors.Is(err, ErrUnknown) != c.unknown || !c.unknown && err != nil || (before == after) != c.unknown {
			t.Errorf("%s: %v, records %d to %d", c.patient, err, before, after)
		}
	}
}
