package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

func testConsents(w *world) {
	g := newGenerator(700, 5)
	want := func(patient string, ids ...string) {
		w.Helper()
		all, epoch, err := w.store.Consents(w.Context(), patient)
		w.check(err)
		var got []string
		for _, v := range all {
			got = append(got, v.Ref.ID)
			w.same(v, w.model.of(v.Ref)[v.Version-1])
		}
		slices.Sort(got)
		if !slices.Equal(got, ids) || epoch != w.model.epoch {
			w.Errorf("consents of %s: %v at epoch %d, want %v at %d", patient, got, epoch, ids, w.model.epoch)
		}
	}
	want("Patient/anna")
	w.commit(w.consent(g, "1", 0, "Patient/anna"), w.consent(g, "2", 0, "Patient/ben"))
	want("Patient/anna", "1")
	w.commit(w.consent(g, "3", 0, "Patient/anna"))
	want("Patient/anna", "1", "3")
	w.commit(g.write(anna, 0, w.tick()))
	want("Patient/anna", "1", "3")
	w.commit(w.consent(g, "1", 1, "Patient/ben"))
	want("Patient/anna", "3")
	want("Patient/ben", "1", "2")
	w.commit(tombstone(w.get(fhir.Ref{Type: "Consent", ID: "3"}), w.tick()))
	want("Patient/anna")
	if v := w.get(anna); v.Epoch != w.model.epoch {
		w.Errorf("a read shows epoch %d, want %d", v.Epoch, w.model.epoch)
	}
	w.wantChanged(w.try(w.consent(g, "1", 1, "Patient/anna")))
	want("Patient/anna")
	page, err := w.store.History(w.Context(), store.History{Limit: 1})
	w.check(err)
	if page.Epoch != w.model.epoch {
		w.Errorf("a history shows epoch %d, want %d", page.Epoch, w.model.epoch)
	}
}

// record appends to the access log.
func (w *world) record(d ledgerbridge.Draft) ledgerbridge.Receipt {
	w.Helper()
	d.Organization, d.Decision = Organization, "permit"
	p, err := w.sealer.Prepare(w.Context(), d)
	w.check(err)
	r, err := w.store.Record(w.Context(), p, store.Judged{})
	w.check(err)
	return r
}

func (w *world) rows(l ledgerbridge.Log, from, to int64) (rows []ledgerbridge.Row) {
	w.Helper()
	w.check(l.Rows(w.Context(), from, to, func(r ledgerbridge.Row) error {
		rows = append(rows, r)
		return nil
	}))
	w.bare(l, from, to, rows)
	return rows
}

// testProbe asks whether the store can write, which leaves no trace in its logs.
func testProbe(w *world) {
	w.check(w.store.(store.Prober).Probe(w.Context()))
	changes, accesses := w.store.Logs()
	for _, log := range []ledgerbridge.Log{changes, accesses} {
		if size, err := log.Size(w.Context()); size != 0 || err != nil {
			w.Errorf("%s has %d entries, %v", log.Source(), size, err)
		}
	}
}

func testLogs(w *world) {
	const clients, each = 16, 40
	_, log := w.store.Logs()
	var mu sync.Mutex
	receipts := map[int64]ledgerbridge.Receipt{}
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			for range each {
				p, err := Record(w.sealer, "read", "R", 200, "Patient/1")
				if err != nil {
					w.Error(err)
					return
				}
				r, err := w.store.Record(context.Background(), p, store.Judged{})
				if err != nil {
					w.Error(err)
					return
				}
				mu.Lock()
				receipts[r.Seq] = r
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	rows := w.rows(log, 0, clients*each+5)
	if len(rows) != clients*each || len(receipts) != len(rows) {
		w.Fatalf("%d rows and %d receipts, want %d", len(rows), len(receipts), clients*each)
	}
	for i := range rows {
		r := &rows[i]
		w.check(ledgerbridge.CheckRow(log.Source(), int64(i), r))
		if receipts[r.Seq] != (ledgerbridge.Receipt{Source: log.Source(), Seq: r.Seq, Commitment: r.Commitment}) {
			w.Errorf("row %d does not fit its receipt", i)
		}
		if i > 0 && r.Time.Before(rows[i-1].Time) {
			w.Errorf("time runs backwards at row %d", i)
		}
	}
	if part := w.rows(log, 300, 303); len(part) != 3 || part[0].Seq != 300 || len(part[0].Parts) != 2 {
		w.Errorf("rows 300 to 303: %d", len(part))
	}
	stop := fmt.Errorf("enough")
	if err := log.Rows(w.Context(), 0, 10, func(ledgerbridge.Row) error { return stop }); err != stop {
		w.Errorf("visit's error became %v", err)
	}
	changes, _ := w.store.Logs()
	if changes.Source() != Organization+"/"+Node+"/changes.0" || log.Source() != Organization+"/"+Node+"/accesses.0" {
		w.Errorf("sources %q and %q", changes.Source(), log.Source())
	}
	if n, err := changes.Size(w.Context()); err != nil || n != 0 {
		w.Errorf("the change log has %d rows: %v", n, err)
	}
}

func testFind(w *world) {
	_, log := w.store.Logs()
	for i := range 120 {
		d := ledgerbridge.Draft{Action: "R", Interaction: "read", Agent: fmt.Sprintf("Practitioner/%d", i%3), Outcome: 200}
		if i%4 == 0 {
			d.Action, d.Outcome = "E", 403
		}
		d.Target = fmt.Sprintf("Observation/%d", i%10)
		for p := range i % 3 {
			d.Patients = append(d.Patients, ledgerbridge.Touched{
				Patient: fmt.Sprintf("Patient/%d", (i+p)%5),
				Items:   []ledgerbridge.Item{{Ref: fmt.Sprintf("Observation/%d", i%7), Version: 1, Method: "GET"}},
			})
		}
		w.record(d)
		if i == 60 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	rows := w.rows(log, 0, 1000)
	middle := rows[61].Time
	for _, f := range []ledgerbridge.Filter{
		{},
		{Patient: w.sealer.PatientPseudonym("Patient/2")},
		{Patient: w.sealer.PatientPseudonym("Patient/2"), Target: w.sealer.TargetPseudonym("Observation/3")},
		{Patient: w.sealer.PatientPseudonym("Patient/2"), Agent: w.sealer.AgentPseudonym("Practitioner/1"), Before: 70},
		{Target: w.sealer.TargetPseudonym("Observation/3")},
		{Target: w.sealer.TargetPseudonym("Observation/3"), Action: "E"},
		{Agent: w.sealer.AgentPseudonym("Practitioner/2"), OutcomeFrom: 403},
		{Action: "E", From: middle},
		{To: middle, OutcomeTo: 400}, {OutcomeFrom: 200, OutcomeTo: 300, Since: 20}, {OutcomeFrom: 300, OutcomeTo: 403},
		{From: middle, To: middle.Add(time.Hour), Before: 100}, {From: middle, Since: 5}, {Since: 70, Before: 90, Action: "E"},
		{From: middle.Add(time.Hour)},
		{Patient: "nobody"}, {Target: "%"}, {Agent: "nobody"},
	} {
		var want []int64
		for _, r := range rows {
			if selects(f, &r) {
				want = append(want, r.Seq)
			}
		}
		w.wantFound(log, f, want, true)
		slices.Reverse(want)
		w.wantFound(log, f, want, false)
	}
}

// wantFound looks for all that matches, and for the first of it.
func (w *world) wantFound(log ledgerbridge.Log, f ledgerbridge.Filter, want []int64, oldest bool) {
	w.Helper()
	f.Oldest = oldest
	for _, limit := range []int{1, 10, 1000} {
		got, err := log.Find(w.Context(), f, limit)
		w.check(err)
		if !slices.Equal(got, want[:min(limit, len(want))]) {
			w.Errorf("find %+v, at most %d:\n got %v\nwant %v", f, limit, got, want)
		}
	}
}

// selects is what a filter means.
func selects(f ledgerbridge.Filter, r *ledgerbridge.Row) bool {
	part := func(holds func(ledgerbridge.PartRow) bool) bool { return slices.ContainsFunc(r.Parts, holds) }
	return (f.Agent == "" || f.Agent == r.Agent) && (f.Action == "" || f.Action == r.Action) &&
		f.OutcomeFrom <= r.Outcome && (f.OutcomeTo == 0 || r.Outcome < f.OutcomeTo) &&
		(f.From.IsZero() || !r.Time.Before(f.From)) && (f.To.IsZero() || r.Time.Before(f.To)) &&
		f.Since <= r.Seq && (f.Before == 0 || r.Seq < f.Before) &&
		(f.Patient == "" || part(func(p ledgerbridge.PartRow) bool { return p.Patient == f.Patient })) &&
		(f.Target == "" || part(func(p ledgerbridge.PartRow) bool {
			return slices.Contains(bytesFields(p.Target), f.Target)
		}))
}

func bytesFields(s string) (words []string) {
	for _, f := range bytes.Fields([]byte(s)) {
		words = append(words, string(f))
	}
	return words
}

func testTiles(w *world) {
	changes, accesses := w.store.Logs()
	for _, l := range []ledgerbridge.Log{changes, accesses} {
		tile, err := l.ReadTile(w.Context(), 0, 0)
		w.check(err)
		if tile != nil {
			w.Errorf("a tile that nobody wrote: %x", tile)
		}
		w.check(l.WriteTiles(w.Context(), []ledgerbridge.Tile{{Level: 0, Index: 0, Data: []byte("a")}, {Level: 1, Index: 7, Data: []byte("b")}}))
		w.check(l.WriteTiles(w.Context(), []ledgerbridge.Tile{{Level: 0, Index: 0, Data: []byte(l.Source())}}))
		for _, want := range []ledgerbridge.Tile{{Level: 0, Index: 0, Data: []byte(l.Source())}, {Level: 1, Index: 7, Data: []byte("b")}, {Level: 7, Index: 1}} {
			got, err := l.ReadTile(w.Context(), want.Level, want.Index)
			w.check(err)
			if !bytes.Equal(got, want.Data) {
				w.Errorf("tile %d/%d is %q, want %q", want.Level, want.Index, got, want.Data)
			}
		}
	}
}

func testErase(w *world) {
	_, log := w.store.Logs()
	for i := range 6 {
		w.record(ledgerbridge.Draft{Action: "R", Interaction: "read", Agent: "Practitioner/1", Outcome: 200, Patients: []ledgerbridge.Touched{
			{Patient: "Patient/1"}, {Patient: fmt.Sprintf("Patient/%d", i%2+1)},
		}})
	}
	before := w.rows(log, 0, 10)
	ben := w.sealer.PatientPseudonym("Patient/2")
	erasure := w.sealer.Erasure(ben, "clinic/n1/changes.0/9")
	n, err := log.Erase(w.Context(), erasure)
	w.check(err)
	if n != 3 {
		w.Errorf("%d parts erased, want 3", n)
	}
	if n, err := log.Erase(w.Context(), w.sealer.Erasure(ben, "clinic/n1/changes.0/10")); n != 0 || err != nil {
		w.Errorf("erased again: %d %v", n, err)
	}
	for i, r := range w.rows(log, 0, 10) {
		w.check(ledgerbridge.CheckRow(log.Source(), r.Seq, &r))
		for j, p := range r.Parts {
			want := before[i].Parts[j]
			if want.Patient == ben || len(before[i].Parts) > 2 && j == len(before[i].Parts)-1 && before[i].Parts[2].Patient == ben {
				want = erasure.Empty(want)
			}
			if fmt.Sprint(p) != fmt.Sprint(want) || (p.Sealed == nil) != (want.Sealed == nil) {
				w.Errorf("row %d part %d: %+v, want %+v", i, j, p, want)
			}
		}
	}
	if found, err := log.Find(w.Context(), ledgerbridge.Filter{Patient: ben}, 10); len(found) > 0 || err != nil {
		w.Errorf("found by the erased patient: %v %v", found, err)
	}
	eraseInputs(w, log)
}

// testEachConsent writes more Consents than are visited at once, changes and deletes some,
// and some while they are visited.
func testEachConsent(w *world) {
	g := newGenerator(703, 5)
	visited := func(during func()) (versions map[string]int64, first int64) {
		w.Helper()
		versions, first = map[string]int64{}, -1
		w.check(w.store.EachConsent(w.Context(), func(all []store.Version, epoch int64) error {
			if first < 0 {
				first = epoch
				during()
			}
			for _, v := range all {
				if versions[v.Ref.ID] == 0 || versions[v.Ref.ID] == v.Version {
					w.same(v, w.model.of(v.Ref)[v.Version-1])
				}
				versions[v.Ref.ID] = max(versions[v.Ref.ID], v.Version)
			}
			return nil
		}))
		return versions, first
	}
	if none, epoch := visited(func() {}); len(none) > 0 || epoch != 0 {
		w.Errorf("%v at epoch %d are visited in an empty store", none, epoch)
	}
	const all = 1203
	for i := 0; i < all; i += 401 {
		var writes []store.Write
		for j := range 401 {
			writes = append(writes, w.consent(g, fmt.Sprint(i+j), 0, fmt.Sprint("Patient/", j)))
		}
		w.commit(writes...)
	}
	w.commit(g.write(anna, 0, w.tick()))
	w.commit(w.consent(g, "7", 1, "Patient/ben"))
	w.commit(tombstone(w.get(fhir.Ref{Type: "Consent", ID: "8"}), w.tick()))
	seen, epoch := visited(func() {})
	if len(seen) != all-1 || seen["7"] != 2 || seen["8"] != 0 || epoch != w.model.epoch {
		w.Errorf("%d are visited, 7 in version %d, 8 in version %d, at epoch %d", len(seen), seen["7"], seen["8"], epoch)
	}
	seen, epoch = visited(func() { w.commit(w.consent(g, "1202", 1, "Patient/carl")) })
	changed, _, err := w.store.ConsentChanges(w.Context(), epoch)
	if w.check(err); len(seen) != all-1 || !slices.Contains(changed, "Patient/carl") {
		w.Errorf("%d are visited while one is written, and changes since epoch %d are %v", len(seen), epoch, changed)
	}
	stop := errors.New("stop")
	if err := w.store.EachConsent(w.Context(), func([]store.Version, int64) error { return stop }); !errors.Is(err, stop) {
		w.Errorf("the visit went on: %v", err)
	}
}

func testConsentChanges(w *world) {
	g := newGenerator(701, 5)
	want := func(since int64, patients ...string) {
		w.Helper()
		got, epoch, err := w.store.ConsentChanges(w.Context(), since)
		w.check(err)
		slices.Sort(got)
		if !slices.Equal(got, patients) || epoch != w.model.epoch {
			w.Errorf("since %d: %v at epoch %d, want %v at %d", since, got, epoch, patients, w.model.epoch)
		}
	}
	want(0)
	w.commit(w.consent(g, "1", 0, "Patient/anna"))
	w.commit(w.consent(g, "2", 0, "Patient/ben"), w.consent(g, "3", 0, "Patient/carl"))
	w.commit(g.write(anna, 0, w.tick()))
	w.commit(w.consent(g, "1", 1, "Patient/dora"))
	w.commit(tombstone(w.get(fhir.Ref{Type: "Consent", ID: "3"}), w.tick()))
	want(0, "Patient/anna", "Patient/ben", "Patient/carl", "Patient/dora")
	want(1, "Patient/anna", "Patient/ben", "Patient/carl", "Patient/dora")
	want(2, "Patient/anna", "Patient/carl", "Patient/dora")
	want(3, "Patient/carl")
	want(4)
	want(99)
	team := func(expect int64, members ...string) store.Write {
		c := g.write(fhir.Ref{Type: "CareTeam", ID: "t"}, expect, w.tick())
		c.Facts = fhir.Facts{Type: "CareTeam", ID: "t", Patients: []string{"Patient/anna"}, References: append(members, "https://elsewhere/Practitioner/1")}
		return c
	}
	w.commit(team(0, "Practitioner/1"))
	want(4, "CareTeam/t", "Practitioner/1")
	w.commit(team(1, "Practitioner/2"), w.consent(g, "2", 1, "Patient/ben"))
	want(5, "CareTeam/t", "Patient/ben", "Practitioner/1", "Practitioner/2")
	w.commit(tombstone(w.get(fhir.Ref{Type: "CareTeam", ID: "t"}), w.tick()))
	want(6, "CareTeam/t", "Practitioner/2")
}

// testConsentsInside asks for Consents from many visibility functions at once, of
// searches, histories and guards: none may wait for another.
func testConsentsInside(w *world) {
	g := newGenerator(702, 5)
	w.fill(g)
	asking := func(store.Row) (bool, error) {
		_, _, err := w.store.Consents(w.Context(), "Patient/anna")
		return true, err
	}
	q := &search.Query{Type: "Patient", Where: search.All{}}
	var wait sync.WaitGroup
	for i := range 48 {
		write := g.write(fhir.Ref{Type: "Device", ID: fmt.Sprint(i)}, 0, w.tick())
		guard := store.Guard{Query: &search.Query{Type: "Patient", Where: search.All{search.HasKey{Key: "_id=p0"}}}, Visible: asking}
		guard.Want = w.model.search(guard.Query, nil)
		c := store.Change{Writes: []store.Write{write}, Guards: []store.Guard{guard}, Entry: w.entry()}
		wait.Go(func() {
			if _, err := w.store.Search(w.Context(), store.Search{Query: q, Visible: asking, Limit: 10}); err != nil {
				w.Error(err)
			}
			if _, err := w.store.History(w.Context(), store.History{Visible: asking, Limit: 3}); err != nil {
				w.Error(err)
			}
			if _, err := w.store.Commit(w.Context(), c); err != nil {
				w.Error(err)
			}
		})
	}
	wait.Wait()
}
