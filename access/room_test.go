package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// A page ends when the answer is full, and the next one goes on: of a search, a history,
// the AuditEvents and a report. What is recorded is what was shown.
func TestPagesEndWhenTheAnswerIsFull(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"), observationDoc("o1", "p"), observationDoc("o2", "p"), observationDoc("o3", "p"), observationDoc("o4", "p"))
	told := h.told()
	for name, ask := range map[string]func(*Call, string) (*Result, error){
		"search": func(c *Call, link string) (*Result, error) {
			return h.Search(t.Context(), c, SearchRequest{Type: "Observation", Params: params("patient=p"), Link: link})
		},
		"history": func(c *Call, link string) (*Result, error) {
			return h.History(t.Context(), c, HistoryRequest{Type: "Observation", Link: link})
		},
		"audit": func(c *Call, link string) (*Result, error) {
			return h.SearchAuditEvents(t.Context(), c, SearchRequest{Type: auditEvent, Params: params("_count=20"), Link: link})
		},
	} {
		c := h.as(agent.Practitioner, "TREAT")
		if name == "audit" {
			c = h.as(agent.PrivacyOfficer, "HOPERAT")
		}
		for _, room := range []int64{1, 400} {
			c.Room = room
			found, pages, most := 0, 0, 0
			for link := ""; pages == 0 || link != ""; pages++ {
				told()
				res, err := ask(c, link)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				found, most, link = found+len(res.Matches), max(most, len(res.Matches)), res.Next
				if lines := told(); name == "search" && strings.Count(lines[0], "GET Observation") != len(res.Matches) {
					t.Errorf("%d matches recorded as %s", len(res.Matches), lines)
				}
			}
			if name != "audit" && found != 4 || found < 4 || room == 1 && most != 1 || pages < 2 {
				t.Errorf("%s with %d bytes: %d found on %d pages of up to %d", name, room, found, pages, most)
			}
		}
	}
}

// A transaction that would answer with more than there is room for is refused and recorded,
// whether it reads, searches, or finds what it would create.
func TestTransactionsEndWhenTheAnswerIsFull(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"), observationDoc("o1", "p"), observationDoc("o2", "p"))
	get := func(i int, url string) Operation {
		return Operation{Method: "GET", Ref: ref(url), Expression: fmt.Sprintf("Bundle.entry[%d]", i)}
	}
	search := get(1, "Observation/x")
	search.Ref.ID, search.Criteria = "", params("patient=p")
	found := func(i int, criteria string) Operation {
		return Operation{Method: "POST", Ref: fhir.Ref{Type: "Patient"}, Resource: h.parse(patientDoc("new")), Conditional: true, Criteria: params(criteria), Expression: fmt.Sprintf("Bundle.entry[%d]", i)}
	}
	for name, ops := range map[string][]Operation{
		"reads":         {get(0, "Observation/o1"), get(1, "Observation/o2")},
		"search, read":  {search, get(2, "Observation/o2")},
		"read, search":  {get(0, "Observation/o1"), search},
		"found, read":   {found(0, "identifier=urn:mrn|p"), get(1, "Observation/o2")},
		"found, found ": {found(0, "identifier=urn:mrn|p"), found(1, "_id=p")},
	} {
		c := h.as(agent.Practitioner, "TREAT")
		if _, err := h.Apply(t.Context(), c, ops); err != nil {
			t.Errorf("%s with usual room: %v", name, err)
		}
		told := h.told()
		c.Room = 1
		effects, err := h.Apply(t.Context(), c, ops)
		if !says(err, 413, "The answer to this Bundle would have more than 32 MB of documents. Send what reads in several Bundles, or by itself.") || effects != nil {
			t.Errorf("%s: %v, %v", name, effects, err)
		}
		if lines := told(); len(lines) != 1 || !strings.Contains(lines[0], " 413 transaction ") || strings.Contains(lines[0], "GET ") {
			t.Errorf("%s: %v", name, lines)
		}
	}
}

// What there is no memory for is refused and recorded, and hidden documents do not count.
func TestDocumentsAreHeld(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"), observationDoc("o1", "p"), patientDoc("hidden"), observationDoc("h1", "hidden"), denialDoc("c", "hidden"))
	for name, ask := range map[string]func(*house, *Call) error{
		"read": read("Observation/o1"), "search": searchFor("Observation", "patient=p"), "history": history("Observation", "o1"),
		"transaction": apply(Operation{Method: "GET", Ref: ref("Observation/o1"), Expression: "Bundle.entry[0]"}),
		"found":       apply(Operation{Method: "POST", Ref: fhir.Ref{Type: "Patient"}, Resource: h.parse(patientDoc("new")), Conditional: true, Criteria: params("_id=p")}),
	} {
		c := h.as(agent.Practitioner, "TREAT")
		held := int64(0)
		c.Hold = func(bytes int64) error { held = bytes; return nil }
		if err := ask(h, c); err != nil || held < 100 {
			t.Errorf("%s: %d bytes held, %v", name, held, err)
		}
		told := h.told()
		c.Hold = func(int64) error { return &fhir.Error{Kind: fhir.Throttled, Detail: "No memory."} }
		if err := ask(h, c); kindOf(err) != fhir.Throttled {
			t.Errorf("%s: %v", name, err)
		}
		if lines := told(); len(lines) != 1 || !strings.Contains(lines[0], " 429 ") || strings.Contains(lines[0], "GET ") {
			t.Errorf("%s: %v", name, lines)
		}
	}
	c := h.as(agent.Practitioner, "TREAT")
	c.Hold = func(bytes int64) error {
		if bytes > 0 {
			t.Errorf("%d bytes of what is hidden", bytes)
		}
		return nil
	}
	if err := read("Observation/h1")(h, c); kindOf(err) != fhir.NotFound {
		t.Error(err)
	}
	if err := searchFor("Observation", "patient=hidden")(h, c); err != nil {
		t.Error(err)
	}
}
