package node

import (
	"strings"
	"testing"
	"time"
)

// moment is a time after all that was done before, and before all that is done after.
func momentNow() string {
	time.Sleep(3 * time.Millisecond)
	at := time.Now().UTC()
	time.Sleep(3 * time.Millisecond)
	return at.Format("2006-01-02T15:04:05.000Z")
}

// The office asks who could read what at a time, and is told by what was in force then: the
// Consents, the emergencies and the policies, whatever has replaced them since.
func TestOfficeAsksWhoCouldHaveRead(t *testing.T) {
	onBothStores(t, func(t *testing.T, start func(...func(*Node, *Options)) *testNode, _ []*testNode) {
		n := start()
		system, doctor, officer := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT"), n.as("privacy-officer", "HOPERAT")
		doctor.Get("/Patient/p1").Want(404)
		begin := momentNow()
		system.Put("/Patient/p1", `{"resourceType":"Patient","id":"p1"}`).Want(201)
		open := momentNow()
		system.Put("/Consent/no", privacyConsent("no", "p1", hidesAll)).Want(201)
		closed := momentNow()
		time.Sleep(time.Second) // emergencies are known to the second
		admin(doctor, "POST", "/breakglass", `{"patient":"Patient/p1","reason":"no pulse","minutes":30}`).Want(201)
		broken := momentNow()
		system.Do("DELETE", "/Consent/no", "").Want(204)
		s, err := n.node.policies()
		if err != nil {
			t.Fatal(err)
		}
		hash := drafted(t, s, officerBy("Practitioner/a"), noResearch(t))
		if _, err := s.Approve(t.Context(), officerBy("Practitioner/b"), hash, 0); err != nil {
			t.Fatal(err)
		}
		before := n.node.policy.Revision()
		if _, err := s.Activate(t.Context(), officerBy("Practitioner/b"), hash); err != nil {
			t.Fatal(err)
		}
		soon(t, "in force", func() bool { return n.node.policy.Revision() == hash })
		after := momentNow()
		for name, c := range map[string]struct {
			query string
			words string
		}{
			"before there was a patient":   {"&at=" + begin, "Patient/p1 was not stored at that time|revision " + before},
			"before the Consent":           {"&at=" + open, "could have read Patient/p1 for TREAT|own staff or system, treatment|revision " + before + "|clinician.rego, line "},
			"while it was in force":        {"&at=" + closed, "could not have read|forbids it: Consent/no/_history/1"},
			"after it was deleted":         {"&at=" + after, "could have read|say nothing"},
			"before the emergency":         {"&purpose=BTG&at=" + closed, "could not have read|There is none."},
			"in the emergency":             {"&purpose=BTG&at=" + broken, "could have read|a declared emergency"},
			"research under the policies":  {"&purpose=HRESCH&at=" + broken, "unless a Consent permits|revision " + before},
			"research under the new ones":  {"&purpose=HRESCH&at=" + after, "may not act for this purpose|revision " + hash},
			"before anything was recorded": {"&at=2020-03-01", "is not known any more|Which policies were in force"},
			"now":                          {"", "could read Patient/p1 for TREAT now"},
			"today":                        {"&at=" + time.Now().UTC().Format(time.DateOnly), "could read Patient/p1 for TREAT now"},
			"in German":                    {"&language=de&at=" + closed, "zum Zweck TREAT nicht lesen können.|verbietet es: Consent/no/_history/1|Fassung " + before},
		} {
			r := officer.Do("GET", "/Patient/p1/$explain-access?agent=Practitioner/practitioner"+c.query, "").Want(200)
			said := sentencesOf(r)
			for w := range strings.SplitSeq(c.words, "|") {
				if !strings.Contains(said, w) {
					t.Errorf("%s: no %q in\n%s", name, w, said)
				}
			}
			if lost := strings.Contains(c.words, "not known"); lost != r.Has(`"name":"unknown"`) || lost == r.Has(`"name":"permitted"`) {
				t.Errorf("%s: %s", name, r.Body)
			}
		}
		for query, status := range map[string]int{"&at=2999-01-01": 400, "&at=yesterday": 400, "&at=2026-13-01": 400} {
			officer.Get("/Patient/p1/$explain-access?agent=a" + query).Want(status)
		}
	})
}
