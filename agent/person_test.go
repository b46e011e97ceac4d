package agent

import "testing"

// A person stays the same with a second token, in another browser, for another app, under
// another name for display, in another role and at another issuer.
func TestAPersonStaysTheSame(t *testing.T) {
	author := Agent{Subject: "Practitioner/12", Name: "A. Meier", Role: PrivacyOfficer, Organization: "hospital", Client: "aceso-ui",
		Token: "t1", Grant: "g1", Issuer: "https://h/fhir", Actors: []string{"Organization/hospital", "Practitioner/12", "Device/aceso-ui"}}
	for name, change := range map[string]func(*Agent){
		"a second token":     func(a *Agent) { a.Token, a.Grant = "t2", "" },
		"another browser":    func(a *Agent) { a.Client, a.Grant = "other", "g2" },
		"renamed":            func(a *Agent) { a.Name = "A. Schulz" },
		"another role":       func(a *Agent) { a.Role = Administrator },
		"another issuer":     func(a *Agent) { a.Issuer, a.Subject = "https://idp", "https://idp|meier" },
		"written in capital": func(a *Agent) { a.Subject, a.Actors = " practitioner/12", nil },
		"nothing is known":   func(a *Agent) { a.Subject, a.Actors = "", nil },
	} {
		other := author
		change(&other)
		if p := author.Person(); !p.Same(other.Person()) || !other.Person().Same(p) {
			t.Errorf("%s makes another person: %+v", name, other.Person())
		}
	}
}

// Who shares an organisation, a team or an app with somebody is somebody else.
func TestColleaguesAreTwoPersons(t *testing.T) {
	a := Agent{Subject: "Practitioner/12", Actors: []string{"Organization/hospital", "Device/aceso-ui"}}
	b := Agent{Subject: "Practitioner/13", Actors: []string{"Organization/hospital", "Device/aceso-ui"}}
	if a.Person().With("CareTeam/t", "Group/g").Same(b.Person().With("CareTeam/t", "Group/g")) {
		t.Error("two colleagues are one person")
	}
	if !a.Person().With("PractitionerRole/r").Same((&Agent{Subject: "PractitionerRole/r"}).Person()) {
		t.Error("a practitioner is not the one of the own role")
	}
}
