package access

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

func everythingOf(text, query string) func(*house, *Call) error {
	return func(h *house, c *Call) error {
		_, err := h.Everything(h.Context(), c, EverythingRequest{Ref: ref(text), Params: params(query)})
		return err
	}
}

func TestEverythingIsRecorded(t *testing.T) {
	h := ward(t)
	told := h.told()
	for _, a := range []asked{
		{"seen", everythingOf("Patient/seen", ""), 0, "permit 200 everything Patient/seen  [seen] [GET Observation/s1 GET Patient/seen]"},
		{"one type", everythingOf("Patient/seen", "_type=Observation"), 0, "permit 200 everything Patient/seen _type=Observation [seen] [GET Observation/s1]"},
		{"nothing since", everythingOf("Patient/seen", "_since=2100-01-01T00:00:00Z"), 0, "permit 200 everything Patient/seen _since=2100-01-01T00%3A00%3A00Z [seen] []"},
		{"hidden", everythingOf("Patient/hidden", ""), fhir.NotFound, "deny 404 everything Patient/hidden  [hidden] []"},
		{"absent", everythingOf("Patient/nobody", ""), fhir.NotFound, "permit 404 everything Patient/nobody  [] []"},
		{"gone", everythingOf("Patient/gone", ""), fhir.Gone, "permit 410 everything Patient/gone  [gone] []"},
		{"unknown parameter", everythingOf("Patient/seen", "start=2020"), fhir.Invalid, "permit 400 everything Patient/seen  [seen] []"},
		{"unknown type", everythingOf("Patient/seen", "_type=Horse"), fhir.Invalid, "permit 400 everything Patient/seen  [seen] []"},
		{"no instant", everythingOf("Patient/seen", "_since=yesterday"), fhir.Invalid, "permit 400 everything Patient/seen  [seen] []"},
		{"no count", everythingOf("Patient/seen", "_count=0"), fhir.Invalid, "permit 400 everything Patient/seen  [seen] []"},
	} {
		c := h.as(agent.Practitioner, "TREAT")
		err := a.do(h, c)
		if (err == nil) != (a.kind == 0) || err != nil && kindOf(err) != a.kind {
			t.Errorf("%s: %v", a.name, err)
		}
		if got := told(); len(got) != 1 || got[0] != a.want || len(c.Receipts) != 1 {
			t.Errorf("%s:\n got %q\nwant %q", a.name, got, a.want)
		}
	}
	h.refuses([]asked{{"without scopes", everythingOf("Patient/seen", ""), 0, "deny 403 everything Patient/seen  [seen] []"}})
}

// walk collects all pages; shown is how often each resource was.
func (h *house) walkEverything(c *Call, e EverythingRequest) (shown map[string]int, pages int) {
	h.Helper()
	shown = map[string]int{}
	for {
		res, err := h.Everything(h.Context(), c, e)
		if err != nil {
			h.Fatal(err)
		}
		pages++
		for _, v := range slices.Concat(res.Matches, res.Included) {
			shown[v.Ref.String()]++
		}
		if e.Link = res.Next; e.Link == "" {
			return shown, pages
		}
	}
}

// What $everything shows is what reads of each resource show, in pages of any size: all of
// the compartment once, and what that refers to.
func TestEverythingIsWhatReadsShow(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"), patientDoc("q"),
		`{"resourceType":"Practitioner","id":"doctor"}`, `{"resourceType":"Practitioner","id":"other"}`, `{"resourceType":"Location","id":"ward"}`,
		`{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/p"},"location":[{"location":{"reference":"Location/ward"}}]}`,
		observationDoc("o1", "p"), strings.Replace(observationDoc("o2", "p"), `"status"`, `"encounter":{"reference":"Encounter/e"},"performer":[{"reference":"Practitioner/doctor"}],"status"`, 1), observationDoc("x", "q"),
		strings.Replace(observationDoc("secret", "p"), `"status"`, `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},"status"`, 1),
	)
	h.put(strings.Replace(consentDoc("c", `{'type':'permit','provision':[{'type':'deny','securityLabel':[{'system':'http://terminology.hl7.org/CodeSystem/v3-Confidentiality','code':'R'}]}]}`), "Patient/x", "Patient/p", 1))
	all := "Consent/c Encounter/e Location/ward Observation/o1 Observation/o2 Patient/p Practitioner/doctor"
	for query, want := range map[string]string{
		"": all, "_count=1": all, "_count=2": all, "_type=Observation": "Observation/o1 Observation/o2", "_type=Practitioner,Patient": "Patient/p Practitioner/doctor",
		"_type=Location&_count=1": "Location/ward", "_since=2000-01-01T00:00:00Z": all, "_since=2100-01-01T00:00:00Z": "",
	} {
		shown, pages := h.walkEverything(h.as(agent.Practitioner, "TREAT"), EverythingRequest{Ref: ref("Patient/p"), Params: params(query)})
		var names []string
		for name, times := range shown {
			names = append(names, name)
			if times > 1 && !strings.HasPrefix(name, "Practitioner/") && !strings.HasPrefix(name, "Location/") {
				t.Errorf("%q: %s comes %d times", query, name, times)
			}
			if err := read(name)(h, h.as(agent.Practitioner, "TREAT")); err != nil {
				t.Errorf("%q shows %s, which cannot be read: %v", query, name, err)
			}
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != want || query == "_count=1" && pages < 5 {
			t.Errorf("%q in %d pages:\n got %s\nwant %s", query, pages, got, want)
		}
	}
	shown, _ := h.walkEverything(h.as(agent.Practitioner, "TREAT"), EverythingRequest{Ref: ref("Encounter/e")})
	if got := fmt.Sprint(shown); got != "map[Encounter/e:1 Location/ward:1 Observation/o2:1 Patient/p:1 Practitioner/doctor:1]" {
		t.Errorf("of the encounter: %s", got)
	}
}

func TestLinksOfEverythingAreBound(t *testing.T) {
	h := ward(t)
	c := h.as(agent.Practitioner, "TREAT")
	res, err := h.Everything(t.Context(), c, EverythingRequest{Ref: ref("Patient/seen"), Params: params("_count=1")})
	if err != nil || res.Next == "" {
		t.Fatal(res, err)
	}
	other := h.as(agent.Practitioner, "TREAT")
	other.Agent.Subject = "Practitioner/other"
	for name, ask := range map[string]struct {
		call *Call
		ref  string
	}{"another caller": {other, "Patient/seen"}, "another patient": {c, "Patient/hidden"}} {
		if _, err := h.Everything(t.Context(), ask.call, EverythingRequest{Ref: ref(ask.ref), Link: res.Next}); kindOf(err) != fhir.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	search, err := h.Search(t.Context(), c, SearchRequest{Type: "Observation", Link: res.Next})
	if kindOf(err) != fhir.Invalid {
		t.Errorf("as a search: %v %v", search, err)
	}
}

// A store that asks nobody what may be seen is noticed before anything leaves.
func TestEverythingOfAForgetfulStore(t *testing.T) {
	h := ward(t)
	h.put(strings.Replace(observationDoc("secret", "seen"), `"status"`, `"performer":[{"reference":"Patient/hidden"}],"status"`, 1))
	h.faulty.careless = true
	res, err := h.Everything(t.Context(), h.as(agent.Practitioner, "TREAT"), EverythingRequest{Ref: ref("Patient/seen")})
	if kindOf(err) != fhir.Unavailable {
		t.Errorf("%v %v", res, err)
	}
}

func TestPagesOfEverythingAreRecorded(t *testing.T) {
	h := ward(t)
	told := h.told()
	e := EverythingRequest{Ref: ref("Patient/seen"), Params: params("_count=1")}
	for _, want := range []string{"permit 200 everything Patient/seen _count=1 [seen] [GET Patient/seen]", "permit 200 everything Patient/seen _count=1 [seen] [GET Observation/s1]"} {
		res, err := h.Everything(t.Context(), h.as(agent.Practitioner, "TREAT"), e)
		if err != nil {
			t.Fatal(err)
		}
		if got := told(); len(got) != 1 || got[0] != want {
			t.Errorf("got %q, want %q", got, want)
		}
		e.Link = res.Next
	}
}

// A hidden resource in the compartment concerns all whose data it is.
func TestEverythingConcernsTheHidden(t *testing.T) {
	h := ward(t)
	h.put(strings.Replace(observationDoc("secret", "seen"), `"status"`, `"performer":[{"reference":"Patient/hidden"}],"status"`, 1))
	told := h.told()
	if _, err := h.Everything(t.Context(), h.as(agent.Practitioner, "TREAT"), EverythingRequest{Ref: ref("Patient/seen")}); err != nil {
		t.Fatal(err)
	}
	if got := told(); len(got) != 1 || got[0] != "permit 200 everything Patient/seen  [hidden seen] [GET Observation/s1 GET Patient/seen]" {
		t.Errorf("%q", got)
	}
}
