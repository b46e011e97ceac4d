package access

import (
	"testing"

	"github.com/aceso-health/aceso/agent"
)

// A token of a role, also of one that has ended, is the practitioner's own, and so is that of
// a practitioner who was recorded twice; a colleague is somebody else.
func TestPersonsAreLookedUp(t *testing.T) {
	h := newHouse(t)
	h.put(`{"resourceType":"Practitioner","id":"a","identifier":[{"system":"urn:lanr","value":"1"}]}`,
		`{"resourceType":"Practitioner","id":"twice","identifier":[{"system":"urn:lanr","value":"1"}]}`,
		`{"resourceType":"Practitioner","id":"b","identifier":[{"system":"urn:lanr","value":"2"}]}`,
		`{"resourceType":"PractitionerRole","id":"r","active":false,"period":{"end":"2020-01-01"},"practitioner":{"reference":"Practitioner/a"},"identifier":[{"system":"urn:x","value":"ward"}]}`,
		`{"resourceType":"PractitionerRole","id":"full","practitioner":{"reference":"`+base+`/Practitioner/a"}}`,
		`{"resourceType":"PractitionerRole","id":"s","practitioner":{"reference":"Practitioner/b"},"identifier":[{"system":"urn:x","value":"ward"}]}`)
	who := func(subject string) agent.Person {
		t.Helper()
		c := h.as(agent.PrivacyOfficer, "HOPERAT")
		c.Agent.Subject, c.Agent.Actors = subject, []string{"Organization/hospital", subject}
		p, err := h.Person(t.Context(), c.Agent)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	author := who("Practitioner/a")
	for _, same := range []string{"Practitioner/a", "PractitionerRole/r", "PractitionerRole/full", "Practitioner/twice"} {
		if !author.Same(who(same)) {
			t.Errorf("%s is somebody else", same)
		}
	}
	for _, other := range []string{"Practitioner/b", "PractitionerRole/s", "PractitionerRole/none"} {
		if author.Same(who(other)) {
			t.Errorf("%s is the same person", other)
		}
	}
	if !who("PractitionerRole/r").Same(who("Practitioner/twice")) {
		t.Error("a role and its practitioner recorded twice are two persons")
	}
}
