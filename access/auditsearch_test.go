package access

import (
	"context"
	"fmt"
	"math/rand"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
	"github.com/aceso-health/aceso/store"
)

// archive is a house whose store also holds the two logs of another node, with records
// of the test's making.
type archive struct {
	*house
	store.Store
	others []*logtest.Log
	now    time.Time
	kept   map[string]ledgerbridge.Draft // by AuditEvent
}

func (a *archive) Sources(context.Context) (sources []string, err error) {
	for _, l := range a.others {
		sources = append(sources, l.Name)
	}
	return sources, nil
}

func (a *archive) Log(source string) ledgerbridge.Log {
	return a.others[slices.IndexFunc(a.others, func(l *logtest.Log) bool { return l.Name == source })]
}

func newArchive(t *testing.T) *archive {
	a := &archive{house: newHouse(t), now: time.Date(2025, 3, 1, 8, 0, 0, 0, time.UTC), kept: map[string]ledgerbridge.Draft{}}
	for _, name := range []string{"hospital/n2/accesses.0", "hospital/n2/changes.0"} {
		l := logtest.New(name)
		l.Now = func() time.Time { return a.now }
		a.others = append(a.others, l)
	}
	a.Store, a.Gate.Store = a.Gate.Store, a
	return a
}

// keep appends a record to one of the other node's logs and returns its AuditEvent.
func (a *archive) keep(log int, d ledgerbridge.Draft) string {
	a.Helper()
	p, err := a.Sealer.Prepare(a.Context(), d)
	if err != nil {
		a.Fatal(err)
	}
	row, err := a.others[log].Append(p)
	if err != nil {
		a.Fatal(err)
	}
	id := auditID(a.others[log].Name, row.Seq)
	a.kept[id] = d
	return id
}

// fill keeps records of all kinds, at times of which many are equal.
func (a *archive) fill(random *rand.Rand, n int) {
	pick := func(of string) string { list := strings.Fields(of); return list[random.Intn(len(list))] }
	for i := range n {
		a.now = a.now.Add(time.Duration(random.Intn(3)) * 37 * time.Minute)
		d := ledgerbridge.Draft{
			Action: pick("C R U D E"), Interaction: pick("read search-type update"), Type: "Observation",
			Agent: pick("Practitioner/1 Practitioner/2 Organization/hospital Patient/1 dr.who"), Name: pick("Anna Bert"), Role: pick("practitioner system"),
			Address: pick("10.0.0.1 10.0.0.2"), Organization: pick("hospital lab"), Client: pick("app dr.who"), Purpose: pick("TREAT HOPERAT BTG"),
			Decision: pick("permit deny"), Reason: pick("treatment own-data row-refused"), Policy: pick("p1 p2"),
			Outcome: []int{200, 201, 304, 400, 403, 404, 412, 499, 500, 503}[random.Intn(10)], Request: fmt.Sprintf("req-%d", i%50),
			Target: pick("Observation/1 Observation/2 Patient/1 Patient/2 Patient/none AuditEvent/n1.accesses.0.4"), Query: pick("code=x subject=Patient/2"),
		}
		for _, p := range []string{"Patient/1", "Patient/2"} {
			if random.Intn(3) > 0 {
				item := ledgerbridge.Item{Ref: pick("Observation/1 Observation/2 " + p), Version: int64(random.Intn(3)), Method: "GET"}
				d.Patients = append(d.Patients, ledgerbridge.Touched{Patient: p, Items: []ledgerbridge.Item{item}[:random.Intn(2)], Consents: []string{"Consent/1/_history/2"}[:random.Intn(2)]})
			}
		}
		if random.Intn(5) == 0 {
			d.Others = []ledgerbridge.Item{{Ref: "Medication/1", Version: 1, Method: "GET"}}
		}
		a.keep(random.Intn(2), d)
	}
}

// ask returns what a search finds on all its pages, and the total of the first.
func (a *archive) ask(query string) (ids []string, total int64) {
	a.Helper()
	return a.pages(query, func(s SearchRequest) (*Result, error) {
		return a.SearchAuditEvents(a.Context(), a.as(agent.PrivacyOfficer, "HOPERAT"), s)
	})
}

// report is ask for the access report of Patient/1.
func (a *archive) report(query string) (ids []string, total int64) {
	a.Helper()
	return a.pages(query, func(s SearchRequest) (*Result, error) {
		return a.AccessReport(a.Context(), a.patient("Patient/1"), ref("Patient/1"), s)
	})
}

func (a *archive) pages(query string, page func(SearchRequest) (*Result, error)) (ids []string, total int64) {
	a.Helper()
	s := SearchRequest{Type: auditEvent, Params: params(query)}
	for n := 0; ; n++ {
		res, err := page(s)
		if err != nil {
			a.Fatalf("%s, page %d: %v", query, n, err)
		}
		if n == 0 {
			total = res.Total
		}
		if n > 1000 || res.Total != total && total >= 0 {
			a.Fatalf("%s, page %d: total %d, first %d", query, n, res.Total, total)
		}
		for _, v := range res.Matches {
			ids = append(ids, v.Ref.ID)
		}
		if s.Link = res.Next; s.Link == "" {
			return ids, total
		}
	}
}

// rendered are all records, newest first, as the AuditEvents that a caller may see.
func (a *archive) rendered(patient string) (all []*Version) {
	a.Helper()
	logs, err := a.logs(a.Context())
	if err != nil {
		a.Fatal(err)
	}
	concerns := func(row ledgerbridge.Row) bool {
		return patient == "" || slices.ContainsFunc(row.Parts, func(p ledgerbridge.PartRow) bool {
			return p.Patient == a.Sealer.PatientPseudonym(patient) || slices.Contains(strings.Fields(p.Target), a.Sealer.TargetPseudonym(patient))
		})
	}
	r, list := a.review(a.as(agent.PrivacyOfficer, "HOPERAT")), report{patient: patient}
	if patient != "" { // who reads it in these tests
		list.reader = a.Sealer.AgentPseudonym(patient)
	}
	for _, log := range logs {
		var own []*Version
		err := log.Rows(a.Context(), 0, 1<<40, func(row ledgerbridge.Row) error {
			e, err := ledgerbridge.ParseEntry(row.Entry)
			if err != nil || !concerns(row) {
				return err
			}
			v, err := r.render(a.Context(), record{log, row, e}, list)
			if v != nil {
				own = append(own, v)
			}
			return err
		})
		if err != nil {
			a.Fatal(err)
		}
		slices.Reverse(own)
		all = append(all, own...)
	}
	slices.SortStableFunc(all, func(a, b *Version) int { return b.LastUpdated.Compare(a.LastUpdated) })
	return all
}

// Each parameter, told by what was recorded.
func TestAuditParameters(t *testing.T) {
	a := newArchive(t)
	a.fill(rand.New(rand.NewSource(1)), 120)
	at := func(id string) time.Time {
		rec, err := a.find(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return rec.entry.Time
	}
	middle := a.now.Add(-40 * time.Hour).Truncate(24 * time.Hour)
	next, day := middle.Add(24*time.Hour), middle.Format("2006-01-02")
	patients := func(d ledgerbridge.Draft, ref string) bool {
		return d.Target == ref || slices.ContainsFunc(d.Patients, func(p ledgerbridge.Touched) bool { return p.Patient == ref })
	}
	touches := func(d ledgerbridge.Draft, ref string) bool {
		items := slices.Clone(d.Others)
		for _, p := range d.Patients {
			items = append(items, p.Items...)
		}
		some := slices.ContainsFunc(items, func(i ledgerbridge.Item) bool { return i.Ref == ref })
		return some || d.Target == ref
	}
	type told = ledgerbridge.Draft
	for query, holds := range map[string]func(id string, d told) bool{
		"_id=n2.accesses.0.7":                        func(id string, _ told) bool { return id == "n2.accesses.0.7" },
		"_id=n2.accesses.0.7,n2.changes.0.1":         func(id string, _ told) bool { return id == "n2.accesses.0.7" || id == "n2.changes.0.1" },
		"_id=n2.accesses.0.07,nonsense,n2.changes.0": func(string, told) bool { return false },
		"action=C":                          func(_ string, d told) bool { return d.Action == "C" },
		"action=C,R":                        func(_ string, d told) bool { return d.Action == "C" || d.Action == "R" },
		"action=C&action=R":                 func(string, told) bool { return false },
		"outcome=0":                         func(_ string, d told) bool { return d.Outcome < 400 },
		"outcome=4":                         func(_ string, d told) bool { return d.Outcome >= 400 && d.Outcome < 500 },
		"outcome=8,12":                      func(_ string, d told) bool { return d.Outcome >= 500 },
		"outcome:not=4":                     func(_ string, d told) bool { return d.Outcome < 400 || d.Outcome >= 500 },
		"purpose=BTG":                       func(_ string, d told) bool { return d.Purpose == "BTG" },
		"purpose=TREAT,BTG&decision=permit": func(_ string, d told) bool { return d.Purpose != "HOPERAT" && d.Decision == "permit" },
		"decision=deny":                     func(_ string, d told) bool { return d.Decision == "deny" },
		"reason=row-refused":                func(_ string, d told) bool { return d.Reason == "row-refused" },
		"request=req-7":                     func(_ string, d told) bool { return d.Request == "req-7" },
		"type=rest":                         func(string, told) bool { return true },
		"type=other":                        func(string, told) bool { return false },
		"subtype=read":                      func(_ string, d told) bool { return d.Interaction == "read" },
		"policy=urn:aceso:policy:p1":        func(_ string, d told) bool { return d.Policy == "p1" },
		"agent-name=an":                     func(_ string, d told) bool { return d.Name == "Anna" },
		"address=10.0.0.2":                  func(_ string, d told) bool { return d.Address == "10.0.0.2" },
		"agent-role:text=system":            func(_ string, d told) bool { return d.Role == "system" },
		"agent=Practitioner/1":              func(_ string, d told) bool { return d.Agent == "Practitioner/1" },
		"agent=1":                           func(_ string, d told) bool { return d.Agent == "Practitioner/1" || d.Agent == "Patient/1" },
		"agent=Practitioner/1&agent=Organization/lab": func(_ string, d told) bool { return d.Agent == "Practitioner/1" && d.Organization == "lab" },
		"agent=Organization/hospital":                 func(_ string, d told) bool { return d.Agent == "Organization/hospital" || d.Organization == "hospital" },
		"agent:identifier=dr.who":                     func(_ string, d told) bool { return d.Agent == "dr.who" || d.Client == "dr.who" },
		"patient=1":                                   func(_ string, d told) bool { return patients(d, "Patient/1") || d.Agent == "Patient/1" },
		"patient=Patient/1&patient=Patient/2": func(_ string, d told) bool {
			return (patients(d, "Patient/1") || d.Agent == "Patient/1") && patients(d, "Patient/2")
		},
		"patient=Patient/none": func(_ string, d told) bool { return touches(d, "Patient/none") },
		"entity=Patient/2":     func(_ string, d told) bool { return patients(d, "Patient/2") },
		"entity=Observation/1": func(_ string, d told) bool { return touches(d, "Observation/1") },
		"entity=Observation/1,Medication/1&action=R": func(_ string, d told) bool {
			return d.Action == "R" && (touches(d, "Observation/1") || touches(d, "Medication/1"))
		},
		"entity=Consent/1": func(_ string, d told) bool {
			return slices.ContainsFunc(d.Patients, func(p ledgerbridge.Touched) bool { return len(p.Consents) > 0 })
		},
		"entity-type=1":     func(_ string, d told) bool { return len(d.Patients) > 0 },
		"date=" + day:       func(id string, _ told) bool { return !at(id).Before(middle) && at(id).Before(next) },
		"date=eq" + day:     func(id string, _ told) bool { return !at(id).Before(middle) && at(id).Before(next) },
		"date=ne" + day:     func(id string, _ told) bool { return at(id).Before(middle) || !at(id).Before(next) },
		"date=ge" + day:     func(id string, _ told) bool { return !at(id).Before(middle) },
		"date=gt" + day:     func(id string, _ told) bool { return !at(id).Before(next) },
		"date=sa" + day:     func(id string, _ told) bool { return !at(id).Before(next) },
		"date=le" + day:     func(id string, _ told) bool { return at(id).Before(next) },
		"date=lt" + day:     func(id string, _ told) bool { return at(id).Before(middle) },
		"date=eb" + day:     func(id string, _ told) bool { return at(id).Before(middle) },
		"date=ap2025-03":    func(string, told) bool { return true }, // a year ago: wide
		"date=ap2026-05-01": func(string, told) bool { return false },
		"date=ge" + day + "&date=lt" + next.Format("2006-01-02"): func(id string, _ told) bool { return !at(id).Before(middle) && at(id).Before(next) },
		"_lastUpdated=lt" + day:                                  func(id string, _ told) bool { return at(id).Before(middle) },
	} {
		var want []string
		for id, d := range a.kept {
			if holds(id, d) {
				want = append(want, id)
			}
		}
		got, total := a.ask(query + "&site=hospital&date=lt2026&_count=1000")
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) || total != int64(len(want)) {
			t.Errorf("%s: total %d\n got %v\nwant %v", query, total, got, want)
		}
	}
}

// A search finds what holds for the rendered AuditEvents, in their order, on pages of any
// size, for the officer and in a report. Its own records are too young for its queries.
func TestAuditSearchIsBruteForce(t *testing.T) {
	a := newArchive(t)
	random := rand.New(rand.NewSource(2))
	a.put(patientDoc("1"), patientDoc("2"))
	a.fill(random, 70)
	for i := range 60 {
		patient, ask := "", a.ask
		if i%2 == 0 {
			patient, ask = "Patient/1", a.report
		}
		query := randomAuditQuery(random)
		if patient != "" {
			query = ofOthers.ReplaceAllString(query, "")
		}
		want := a.matching(a.rendered(patient), query)
		sort := "-date"
		if random.Intn(2) == 0 {
			sort = "date"
			slices.Reverse(want)
		}
		paged := fmt.Sprintf("%s&_sort=%s&_count=%d", query, sort, 1+random.Intn(40))
		if random.Intn(4) == 0 {
			paged += "&_total=accurate"
		}
		got, total := ask(paged)
		if !slices.Equal(got, want) || total >= 0 && total != int64(len(want)) {
			t.Fatalf("%q %s: total %d\n got %v\nwant %v", patient, paged, total, got, want)
		}
		if ids, total := ask(query + "&_summary=count"); total != int64(len(want)) || ids != nil {
			t.Errorf("%q %s: counted %d, want %d", patient, query, total, len(want))
		}
		if _, total := ask(query + "&_count=1000&_total=none"); total != -1 {
			t.Errorf("%s: a total that nobody wants", query)
		}
	}
}

// matching says what holds, without the walk.
func (a *archive) matching(all []*Version, query string) (ids []string) {
	a.Helper()
	q, err := search.ParseQuery(auditEvent, params(query), search.QueryOptions{Base: base, Now: a.Now})
	if err != nil {
		a.Fatalf("%s: %v", query, err)
	}
	for _, v := range all {
		x, err := search.IndexOf(a.parse(string(v.Body)), base)
		if err != nil {
			a.Fatal(err)
		}
		if search.Match(q.Where, search.Holder{Ref: v.Ref, Index: x}, nil) {
			ids = append(ids, v.Ref.ID)
		}
	}
	return ids
}

// ofOthers are the criteria that a report refuses.
var ofOthers = regexp.MustCompile(`&patient[:=][^&]*`)

func randomAuditQuery(random *rand.Rand) string {
	terms := strings.Fields(`action=R action=C,U,E action:not=R outcome=0 outcome=4,8 outcome=12 purpose=TREAT purpose:not=TREAT decision=permit
		reason=treatment,own-data reason:missing=true request=req-3,req-4 subtype=read type=rest agent=Practitioner/1 agent=Practitioner/1,Practitioner/2
		agent=Organization/hospital agent=2 agent:identifier=dr.who agent:Patient=1 agent:missing=true patient=1 patient=Patient/1,Patient/2 patient=none patient:missing=true
		entity=Patient/2 entity=Observation/1 entity=Observation/1,Patient/1,Consent/1 entity=Consent/1 entity=AuditEvent/n1.accesses.0.4 entity:identifier=req-5
		entity=1 entity:missing=false date=ge2025-03-02 date=lt2025-03-03T10:30 date=sa2025-03-01 date=eb2025-03-03,2026 date=ne2025-03-02 date=2025-03-02,2025-03-04
		_id=n2.accesses.0.7,n2.changes.0.3,n1.accesses.0.0 _id=nobody _lastUpdated=gt2025-03-02 agent-name=anna agent-name:contains=er agent-role:text=system
		address=10.0.0.1 policy=urn:aceso:policy:p1 site=hospital`)
	query := "date=lt2026"
	for range random.Intn(4) {
		query += "&" + terms[random.Intn(len(terms))]
	}
	return query
}

// A report answers no question about others: not by what it finds, not by what it counts,
// and not by how much it has to open.
func TestReportIsNoOracle(t *testing.T) {
	a := newArchive(t)
	a.put(patientDoc("1"), patientDoc("2"))
	item := func(ref string) []ledgerbridge.Item {
		return []ledgerbridge.Item{{Ref: ref, Version: 1, Method: "GET"}}
	}
	shared := a.keep(0, ledgerbridge.Draft{
		Action: "E", Interaction: "search-type", Agent: "Practitioner/1", Organization: "hospital", Decision: "permit", Reason: "treatment", Outcome: 200,
		Query: "subject=Patient/2", Target: "Patient/2", Others: item("Medication/1"),
		Patients: []ledgerbridge.Touched{{Patient: "Patient/1", Items: item("Observation/1")}, {Patient: "Patient/2", Items: item("Observation/2"), Consents: []string{"Consent/2/_history/1"}}},
	})
	for _, d := range []ledgerbridge.Draft{
		{Action: "R", Patients: []ledgerbridge.Touched{{Patient: "Patient/2", Items: item("Observation/2")}}}, {Action: "R", Target: "Observation/2"},
		{Action: "R", Target: "Patient/2", Patients: []ledgerbridge.Touched{{Patient: "Patient/1"}, {Patient: "Patient/2"}}}, // mentions both, finds nothing
	} {
		d.Interaction, d.Outcome = "read", 200
		a.keep(1, d)
	}
	if ids, _ := a.report("entity=Observation/1&agent=Practitioner/1"); !slices.Equal(ids, []string{shared}) {
		t.Fatalf("the own record: %v", ids)
	}
	for _, query := range []string{
		"entity=Patient/2", "entity=Observation/2", "entity=Medication/1", "entity=Consent/2", "entity=Patient/1,Patient/2&entity=Patient/2",
		"_id=n2.changes.0.0", "_id=n2.changes.0.1",
	} {
		ids, total := a.report(query + "&_total=accurate&date=lt2026")
		if _, counted := a.report(query + "&_summary=count&date=lt2026"); ids != nil || total != 0 || counted != 0 {
			t.Errorf("%s: %v, total %d, counted %d", query, ids, total, counted)
		}
	}
	opened := func(query string) []ledgerbridge.Filter {
		q, err := search.ParseQuery(auditEvent, params(query), search.QueryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return (&auditWalk{review: a.review(a.patient("Patient/1")), query: q, report: report{patient: "Patient/1"}}).filters()
	}
	if plain := opened(""); !slices.Equal(opened("entity=Patient/2"), plain) || !slices.Equal(opened("entity=Observation/2&patient=Patient/2"), plain) {
		t.Error("how many records a report opens depends on others")
	}
}

// A report is about the patient in its address: who asks for another one beside is told.
func TestReportIsAboutOnePatient(t *testing.T) {
	h := ward(t)
	told := h.told()
	for query, kind := range map[string]fhir.Kind{
		"patient=Patient/hidden": fhir.Invalid, "patient=hidden": fhir.Invalid, "patient=Patient/seen&patient=Patient/hidden": fhir.Invalid,
		"patient=seen,hidden": fhir.Invalid, "patient:missing=true": fhir.Invalid, "patient:identifier=urn:mrn|hidden": fhir.Invalid, "colour=red": fhir.Invalid,
		"patient=Patient/seen": 0, "patient=seen&action=R": 0, "agent=Patient/hidden": 0,
	} {
		for name, c := range map[string]*Call{"patient": h.patient("Patient/seen"), "officer": h.as(agent.PrivacyOfficer, "HOPERAT")} {
			_, err := h.AccessReport(t.Context(), c, ref("Patient/seen"), SearchRequest{Params: params(query), Lenient: kind != 0 && query != "colour=red"})
			if (err == nil) != (kind == 0) || err != nil && kindOf(err) != kind {
				t.Errorf("%s, %s: %v", name, query, err)
			}
			want := "permit 200 access-report Patient/seen"
			if kind != 0 {
				want = "permit 400 access-report Patient/seen"
			}
			if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], want) || !strings.Contains(got[0], "seen") {
				t.Errorf("%s, %s: %q", name, query, got)
			}
		}
	}
}

func TestAuditSearchRefuses(t *testing.T) {
	a := newArchive(t)
	a.keep(0, ledgerbridge.Draft{Action: "R", Interaction: "read", Outcome: 200})
	officer := func(query string, lenient bool) (*Result, error) {
		return a.SearchAuditEvents(t.Context(), a.as(agent.PrivacyOfficer, "HOPERAT"), SearchRequest{Type: auditEvent, Params: params(query), Lenient: lenient})
	}
	for _, name := range []string{
		"colour=red", "patient.name=x", "agent:Practitioner.name=x", "_has:Provenance:target:agent=x", "_include=AuditEvent:patient", "_revinclude=Provenance:target",
		"action:exact=R", "_text=x",
	} {
		if _, err := officer(name, false); kindOf(err) != fhir.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		res, err := officer(name+"&date=lt2026", true)
		if err != nil || len(res.Warnings) != 1 || len(res.Matches) != 1 || strings.Contains(res.Self, url.QueryEscape(name)) || !strings.Contains(res.Self, "date=") {
			t.Errorf("%s, lenient: %+v, %v", name, res, err)
		}
	}
	for _, query := range []string{"_sort=agent", "_sort=-date,action", "date=nonsense", "_summary=some", "entity=", "agent=no:way"} {
		if _, err := officer(query, true); query != "agent=no:way" && kindOf(err) != fhir.Invalid {
			t.Errorf("%s: %v", query, err)
		}
	}
	older := []byte(`{"hospital/n2/accesses.0":1}`) // a position in a link of an older version
	if _, err := a.review(a.as(agent.PrivacyOfficer, "HOPERAT")).walk(t.Context(), &search.Query{Where: search.All{}}, report{}, older); kindOf(err) != fhir.Invalid {
		t.Errorf("a link of an older version: %v", err)
	}
	for role, call := range map[string]*Call{"practitioner": a.as(agent.Practitioner, "TREAT"), "administrator": a.as(agent.Administrator, "HOPERAT")} {
		if _, err := a.SearchAuditEvents(t.Context(), call, SearchRequest{Type: auditEvent}); kindOf(err) != fhir.Forbidden {
			t.Errorf("%s: %v", role, err)
		}
	}
}

// One request opens a bounded number of records. A full page links to the next one; a page
// that cannot be filled and a count that cannot be finished are refused.
func TestAuditSearchIsBounded(t *testing.T) {
	a := newArchive(t)
	for i := range 30 {
		a.keep(0, ledgerbridge.Draft{Action: "R", Interaction: "read", Outcome: 200, Purpose: map[bool]string{true: "TREAT", false: "BTG"}[i > 24]})
	}
	page := func(query string, budget int) (*Result, error) {
		q, err := search.ParseQuery(auditEvent, params(query+"&date=lt2026"), search.QueryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		w, err := a.review(a.as(agent.PrivacyOfficer, "HOPERAT")).walk(t.Context(), q, report{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.budget = budget
		return w.page(t.Context())
	}
	if res, err := page("purpose=TREAT&_count=5", 10); err != nil || len(res.Matches) != 5 || len(res.position) == 0 || res.Total != -1 {
		t.Errorf("a full page: %+v, %v", res, err)
	}
	for _, query := range []string{"purpose=TREAT&_count=6", "purpose=TREAT&_count=5&_total=accurate", "_summary=count"} {
		if res, err := page(query, 29); !says(err, 400, "The search would have to open more than 20,000 records. Narrow it by date, patient, entity or agent.") {
			t.Errorf("%s: %+v, %v", query, res, err)
		}
		if res, err := page(query, 30); err != nil || res.Total < 5 {
			t.Errorf("%s, with more: %+v, %v", query, res, err)
		}
	}
}

// However many alternatives a search names, a log is asked few questions.
func TestAuditFiltersAreFew(t *testing.T) {
	a := newArchive(t)
	for query, want := range map[string]int{
		"": 1, "patient=1": 3, "agent=Practitioner/1,Practitioner/2": 2, "agent=Practitioner/1&entity=Patient/1": 2, "action=R,C&patient=1&outcome=4": 6,
		"agent=" + strings.Repeat("Practitioner/1,", 16) + "Practitioner/2": 1, "entity=1": 1, "patient=1,2,3,4&agent=Practitioner/1,Practitioner/2": 12,
		"action=R&agent=Practitioner/1,Organization/lab": 1, "_id=a": 0,
	} {
		q, err := search.ParseQuery(auditEvent, params(query), search.QueryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := narrow(q.Where, a.Sealer); len(got) != want {
			t.Errorf("%s: %d, want %d", query, len(got), want)
		}
	}
}

// A walk does not meet the records that it makes itself, nor others that come meanwhile.
func TestAuditWalkEnds(t *testing.T) {
	a := newArchive(t)
	a.put(patientDoc("1"), patientDoc("2"))
	for _, query := range []string{"_count=1&_sort=date", "_count=1&_sort=-date"} {
		want := len(a.rendered(""))
		if ids, _ := a.ask(query); len(ids) != want {
			t.Errorf("%s: %d records, want %d", query, len(ids), want)
		}
	}
}

// Erased parts are found by nothing that they said, and a report no longer lists their
// records.
func TestErasedRecordsInSearches(t *testing.T) {
	a := newArchive(t)
	a.put(patientDoc("1"))
	id := a.keep(0, ledgerbridge.Draft{
		Action: "R", Interaction: "read", Agent: "Practitioner/1", Outcome: 200, Target: "Observation/1", Patients: []ledgerbridge.Touched{{Patient: "Patient/1"}},
	})
	wanted := func(step string, want map[string]int, report ...string) {
		for query, n := range want {
			if ids, _ := a.ask(query + "&date=lt2026"); len(ids) != n {
				t.Errorf("%s: %s finds %v", step, query, ids)
			}
		}
		if ids, _ := a.report("date=lt2026"); !slices.Equal(ids, report) {
			t.Errorf("%s: the report has %v", step, ids)
		}
	}
	wanted("before", map[string]int{"patient=1": 1, "entity=Observation/1": 1, "agent=Practitioner/1": 1, "entity-name=erased": 0}, id)
	if _, err := a.others[0].Erase(t.Context(), a.Sealer.Erasure(a.Sealer.PatientPseudonym("Patient/1"), "hospital/n1/changes.0/1")); err != nil {
		t.Fatal(err)
	}
	wanted("after", map[string]int{"patient=1": 0, "entity=Observation/1": 0, "agent=Practitioner/1": 1, "entity-name=erased": 1})
}

// Records that replace the record of a discarded answer are no longer written. Old ones
// verify, and are found by their reason.
func TestOldRecordThatReplaces(t *testing.T) {
	a := newArchive(t)
	id := a.keep(0, ledgerbridge.Draft{Action: "R", Interaction: "read", Decision: "permit", Reason: "treatment; replaces hospital/n1/accesses.0/17", Outcome: 200})
	rec, err := a.find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := ledgerbridge.CheckRow(rec.log.Source(), rec.row.Seq, &rec.row); err != nil {
		t.Errorf("it does not verify: %v", err)
	}
	v, err := a.ReadAuditEvent(t.Context(), a.as(agent.PrivacyOfficer, "HOPERAT"), id)
	if err != nil || !strings.Contains(string(v.Body), `"outcomeDesc":"permit: treatment"`) ||
		!strings.Contains(string(v.Body), `StructureDefinition/replaces","valueString":"hospital/n1/accesses.0/17"`) {
		t.Errorf("%v\n%s", err, v.Body)
	}
	if ids, _ := a.ask("reason=treatment&date=lt2026"); !slices.Equal(ids, []string{id}) {
		t.Errorf("found by its reason: %v", ids)
	}
}
