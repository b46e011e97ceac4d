package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// consentDoc is a Consent of Patient/p with this provision; ' stands for ".
func consentDoc(id, provision string) string {
	doc := denialDoc(id, "p")
	return strings.Replace(doc, `{"type":"deny"}`, strings.ReplaceAll(provision, "'", `"`), 1)
}

// actorDoc is a Consent of Patient/p about one actor: a reference, or another member of
// Reference.
func actorDoc(typ, actor string) string {
	if !strings.Contains(actor, ":") || strings.HasPrefix(actor, "http") {
		actor = `'reference':'` + actor + `'`
	}
	return consentDoc("c", `{'type':'`+typ+`','actor':[{'role':{'coding':[{'system':'http://terminology.hl7.org/CodeSystem/v3-ParticipationType','code':'PRCP'}]},'reference':{`+actor+`}}]}`)
}

func document(text string) string { return strings.ReplaceAll(text, "'", `"`) }

func careTeam(id, more string, members ...string) string {
	var list []string
	for _, m := range members {
		list = append(list, `{'member':{'reference':'`+m+`'}}`)
	}
	return document(fmt.Sprintf(`{'resourceType':'CareTeam','id':'%s'%s,'participant':[%s]}`, id, more, strings.Join(list, ",")))
}

func group(id, more string, members ...string) string {
	var list []string
	for _, m := range members {
		list = append(list, `{'entity':{'reference':'`+m+`'}}`)
	}
	return document(fmt.Sprintf(`{'resourceType':'Group','id':'%s','type':'practitioner'%s,'member':[%s]}`, id, more, strings.Join(list, ",")))
}

// clinic is a house with a patient and who may be meant by a Consent of hers.
func clinic(t *testing.T) *house {
	h := newHouse(t)
	h.put(patientDoc("p"), observationDoc("o", "p"),
		document(`{'resourceType':'Organization','id':'ministry','name':'m','identifier':[{'system':'urn:org','value':'top'}]}`),
		document(`{'resourceType':'Organization','id':'trust','name':'t','partOf':{'reference':'Organization/ministry'}}`),
		document(`{'resourceType':'Organization','id':'hospital','name':'h','partOf':{'reference':'Organization/trust'}}`),
		document(`{'resourceType':'Organization','id':'elsewhere','name':'e'}`),
		document(`{'resourceType':'Practitioner','id':'1','identifier':[{'system':'urn:npi','value':'7'}]}`),
		document(`{'resourceType':'Practitioner','id':'2','identifier':[{'system':'urn:npi','value':'8'}]}`),
		document(`{'resourceType':'PractitionerRole','id':'here','practitioner':{'reference':'Practitioner/1'},'organization':{'reference':'Organization/hospital'}}`),
		document(`{'resourceType':'PractitionerRole','id':'there','practitioner':{'reference':'Practitioner/1'},'organization':{'reference':'Organization/elsewhere'}}`),
		document(`{'resourceType':'PractitionerRole','id':'past','practitioner':{'reference':'Practitioner/1'},'period':{'end':'2020'}}`),
		document(`{'resourceType':'PractitionerRole','id':'other','practitioner':{'reference':'Practitioner/2'}}`),
		careTeam("mine", "", "Practitioner/1"), careTeam("role", "", "PractitionerRole/here"), careTeam("house", "", "Organization/trust"),
		careTeam("outer", "", "CareTeam/mine"), careTeam("ended", `,'status':'inactive'`, "Practitioner/1"), careTeam("others", "", "Practitioner/2"),
		careTeam("planned", `,'status':'proposed'`, "Practitioner/1"),
		document(`{'resourceType':'CareTeam','id':'unnamed','participant':[{'member':{'display':'a nurse'}}]}`),
		group("mine", `,'actual':true`, "Practitioner/1"), group("others", `,'actual':true`, "Practitioner/2"),
		document(`{'resourceType':'Group','id':'described','type':'practitioner','actual':false,'characteristic':[{'code':{'text':'c'},'valueBoolean':true,'exclude':false}]}`))
	return h
}

func (h *house) doctor(organization string) *Call {
	c := h.as(agent.Practitioner, "TREAT")
	c.Agent.Organization = organization
	c.Agent.Actors = []string{"Organization/" + organization, "Practitioner/1", "https://elsewhere.example/fhir/Practitioner/9"}
	return c
}

// shown says whether the observation is read, and found.
func (h *house) shown(c *Call) bool {
	h.Helper()
	_, err := h.Read(h.Context(), c, ref("Observation/o"))
	if err != nil && kindOf(err) != fhir.NotFound {
		h.Errorf("read: %v", err)
	}
	res, failed := h.Search(h.Context(), c, SearchRequest{Type: "Observation"})
	if failed != nil || (len(res.Matches) > 0) != (err == nil) {
		h.Errorf("read %v, search %v, %v", err, res, failed)
	}
	return err == nil
}

// Whom a Consent means is resolved in the store; who cannot be resolved may be meant, so
// that a deny holds and a permit does not.
func TestActorsAreResolved(t *testing.T) {
	h := clinic(t)
	for _, c := range []struct {
		actor           string
		denied, granted bool // the doctor is denied, or as a guest granted
	}{
		{"Practitioner/1", true, true},
		{"Practitioner/2", false, false},
		{"PractitionerRole/here", true, false}, // a guest's role here is only possible
		{"PractitionerRole/there", true, true},
		{"PractitionerRole/past", false, false},
		{"PractitionerRole/other", false, false},
		{"PractitionerRole/absent", true, false},
		{"Organization/hospital", true, false},
		{"Organization/elsewhere", true, true},
		{"Organization/trust", true, false},
		{"Organization/ministry", true, false},
		{"CareTeam/mine", true, true},
		{"CareTeam/role", true, false},
		{"CareTeam/house", true, false},
		{"CareTeam/outer", true, true},
		{"CareTeam/ended", false, false},
		{"CareTeam/others", false, false},
		{"CareTeam/planned", true, false},
		{"CareTeam/unnamed", true, false},
		{"CareTeam/absent", true, false},
		{"Group/mine", true, true},
		{"Group/others", false, false},
		{"Group/described", true, false},
		{`'identifier':{'system':'urn:npi','value':'7'}`, true, true},
		{`'identifier':{'system':'urn:npi','value':'8'}`, false, false},
		{`'identifier':{'system':'urn:org','value':'top'}`, true, false},
		{`'identifier':{'system':'urn:tax','value':'7'}`, true, false},
		{"https://elsewhere.example/fhir/Practitioner/9", true, true},
		{"https://elsewhere.example/fhir/Practitioner/8", true, false},
	} {
		h.put(actorDoc("deny", c.actor))
		if got := !h.shown(h.doctor("hospital")); got != c.denied {
			t.Errorf("deny of %s: hidden %v", c.actor, got)
		}
		h.put(actorDoc("permit", c.actor))
		if got := h.shown(h.doctor("elsewhere")); got != c.granted {
			t.Errorf("permit of %s: shown %v", c.actor, got)
		}
	}
}

// Who leaves or joins a team is another one in the next request, on every node.
func TestMembershipsBindTheNextRequest(t *testing.T) {
	h := clinic(t)
	node := New(h.Config) // another node of the same store, with caches of its own
	other := &house{TB: t, Gate: node, faulty: h.faulty, policy: h.policy}
	check := func(what string, want bool) {
		t.Helper()
		for i, at := range []*house{h, other} {
			if got := at.shown(h.doctor("hospital")); got != want {
				t.Errorf("%s, node %d: shown %v", what, i, got)
			}
		}
	}
	h.put(actorDoc("deny", "CareTeam/mine"))
	check("member of the care team", false)
	h.put(careTeam("mine", "", "Practitioner/2"))
	check("left the care team", true)
	h.put(careTeam("mine", "", "Practitioner/2", "Practitioner/1"))
	check("joined the care team", false)
	h.put(careTeam("mine", `,'status':'inactive'`, "Practitioner/1"))
	check("the care team has ended", true)
	h.put(actorDoc("deny", "Group/others"))
	check("not in the group", true)
	h.put(group("others", `,'actual':true`, "Practitioner/1"))
	check("in the group", false)
	h.put(actorDoc("deny", "Organization/ministry"))
	check("below the ministry", false)
	h.put(document(`{'resourceType':'Organization','id':'trust','name':'t'}`))
	check("no longer below the ministry", true)
	h.put(actorDoc("deny", `'identifier':{'system':'urn:npi','value':'70'}`))
	check("another identifier", true)
	h.put(document(`{'resourceType':'Practitioner','id':'1','identifier':[{'system':'urn:npi','value':'70'}]}`))
	check("that identifier", false)
	h.put(actorDoc("deny", "PractitionerRole/other"))
	check("not in the role", true)
	h.put(document(`{'resourceType':'PractitionerRole','id':'other','practitioner':{'reference':'Practitioner/1'}}`))
	check("in the role", false)
	if _, err := h.Apply(t.Context(), h.system(), []Operation{{Method: "DELETE", Ref: ref("PractitionerRole/other")}}); err != nil {
		t.Fatal(err)
	}
	check("the role is gone, and whose it was is not known", false)
}

// A membership ends in time, without a write.
func TestMembershipsEndInTime(t *testing.T) {
	h := clinic(t)
	h.put(document(`{'resourceType':'CareTeam','id':'mine','participant':[{'member':{'reference':'Practitioner/1'},'period':{'end':'2026-05-04T12:10:00Z'}}]}`),
		actorDoc("deny", "CareTeam/mine"))
	if h.shown(h.doctor("hospital")) {
		t.Error("shown to a member")
	}
	clock := h.Now
	later := clock().AddDate(0, 0, 1)
	h.Now = func() time.Time { return later }
	if !h.shown(h.doctor("hospital")) {
		t.Error("hidden from who was a member until yesterday")
	}
}

// Who calls is looked up once, not for each request, and not again when others change.
func TestCallersAreRemembered(t *testing.T) {
	h := clinic(t)
	h.shown(h.doctor("hospital"))
	h.faulty.searched = 0
	for range 5 {
		h.shown(h.doctor("hospital"))
	}
	h.put(careTeam("others", "", "Practitioner/3"), actorDoc("deny", "CareTeam/others"))
	h.shown(h.doctor("hospital"))
	if h.faulty.searched != 6 {
		t.Errorf("%d searches for 6 questions", h.faulty.searched)
	}
}

// The record rests on who the caller was found to be.
func TestRecordsRestOnTheCaller(t *testing.T) {
	h := clinic(t)
	h.faulty.judged = nil
	h.shown(h.doctor("hospital"))
	for _, key := range []string{"Patient/p", "Practitioner/1", "CareTeam/mine", "Organization/trust"} {
		if !slices.Contains(h.faulty.judged[0].Keys, key) {
			t.Errorf("judged by %v without %s", h.faulty.judged[0].Keys, key)
		}
	}
}

// Who cannot be identified gets nothing.
func TestCallersWhoCannotBeIdentified(t *testing.T) {
	h := clinic(t)
	h.faulty.fail = map[string]error{"Search": errors.New("disk")}
	if _, err := h.Read(t.Context(), h.doctor("hospital"), ref("Observation/o")); kindOf(err) != fhir.Unavailable {
		t.Errorf("%v", err)
	}
}

// Who changes a resource must be one who may read it; own systems need not.
func TestWhoChangesMustSee(t *testing.T) {
	h := clinic(t)
	h.put(consentDoc("c", `{'type':'deny'}`))
	change := func(c *Call, method string) error {
		op := Operation{Method: method, Ref: ref("Observation/o")}
		if method == "PUT" {
			op.Resource = h.parse(observationDoc("o", "p"))
		}
		_, err := h.Apply(t.Context(), c, []Operation{op})
		return err
	}
	if err := change(h.doctor("hospital"), "PUT"); kindOf(err) != fhir.NotFound {
		t.Errorf("PUT of what is hidden: %v", err)
	}
	if err := change(h.doctor("hospital"), "DELETE"); err != nil {
		t.Errorf("DELETE of what is hidden: %v", err)
	}
	if v, err := h.Store.Get(t.Context(), ref("Observation/o")); err != nil || v.Version != 1 {
		t.Errorf("it was changed: version %d, %v", v.Version, err)
	}
	if _, err := h.Apply(t.Context(), h.doctor("hospital"), []Operation{{Method: "POST", Ref: fhir.Ref{Type: "Observation"}, Resource: h.parse(observationDoc("x", "p"))}}); err != nil {
		t.Errorf("own staff records: %v", err)
	}
	if err := change(h.system(), "PUT"); err != nil {
		t.Errorf("own systems amend: %v", err)
	}
	h.put(strings.Replace(consentDoc("c", `{'type':'permit'}`), `"permit"}`, `"deny","action":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentaction","code":"collect"}]}]}`, 1))
	if _, err := h.Apply(t.Context(), h.doctor("hospital"), []Operation{{Method: "POST", Ref: fhir.Ref{Type: "Observation"}, Resource: h.parse(observationDoc("x", "p"))}}); kindOf(err) != fhir.Forbidden {
		t.Errorf("own staff records though collect is denied: %v", err)
	}
	if err := change(h.system(), "PUT"); err != nil {
		t.Errorf("own systems amend, though collect is denied: %v", err)
	}
}

// What a Consent refers to and cannot be read now is no answer.
func TestDirectoryFailures(t *testing.T) {
	h := clinic(t)
	h.put(actorDoc("deny", "CareTeam/others"))
	if !h.shown(h.doctor("hospital")) {
		t.Error("hidden from who is no member")
	}
	h.faulty.fail = map[string]error{"Get": errors.New("disk")}
	if _, err := h.Search(t.Context(), h.doctor("hospital"), SearchRequest{Type: "Observation"}); kindOf(err) != fhir.Unavailable {
		t.Errorf("%v", err)
	}
}
