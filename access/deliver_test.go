package access

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// made does a request whose answer is to be delivered later.
func (h *house) made(c *Call, do func(c *Call) error) *Basis {
	h.Helper()
	c.Basis = new(Basis)
	if err := do(c); err != nil {
		h.Fatal(err)
	}
	b := c.Basis
	c.Basis = nil
	return b
}

func (h *house) searched(c *Call, typ, query string) *Basis {
	h.Helper()
	return h.made(c, func(c *Call) error {
		_, err := h.Search(h.Context(), c, SearchRequest{Type: typ, Params: params(query)})
		return err
	})
}

// delivers says whether an answer may still leave, and checks that it leaves one record.
func (h *house) delivers(c *Call, b *Basis, want bool, record string) {
	h.Helper()
	told := h.told()
	stands, err := h.Deliver(h.Context(), c, b)
	if err != nil || stands != want {
		h.Errorf("stands %v, %v", stands, err)
	}
	if got := told(); len(got) != 1 || got[0] != record {
		h.Errorf("\n got %q\nwant %q", got, record)
	}
}

// An answer that leaves later leaves a record of its own, which names whom it concerns and
// what it shows, like the record of the request.
func TestDeliveriesAreRecorded(t *testing.T) {
	h := ward(t)
	doctor := h.as(agent.Practitioner, "TREAT")
	told := h.told()
	b := h.searched(doctor, "Observation", "status=final")
	first := told()
	if len(first) != 1 || !strings.Contains(first[0], "GET Observation/s1") {
		t.Fatalf("%q", first)
	}
	h.delivers(doctor, b, true, first[0])
	h.delivers(doctor, b, true, first[0])
	b = h.searched(doctor, "Observation", "status=final&_summary=count")
	first = told()
	h.delivers(doctor, b, true, first[len(first)-1])
}

// What was recorded of several requests is delivered with one record.
func TestDeliveriesOfSeveral(t *testing.T) {
	h := ward(t)
	doctor := h.as(agent.Practitioner, "TREAT")
	b := h.made(doctor, func(c *Call) error {
		if _, err := h.Search(t.Context(), c.Entry(), SearchRequest{Type: "Patient", Params: params("_id=seen")}); err != nil {
			return err
		}
		_, _ = h.Read(t.Context(), c.Entry(), ref("Observation/h1"))
		_, err := h.Apply(t.Context(), c.Entry(), []Operation{h.post(observationDoc("x", "seen"))})
		return err
	})
	posted := ""
	for _, i := range b.items {
		if i.Method == "POST" {
			posted = i.Ref
		}
	}
	h.delivers(doctor, b, true, "permit 200 batch   [hidden seen] [GET "+posted+" GET Patient/seen]")
}

// An answer does not leave if a Consent, a label, who the caller is or what may be done has
// changed since, and that is recorded as well.
func TestDeliveriesAreDecidedAsTheyLeave(t *testing.T) {
	labels := consentDoc("l", `{'type':'permit','provision':[{'type':'deny','securityLabel':[{'system':'http://terminology.hl7.org/CodeSystem/v3-Confidentiality','code':'V'}]}]}`)
	for name, c := range map[string]struct {
		change func(*house, *Call)
		stands bool
	}{
		"a Consent of a patient shown":   {func(h *house, _ *Call) { h.put(denialDoc("d", "seen")) }, false},
		"a Consent that denies no more":  {func(h *house, _ *Call) { h.put(strings.Replace(denialDoc("c1", "hidden"), "active", "inactive", 1)) }, false},
		"another scope":                  {func(_ *house, c *Call) { c.Agent.Scopes[0].Type = "Patient" }, false},
		"a label of the resource":        {func(h *house, _ *Call) { h.put(secret(observationDoc("o", "p"))) }, false},
		"another patient's Consent":      {func(h *house, _ *Call) { h.put(patientDoc("far"), denialDoc("f", "far")) }, true},
		"the resource was changed since": {func(h *house, _ *Call) { h.put(amended(observationDoc("s1", "seen"))) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := ward(t)
			h.put(patientDoc("p"), observationDoc("o", "p"), labels)
			doctor := h.as(agent.Practitioner, "TREAT")
			b := h.searched(doctor, "Observation", "status=final")
			c.change(h, doctor)
			told := h.told()
			stands, err := h.Deliver(t.Context(), doctor, b)
			got := told()
			if err != nil || stands != c.stands || len(got) != 1 {
				t.Fatalf("stands %v, %v: %q", stands, err, got)
			}
			if !stands && (strings.Contains(got[0], "GET") || !strings.Contains(got[0], "[hidden p seen]") || !strings.Contains(got[0], " 202 ")) {
				t.Errorf("%q", got)
			}
		})
	}
}

// A label may hide what the caller saw.
func secret(document string) string {
	return strings.Replace(document, `"status"`, `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}]},"status"`, 1)
}

// A total that is older than a minute is counted again.
func TestOldTotalsAreCountedAgain(t *testing.T) {
	h := ward(t)
	doctor := h.as(agent.Practitioner, "TREAT")
	b := h.searched(doctor, "Observation", "status=final&_summary=count")
	if stands, err := h.Deliver(t.Context(), doctor, b); err != nil || !stands {
		t.Fatal(stands, err)
	}
	now := h.Now()
	h.Gate.Now = func() time.Time { return now.Add(time.Minute) }
	if stands, err := h.Deliver(t.Context(), doctor, b); err != nil || stands {
		t.Error(stands, err)
	}
}

// A total leaves only if the policy says today what it said.
func TestTotalsAreDecidedAsTheyLeave(t *testing.T) {
	h := ward(t)
	doctor := h.as(agent.Practitioner, "TREAT")
	b := h.searched(doctor, "Observation", "status=final&_summary=count")
	doctor.Agent.Scopes[0].Type = "Patient"
	told := h.told()
	if stands, err := h.Deliver(t.Context(), doctor, b); err != nil || stands {
		t.Error(stands, err)
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "deny 202 search-type") {
		t.Errorf("%q", got)
	}
}

// Who has another subject, purpose, role or patient is another caller.
func TestCallersAreTold(t *testing.T) {
	h := ward(t)
	doctor := h.as(agent.Practitioner, "TREAT").Agent
	other := doctor
	other.Purpose = "HRESCH"
	same := doctor
	same.Scopes = nil
	if SameCaller(&doctor, &other) || !SameCaller(&doctor, &same) {
		t.Error("callers are mixed up")
	}
}

// What was written is shown later only if its writer may see it then.
func TestWhatWasWrittenIsShownLaterAsItMayBe(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"))
	doctor := h.as(agent.Practitioner, "TREAT")
	create := func(c *Call) error {
		_, err := h.Apply(t.Context(), c.Entry(), []Operation{h.post(observationDoc("x", "p"))})
		return err
	}
	b := h.made(doctor, create)
	b.judged, b.items[0].Version = store.Judged{}, 1
	if stands, err := h.Deliver(t.Context(), doctor, b); err != nil || !stands {
		t.Fatal(stands, err)
	}
	h.put(denialDoc("d", "p"))
	told := h.told()
	if stands, err := h.Deliver(t.Context(), doctor, b); err != nil || stands {
		t.Error(stands, err)
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "permit 202 create Observation/") || !strings.HasSuffix(got[0], "  [p] []") {
		t.Errorf("%q", got)
	}
	h.remove("Consent/d")
	b = h.made(doctor, func(c *Call) error { return errors.Join(create(c), create(c)) })
	b.judged = store.Judged{}
	b.items[1].Version = 99
	told()
	if stands, err := h.Deliver(t.Context(), doctor, b); err != nil || stands {
		t.Error(stands, err)
	}
	if got := told(); len(got) != 1 || strings.Contains(got[0], "GET") {
		t.Errorf("of an answer that does not leave: %q", got)
	}
}

// Who may see AuditEvents is not decided like that of resources: an answer with some does
// not leave later.
func TestAuditEventsAreNotShownLater(t *testing.T) {
	h := ward(t)
	officer := h.as(agent.PrivacyOfficer, "HOPERAT")
	b := h.made(officer, func(c *Call) error {
		_, err := h.SearchAuditEvents(t.Context(), c.Entry(), SearchRequest{Type: "AuditEvent"})
		return err
	})
	if stands, err := h.Deliver(t.Context(), officer, b); err != nil || stands {
		t.Error(stands, err)
	}
}

// A total leaves only for scopes with the same search parameters: policies do not see them.
func TestTotalsAreNotDeliveredForOtherParameters(t *testing.T) {
	for _, way := range [][2]string{{"", "status=final"}, {"status=final", "status=amended"}, {"status=final", ""}} {
		h := ward(t)
		doctor := h.as(agent.Practitioner, "TREAT")
		scope := func(query string) {
			doctor.Agent.Scopes = []agent.Scope{{Context: "user", Type: "Observation", Actions: "rs", Query: query}}
		}
		scope(way[0])
		b := h.searched(doctor, "Observation", "_summary=count")
		if stands, err := h.Deliver(t.Context(), doctor, b); err != nil || !stands {
			t.Fatal(stands, err)
		}
		scope(way[1])
		if stands, err := h.Deliver(t.Context(), doctor, b); err != nil || stands {
			t.Errorf("%q: %v, %v", way, stands, err)
		}
	}
}

// What was made under a grant does not leave once that has ended: 401, with a record.
func TestNothingIsDeliveredAfterTheEndOfAGrant(t *testing.T) {
	h := ownHouse(t)
	h.put(patientDoc("seen"), observationDoc("s1", "seen"))
	keep := func(version int64) {
		k := Authorization{Interaction: "authorize", Keep: []store.Kept{grantRow("g", version)}}
		if err := h.Authorize(t.Context(), h.as(agent.Practitioner, "TREAT"), k); err != nil {
			t.Fatal(err)
		}
	}
	keep(0)
	doctor := h.as(agent.Practitioner, "TREAT")
	doctor.Agent.Grant = "g"
	b := h.searched(doctor, "Observation", "status=final&_summary=count")
	b.judged = store.Judged{} // as if no Consent were asked
	if stands, err := h.Deliver(t.Context(), doctor, b); err != nil || !stands {
		t.Fatal(stands, err)
	}
	keep(1)
	told := h.told()
	if stands, err := h.Deliver(t.Context(), doctor, b); kindOf(err) != fhir.Unauthenticated || stands {
		t.Error(stands, err)
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "deny 401") {
		t.Errorf("%q", got)
	}
}
