package access

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// population is a house with many patients whose Consents are of very many shapes, and
// resources that are theirs in every way there is.
type population struct {
	*house
	*rand.Rand
	patients int
	moved    []string // patients whose data has moved elsewhere
	tried    map[string]int
}

func newPopulation(t *testing.T, seed uint64, patients int) *population {
	return populate(newHouse(t), seed, patients)
}

func populate(h *house, seed uint64, patients int) *population {
	c := &population{house: h, Rand: rand.New(rand.NewPCG(seed, 3)), patients: patients, tried: map[string]int{}}
	c.put(`{"resourceType":"Organization","id":"hospital","name":"x"}`, `{"resourceType":"Organization","id":"other","name":"x"}`,
		`{"resourceType":"Medication","id":"m"}`, `{"resourceType":"Basic","id":"free","code":{"text":"x"}}`, `{"resourceType":"Basic","id":"hers","code":{"text":"x"},"subject":{"reference":"Patient/p1"}}`,
		`{"resourceType":"Basic","id":"freed","code":{"text":"x"},"subject":{"reference":"Patient/p2"}}`, `{"resourceType":"Basic","id":"freed","code":{"text":"x"}}`)
	c.team("Practitioner/doctor")
	c.emergency(c.calls()["emergency"], "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7")
	for i := range patients {
		p := fmt.Sprint("p", i)
		c.put(patientDoc(p))
		c.resources(p)
		for n := range c.IntN(3) {
			c.put(c.consent(p, n))
		}
	}
	return c
}

func (c *population) team(member string) {
	c.put(`{"resourceType":"CareTeam","id":"team","status":"active","participant":[{"member":{"reference":"` + member + `"}}]}`)
}

func (c *population) one(of ...string) string { return of[c.IntN(len(of))] }

func (c *population) other() string { return fmt.Sprint("p", c.IntN(c.patients)) }

// resources are those of one patient.
func (c *population) resources(p string) {
	label := func() string {
		switch c.IntN(4) {
		case 0:
			return `,"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"` + c.one("N", "R", "V") + `"}]}`
		case 1:
			return `,"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"` + c.one("PSY", "HIV") + `"}]}`
		}
		return ""
	}
	observation := func(id, more string) string {
		return `{"resourceType":"Observation","id":"` + id + `"` + label() + `,"status":"final","code":{"coding":[{"system":"s","code":"` + c.one("a", "b") + `"}]},"subject":{"reference":"Patient/` + p + `"}` + more + `}`
	}
	c.put(observation("o1-"+p, ""), observation("o2-"+p, `,"effectiveDateTime":"2026-01-01"`))
	c.put(`{"resourceType":"Condition","id":"c-` + p + `"` + label() + `,"subject":{"reference":"Patient/` + p + `"}}`)
	switch c.IntN(6) {
	case 0: // two patients
		c.put(observation("two-"+p, `,"performer":[{"reference":"Patient/`+c.other()+`"}]`))
	case 1: // moves
		c.moved = append(c.moved, p)
		c.put(observation("moved-"+p, ""), strings.Replace(observation("moved-"+p, ""), "Patient/"+p, "Patient/"+c.other(), 1))
	case 2: // with something inside
		c.put(observation("inside-"+p, `,"contained":[{"resourceType":"Condition","id":"in","subject":{"reference":"Patient/`+p+`"}}],"focus":[{"reference":"#in"}]`))
	case 3: // nobody's, and leads to her
		c.put(itemsDoc("l-"+p, "Observation/o1-"+p))
	case 4:
		c.put(binaryDoc("b-"+p, ""), `{"resourceType":"DocumentReference","id":"d-`+p+`","status":"current","subject":{"reference":"Patient/`+p+`"},"content":[{"attachment":{"url":"Binary/b-`+p+`"}}]}`)
	}
}

// consent makes one of a patient.
func (c *population) consent(p string, n int) string {
	status, when, scope := "active", "", "patient-privacy"
	if c.IntN(12) == 0 {
		status = "inactive"
	}
	if c.IntN(3) == 0 {
		when = fmt.Sprintf(`"dateTime":"%s",`, c.one("2020-01-01", "2026-05-04T11:00:00Z", "2026-05-04T12:30:00Z"))
	}
	if c.IntN(5) == 0 {
		scope = "research"
	}
	return fmt.Sprintf(`{"resourceType":"Consent","id":"c%d-%s","status":%q,"scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":%q}]},"category":[{"text":"c"}],%s"patient":{"reference":"Patient/%s"},"provision":%s}`,
		n, p, status, scope, when, p, c.provision(p, 0))
}

func (c *population) provision(p string, depth int) string {
	parts := []string{`"type":"` + c.one("permit", "permit", "deny") + `"`}
	add := func(oneIn int, text string) {
		if c.IntN(oneIn) == 0 {
			parts = append(parts, text)
		}
	}
	add(2, `"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"`+c.one("TREAT", "HRESCH", "PurposeOfUse")+`"}]`)
	add(3, `"actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"PRCP"}]},"reference":{"reference":"`+
		c.one("Practitioner/doctor", "CareTeam/team", "CareTeam/gone", "Organization/hospital", "Organization/other", "Patient/"+p, "RelatedPerson/"+p)+`"}}]`)
	add(4, `"class":[{"system":"http://hl7.org/fhir/resource-types","code":"`+c.one("Observation", "Condition")+`"}]`)
	add(8, `"code":[{"coding":[{"system":"s","code":"a"}]}]`)
	add(8, `"securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]`)
	add(10, `"data":[{"meaning":"`+c.one("instance", "related")+`","reference":{"reference":"Observation/o1-`+p+`"}}]`)
	add(6, `"period":{"start":"2020","end":"`+c.one("2026-05-04T12:20:00Z", "2030")+`"}`)
	add(12, `"action":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentaction","code":"`+c.one("access", "correct")+`"}]}]`)
	if depth < 2 && c.IntN(3) == 0 {
		parts = append(parts, `"provision":[`+c.provision(p, depth+1)+`]`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// calls are of callers of every kind.
func (c *population) calls() map[string]*Call {
	call := func(role, purpose, subject string) *Call {
		call := c.as(role, purpose)
		call.Agent.Subject, call.Agent.Actors = subject, []string{subject, "Organization/hospital"}
		return call
	}
	guest := call(agent.Practitioner, "TREAT", "Practitioner/guest")
	guest.Agent.Organization, guest.Agent.Actors = "other", []string{"Practitioner/guest", "Organization/other"}
	own := c.patient("Patient/p1")
	own.Agent.Actors = []string{"Patient/p1", "RelatedPerson/p2"}
	narrow := call(agent.Practitioner, "TREAT", "Practitioner/nurse")
	narrow.Agent.Patient, narrow.Agent.Scopes[0].Context = "Patient/p3", "patient"
	return map[string]*Call{
		"doctor": call(agent.Practitioner, "TREAT", "Practitioner/doctor"), "researcher": call(agent.Practitioner, "HRESCH", "Practitioner/doctor"),
		"guest": guest, "system": c.system(), "patient": own, "narrow": narrow, "office": call(agent.PrivacyOfficer, "HOPERAT", "Practitioner/officer"),
		"emergency": call(agent.Practitioner, "BTG", "Practitioner/nurse"),
	}
}

// callers begin a review as a request of their own does.
func (c *population) callers() map[string]*review {
	_, epoch, err := c.Store.Consents(c.Context(), "Patient/p1")
	if err != nil {
		c.Fatal(err)
	}
	all := map[string]*review{}
	for name, call := range c.calls() {
		all[name] = c.begun(name, call, epoch)
	}
	return all
}

func (c *population) begun(name string, call *Call, epoch int64) (r *review) {
	c.Helper()
	for changed := store.ErrChanged; errors.Is(changed, store.ErrChanged); changed = r.stillIs(c.Context(), epoch) {
		if r = c.Gate.review(call); r.identify(c.Context()) != nil {
			c.Fatal("who calls is not found")
		}
	}
	return r
}

// versions are all versions of all resources of a type, the current ones first.
func (c *population) versions(typ string) (current, past []store.Version) {
	all := func(store.Row) (bool, error) { return true, nil }
	q, err := search.ParseQuery(typ, nil, search.QueryOptions{})
	if err != nil {
		c.Fatal(err)
	}
	page, err := c.Store.Search(c.Context(), store.Search{Query: q, Visible: all, Limit: 5000})
	if err != nil {
		c.Fatal(err)
	}
	old, err := c.Store.History(c.Context(), store.History{Type: typ, Visible: all, Limit: 5000})
	if err != nil {
		c.Fatal(err)
	}
	return page.Matches, old.Matches
}

// agrees holds that what is certain is what row says, of every row.
func (c *population) agrees(who string, r *review, q question, actions []string, current, past []store.Version) {
	c.Helper()
	ctx := c.Context()
	epoch := current[0].Epoch
	sight, err := r.look(ctx, q, actions, epoch)
	if err != nil {
		c.Fatal(err)
	}
	grouped := map[string]bool{}
	for _, g := range sight.Groups {
		for _, p := range g.Patients {
			if grouped[p] {
				c.Fatalf("%s: %s is in two groups of %+v", who, p, sight)
			}
			grouped[p] = true
		}
	}
	hidden := map[fhir.Ref]bool{}
	for i := range current {
		v := &current[i]
		is := sight.Of(&v.Facts, v.Owner)
		c.tried[fmt.Sprint(who, " ", is)]++
		if hidden[v.Ref] = is == store.Hidden; is == store.ByRow {
			continue
		}
		if c.judge(r, q, actions, v) != (is == store.Shown) {
			c.Fatalf("%s: %s is certainly %d\n%+v\n%+v", who, v.Ref, is, v.Facts, sight)
		}
	}
	for i := range past {
		if v := &past[i]; strings.HasPrefix(q.interaction, "history") && hidden[v.Ref] {
			if c.tried[who+" past"]++; c.judge(r, q, actions, v) {
				c.Fatalf("%s: version %d of %s is visible, though the current one is certainly hidden\n%+v", who, v.Version, v.Ref, v.Facts)
			}
		}
	}
}

// judge is the judgement of row, by other actions if these are not those of the question.
func (c *population) judge(r *review, q question, actions []string, v *store.Version) bool {
	c.Helper()
	facts := v.Facts
	row := rowOf(v)
	row.Facts = &facts
	may, err := r.row(c.Context(), q, row)
	if !slices.Equal(actions, r.actions(q)) {
		d := r.decide(c.Context(), q)
		if may = d.Allow && within(d.Constraints, q, row); may && err == nil {
			may, err = r.inEmergency(c.Context(), row)
		}
		if err == nil && may {
			may, err = r.agreed(c.Context(), d, actions, row)
		}
	}
	if err != nil {
		c.Fatal(err)
	}
	return may
}

func (c *population) agreeAll(only ...string) {
	c.Helper()
	for _, typ := range []string{"Observation", "Condition", "Patient", "Basic", "Medication", "DocumentReference", "List", "Consent"} {
		current, past := c.versions(typ)
		if len(current) == 0 {
			continue
		}
		for who, r := range c.callers() {
			if len(only) > 0 && !slices.Contains(only, who) {
				continue
			}
			c.agrees(who, r, question{"search-type", "s", typ}, []string{"access"}, current, past)
			c.agrees(who, r, question{"history-type", "s", typ}, []string{"access"}, current, past)
			c.agrees(who, r, question{"search-type", "s", typ}, []string{"correct"}, current, past)
			c.agrees(who, r, question{"update", "u", typ}, []string{"correct", "access"}, current, past)
		}
	}
}

// What is certain of a set of rows is what is decided about each of them, for every caller,
// and stays so when Consents are written, teams change and periods end.
func TestWhatIsCertainIsDecidedAlike(t *testing.T) {
	for seed := range uint64(2) {
		c := newPopulation(t, seed, 60)
		c.agreeAll()
		for range 3 {
			p := c.other()
			c.put(c.consent(p, c.IntN(3)))
			c.agreeAll()
		}
		c.team("Practitioner/nurse")
		c.agreeAll()
		later := c.Gate.Now().Add(25 * time.Minute)
		c.Gate.Now = func() time.Time { return later }
		c.agreeAll()
		later = later.Add(25 * time.Minute)
		c.agreeAll()
		for _, who := range []string{"doctor", "researcher", "guest", "system", "patient", "narrow", "emergency"} {
			shown, hidden := c.tried[who+" 2"], c.tried[who+" 1"]
			if shown < 100 || hidden < 100 && who != "system" {
				t.Errorf("%s: %d are certainly shown, %d hidden: hardly tried", who, shown, hidden)
			}
		}
		if t.Log(c.tried); c.tried["researcher past"] < 100 {
			t.Error("hardly any past version is certainly hidden")
		}
	}
}

// stated decides what a test says.
type stated struct{ policy.Decision }

func (s *stated) Decide(context.Context, policy.Input) (policy.Decision, error) {
	return s.Decision, nil
}

// So it is with every constraint that a policy can make.
func TestWhatIsCertainIsWithinConstraints(t *testing.T) {
	c := newPopulation(t, 9, 30)
	c.agreeAll() // the base policy
	s := &stated{}
	c.Gate.Policy = s
	maybe := func(value string) string {
		if c.IntN(2) == 0 {
			return ""
		}
		return value
	}
	list := func(values ...string) []string {
		if c.IntN(2) == 0 {
			return nil
		}
		return values
	}
	for range 120 {
		s.Decision = policy.Decision{Allow: c.IntN(20) > 0, Reason: "local-permit", Consent: c.one(policy.Forbids, policy.Permits, policy.None), Constraints: policy.Constraints{
			Types: list("Observation", "Basic", "Patient"), Compartment: maybe("Patient/" + c.one(c.other(), c.one(c.moved...))), SharedTypes: list("Basic", "Medication"),
			Uncompartmented: list(c.one("Basic", "Medication")), Owner: maybe(c.one("hospital", "other")), Author: maybe("Practitioner/doctor"), Labels: list("http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R", "http://terminology.hl7.org/CodeSystem/v3-ActCode|SPI"),
		}}
		c.agreeAll("doctor")
	}
	t.Log(c.tried)
}

// A search that rests on what is certain of all patients rests on all their Consents, and
// one that does not rests on those whom it met.
func TestWhatIsCertainRestsOnEverybody(t *testing.T) {
	h := ward(t)
	r := h.Gate.review(h.as(agent.Practitioner, "TREAT"))
	if err := r.identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	sights := r.sight(t.Context(), "search-type", "s")
	if r.judged().All {
		t.Error("rests on everybody before anybody was asked")
	}
	s, err := sights("Observation", 1)
	if err != nil || len(s.Groups) != 1 || s.Groups[0].Is != store.Hidden || s.Rest != store.Shown {
		t.Fatalf("%+v, %v", s, err)
	}
	if j := r.judged(); !j.All || j.Epoch != 1 {
		t.Errorf("rests on %+v", j)
	}
	r.begin(question{"search-type", "s", "Observation"}, policy.Decision{Allow: true})
	r.concern([]string{"Patient/hidden", "Patient/seen"})
	if err := r.conclude(t.Context(), nil); err != nil || len(r.entry.Patients) != 2 || !slices.Equal(r.entry.Patients[0].Consents, []string{"Consent/c1/_history/1"}) || r.entry.Patients[1].Consents != nil {
		t.Errorf("the record names %+v, %v", r.entry.Patients, err)
	}
	h.Gate.Consents = consent.NewRegistry(NewFinder(h.faulty))
	h.faulty.fail = map[string]error{"EachConsent": context.DeadlineExceeded}
	fails := h.Gate.review(h.as(agent.Practitioner, "TREAT"))
	if _, err := fails.look(t.Context(), question{"search-type", "s", "Observation"}, []string{"access"}, 1); kindOf(err) != fhir.Unavailable {
		t.Errorf("Consents that cannot be read: %v", err)
	}
}

// Of very many Consents that name others, few are looked up; what is not known then is
// left to each row.
func TestFewAreLookedUpToForesee(t *testing.T) {
	h := newHouse(t)
	var documents []string
	for i := range mostForeseen + 20 {
		p := fmt.Sprint("p", i)
		documents = append(documents, patientDoc(p), strings.Replace(denialDoc("c-"+p, p), `"type":"deny"`, fmt.Sprintf(`"type":"deny","actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"PRCP"}]},"reference":{"reference":"CareTeam/t%d"}}]`, i), 1))
	}
	h.putAll(documents)
	call := h.as(agent.Practitioner, "TREAT")
	call.Agent.Actors = []string{"Practitioner/doctor"}
	r := h.Gate.review(call)
	if _, err := r.look(t.Context(), question{"search-type", "s", "Observation"}, []string{"access"}, 1_000_000); kindOf(err) != fhir.Unavailable {
		t.Errorf("Consents of another time: %v", err)
	}
	_, epoch, err := h.Store.Consents(t.Context(), "Patient/p1")
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.look(t.Context(), question{"search-type", "s", "Observation"}, []string{"access"}, epoch)
	if err != nil {
		t.Fatal(err)
	}
	hidden, open := 0, 0
	for _, g := range s.Groups {
		switch g.Is {
		case store.Hidden:
			hidden += len(g.Patients)
		case store.ByRow:
			open += len(g.Patients)
		}
	}
	if hidden != mostForeseen || open != 20 || len(r.directory.versions) > mostForeseen {
		t.Errorf("%d are certainly hidden, %d not known, %d looked up", hidden, open, len(r.directory.versions))
	}
}

// What is known of a later time, when periods have begun, says nothing about a request that
// began before.
func TestEarlierRequestsAreJudgedByRow(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p1"), strings.Replace(denialDoc("c1", "p1"), `"patient":`, `"dateTime":"2026-05-04T12:30:00Z","patient":`, 1))
	for _, r := range []struct {
		at   time.Time
		rest store.Sure
		of   int
	}{{time.Date(2026, 5, 4, 12, 40, 0, 0, time.UTC), store.Shown, 1}, {time.Date(2026, 5, 4, 12, 10, 0, 0, time.UTC), store.ByRow, 0}} {
		h.Gate.Now = func() time.Time { return r.at }
		s, err := h.Gate.review(h.as(agent.Practitioner, "TREAT")).look(t.Context(), question{"search-type", "s", "Observation"}, []string{"access"}, 1)
		if err != nil || s.Rest != r.rest || len(s.Groups) != r.of {
			t.Errorf("at %s: %+v, %v", r.at, s, err)
		}
	}
}
