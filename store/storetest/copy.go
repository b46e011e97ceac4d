package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// Target is a target of a copy that can be closed.
type Target interface {
	store.Target
	io.Closer
}

// Place is where a copy can be made.
type Place struct {
	OpenTarget func() (Target, error)
	Open       func() (store.Store, error) // for serving; the test's end closes it
}

// Copies tests that a store can become a copy of from, which Fill has filled. fresh
// gives an empty place.
func Copies(t *testing.T, from store.Original, fresh func(t *testing.T) Place) {
	c := &copies{from: from, fresh: fresh}
	t.Run("a copy is whole and goes on living", c.whole)
	t.Run("a copy that was cut short goes on", c.goesOn)
	t.Run("a copy is compared", c.compared)
	t.Run("a change in two batches has one epoch", c.sharedEpoch)
	t.Run("a place with data is refused", c.needsEmpty)
}

type copies struct {
	from  store.Original
	fresh func(t *testing.T) Place
}

// copyAll copies and finishes.
func (c *copies) copyAll(t *testing.T, to Target, told func(store.Copied)) error {
	err := store.Copy(t.Context(), c.from, to, told)
	if err == nil {
		err = to.Finish(t.Context())
	}
	return errors.Join(err, to.Close())
}

func open(t *testing.T, p Place) Target {
	t.Helper()
	to, err := p.OpenTarget()
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func (c *copies) whole(t *testing.T) {
	p := c.fresh(t)
	to := open(t, p)
	var told store.Copied
	if err := c.copyAll(t, to, func(c store.Copied) { told = c }); err != nil {
		t.Fatal(err)
	}
	if told.Versions < 40 || told.Rows < 40 || told.Keys != 3 || told.Compared != told.Versions+told.Rows {
		t.Errorf("told %+v", told)
	}
	s, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.Search(t.Context(), store.Search{Query: &search.Query{Type: "Observation", Where: search.All{}}, Limit: 100, Count: true})
	if err != nil || page.Total != 29 || page.Matches[0].Ref.ID != "0-0" || page.Matches[28].Ref.ID != "5-4" {
		t.Errorf("Observations in the copy: %d in the wrong order or number, %v", page.Total, err)
	}
	a := newWriter(t, s)
	a.put("0", 1, fmt.Sprintf(patientBody, "Next"))
	v, err := s.Get(t.Context(), fhir.Ref{Type: "Patient", ID: "0"})
	if err != nil || v.Version != 2 || v.Seq != changesOf(t, c.from) {
		t.Errorf("the next version is %d, of entry %d, %v", v.Version, v.Seq, err)
	}
	if k, err := s.Kept(t.Context(), "client", "app"); err != nil || k.Version != 2 || string(k.Value) != "{}" {
		t.Errorf("the kept row is %+v, %v", k, err)
	}
	_, epoch, err := s.Consents(t.Context(), "Patient/1")
	if err != nil || epoch != 9 {
		t.Errorf("epoch %d, %v", epoch, err)
	}
}

// changesOf is how many entries the change log of a store has.
func changesOf(t *testing.T, o store.Original) int64 {
	changes, _ := o.Logs()
	n, err := changes.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (c *copies) sharedEpoch(t *testing.T) {
	p := c.fresh(t)
	to := open(t, p)
	first := int64(-1)
	err := c.from.Versions(t.Context(), 0, func(v store.Stored) error {
		switch {
		case v.Ref.Type == "Consent" && first < 0:
			first = v.Seq
		case v.Ref == fhir.Ref{Type: "Consent", ID: "c1"}:
			v.Seq = first
		}
		return to.AddVersions(t.Context(), []store.Stored{v})
	})
	if err = errors.Join(err, to.Finish(t.Context()), to.Close()); err != nil {
		t.Fatal(err)
	}
	s, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	for since, want := range []string{"[Patient/0 Patient/1 Patient/2 Patient/3 Patient/4 Patient/5]", "[Patient/2 Patient/3 Patient/4 Patient/5]"} {
		patients, epoch, err := s.ConsentChanges(t.Context(), int64(since))
		slices.Sort(patients)
		if fmt.Sprint(patients) != want || epoch != 8 || err != nil {
			t.Errorf("since %d: %v at %d, %v", since, patients, epoch, err)
		}
	}
}

func (c *copies) needsEmpty(t *testing.T) {
	p := c.fresh(t)
	if _, err := p.Open(); err != nil {
		t.Fatal(err)
	}
	if to, err := p.OpenTarget(); err == nil || !strings.Contains(err.Error(), "holds data") {
		t.Errorf("a place with data was taken: %v", errors.Join(err, to.Close()))
	}
}

// changed passes on one version with a change.
type changed struct{ Target }

func (c changed) AddVersions(ctx context.Context, all []store.Stored) error {
	all[3].Owner = "thief"
	return c.Target.AddVersions(ctx, all)
}

func (c *copies) compared(t *testing.T) {
	p := c.fresh(t)
	to := open(t, p)
	err := c.copyAll(t, changed{to}, nil)
	if err == nil || !strings.Contains(err.Error(), "Observation/0-2 version 1 is not the same") {
		t.Errorf("the comparison says %v", err)
	}
	if _, err := p.Open(); err == nil {
		t.Error("a copy with a difference was finished")
	}
}

// stumbling fails at the nth of many small steps.
type stumbling struct {
	Target
	left int
}

var errStumble = errors.New("stumbled")

func (s *stumbling) step() error {
	s.left--
	if s.left < 0 {
		return errStumble
	}
	return nil
}

// inSteps passes everything on in small pieces, so that the copy can stop in between.
func inSteps[T any](s *stumbling, all []T, add func([]T) error) error {
	for len(all) > 0 {
		if err := s.step(); err != nil {
			return err
		}
		n := min(len(all), 7)
		if err := add(all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

func (s *stumbling) AddVersions(ctx context.Context, all []store.Stored) error {
	return inSteps(s, all, func(some []store.Stored) error { return s.Target.AddVersions(ctx, some) })
}

func (s *stumbling) AddRows(ctx context.Context, source string, rows []ledgerbridge.Row) error {
	return inSteps(s, rows, func(some []ledgerbridge.Row) error { return s.Target.AddRows(ctx, source, some) })
}

func (s *stumbling) AddWrappedKey(ctx context.Context, id string, wrapped []byte) error {
	return errors.Join(s.Target.AddWrappedKey(ctx, id, wrapped), s.step())
}

// goesOn stops a copy after every step in turn.
func (c *copies) goesOn(t *testing.T) {
	for n := range 100 {
		p := c.fresh(t)
		to := open(t, p)
		err := store.Copy(t.Context(), c.from, &stumbling{to, n}, nil)
		if closed := to.Close(); closed != nil {
			t.Fatal(closed)
		}
		if err == nil {
			if n < 10 {
				t.Errorf("only %d steps", n)
			}
			return
		}
		if !errors.Is(err, errStumble) {
			t.Fatal(err)
		}
		if _, err := p.Open(); err == nil || !strings.Contains(err.Error(), "not finished") {
			t.Fatalf("a half copy was opened: %v", err)
		}
		to = open(t, p)
		if err := c.copyAll(t, to, nil); err != nil {
			t.Fatalf("after %d steps: %v", n, err)
		}
		if _, err := p.Open(); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	patientBody = `{"resourceType":"Patient","name":[{"family":"%s","given":["Zoë"]}],"birthDate":"1970-03","link":[{"other":{"reference":"http://localhost/fhir/Patient/0"},"type":"seealso"}]}`
	weightBody  = `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"subject":{"reference":"Patient/%d"},"effectiveDateTime":"2020-01-%02d","valueQuantity":{"value":7%d.50,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`
	consentBody = `{"resourceType":"Consent","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/%d"},"policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},"provision":{"type":"permit"}}`
)

// writer writes documents into a store.
type writer struct {
	testing.TB
	store  store.Store
	sealer *ledgerbridge.Sealer
	now    time.Time
}

func newWriter(t testing.TB, s store.Store) *writer {
	sealer, err := NewSealer()
	if err != nil {
		t.Fatal(err)
	}
	return &writer{t, s, sealer, time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
}

func (a *writer) commit(w store.Write) {
	a.Helper()
	p, err := Record(a.sealer, "update", "U", 200, "Patient/1")
	if err == nil {
		_, err = a.store.Commit(a.Context(), store.Change{Writes: []store.Write{w}, Entry: p})
	}
	if err != nil {
		a.Fatal(err)
	}
}

func (a *writer) put(id string, expect int64, body string) {
	a.Helper()
	a.now = a.now.Add(time.Second)
	w, err := write(id, expect, a.now, body)
	if err != nil {
		a.Fatal(err)
	}
	a.commit(w)
}

func write(id string, expect int64, at time.Time, body string) (w store.Write, err error) {
	doc, err := fhir.Parse([]byte(body))
	if err != nil {
		return w, err
	}
	if doc, err = doc.Stamp(id, expect+1, at); err != nil {
		return w, err
	}
	index, facts, err := search.Describe(doc, Base)
	return store.Write{
		Ref: fhir.Ref{Type: doc.Type(), ID: id}, Expect: expect, LastUpdated: at, Method: "PUT", Owner: Organization,
		Body: doc.Bytes(), Hash: doc.Hash(), Index: index, Facts: facts,
	}, err
}

func (a *writer) remove(ref fhir.Ref) {
	a.Helper()
	a.now = a.now.Add(time.Second)
	v, err := a.store.Get(a.Context(), ref)
	if err != nil {
		a.Fatal(err)
	}
	a.commit(store.Write{
		Ref: ref, Expect: v.Version, LastUpdated: a.now, Deleted: true, Method: "DELETE", Owner: v.Owner, Facts: v.Facts,
	})
}

// Base is the base URL that a store whose documents are checked is opened with.
const Base = "http://localhost/fhir"

// Filled is a store that can be filled and copied.
type Filled interface {
	store.Store
	store.Original
}

// Fill writes a little of everything, for Copies: documents, Consents, past versions,
// tombstones, records, keys of parts and a tile.
func Fill(t testing.TB, s Filled, keys func(seal, open store.Wrap) ledgerbridge.PartKeys) {
	a := newWriter(t, s)
	for i := range 6 {
		a.put(fmt.Sprint(i), 0, fmt.Sprintf(patientBody, fmt.Sprintf("Smith%d", i)))
		for j := range 5 {
			a.put(fmt.Sprintf("%d-%d", i, j), 0, fmt.Sprintf(weightBody, i, j+1, j))
		}
		a.put(fmt.Sprintf("c%d", i), 0, fmt.Sprintf(consentBody, i))
	}
	a.put("1", 1, fmt.Sprintf(patientBody, "Jones"))
	a.put("c2", 1, fmt.Sprintf(consentBody, 3))
	a.remove(fhir.Ref{Type: "Observation", ID: "3-2"})
	a.remove(fhir.Ref{Type: "Consent", ID: "c4"})
	a.put("c4", 2, fmt.Sprintf(consentBody, 4))
	p, err := Record(a.sealer, "read", "R", 200, "Patient/1", "Patient/2")
	if err == nil {
		_, err = s.Record(t.Context(), p, store.Judged{})
	}
	same := func(key, _ []byte) ([]byte, error) { return key, nil }
	for i := range 2 { // the second in version 2
		row := store.Kept{Space: "client", Key: "app", Value: []byte("{}"), Version: int64(i)}
		if p, err = Record(a.sealer, "client-write", "U", 200); err == nil {
			_, err = s.Commit(t.Context(), store.Change{Entry: p, Keep: []store.Kept{row}})
		}
	}
	if err == nil {
		_, err = keys(same, same).Keys(t.Context(), []string{"a", "b", "c"})
	}
	if err == nil {
		changes, _ := s.Logs()
		err = changes.WriteTiles(t.Context(), []ledgerbridge.Tile{{Level: 0, Index: 0, Data: make([]byte, 64)}})
	}
	if err != nil {
		t.Fatal(err)
	}
}
