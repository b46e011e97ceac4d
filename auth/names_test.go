package auth_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
)

// whoFrom authenticates a token of an external issuer with these maps.
func whoFrom(t *testing.T, users, clients map[string]string, claims object) agent.Agent {
	t.Helper()
	a, err := auth.New(auth.Config{
		Audience: base, Now: func() time.Time { return noon },
		Issuers: []auth.Issuer{{
			Name: foreign, Keys: []auth.Key{{ID: "k1", Public: public(other)}}, Algorithms: []string{"EdDSA"},
			Organizations: []string{"north"}, Roles: []string{"practitioner"}, Purposes: []string{"TREAT"}, UserMap: users, ClientMap: clients,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.Authenticate(request(fromOther(external(claims))))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// What an external issuer calls somebody is a name inside that issuer.
func TestNamesOfExternalIssuersAreQualified(t *testing.T) {
	for _, user := range []string{"Organization/general", "Practitioner/12", base + "/Practitioner/12", "CareTeam/1", "https://hospital.example/fhir/Practitioner/9"} {
		got := whoFrom(t, nil, nil, object{"sub": "Practitioner/1", "fhirUser": user, "client_id": "app-7"})
		if got.Subject != foreign+"|Practitioner/1" || got.Client != foreign+"|app-7" || !slices.Equal(got.Actors, []string{"Organization/north", foreign + "|Practitioner/1", foreign + "|" + user}) {
			t.Errorf("%s: subject %q, client %q, actors %q", user, got.Subject, got.Client, got.Actors)
		}
	}
}

// Unless the configuration says what it means.
func TestNamesOfExternalIssuersAreMapped(t *testing.T) {
	users := map[string]string{"u-1": "Practitioner/12", "doctors/*": "Practitioner/n-*", "doctors/chief": "PractitionerRole/chief"}
	for sub, want := range map[string]string{
		"u-1": "Practitioner/12", "doctors/7": "Practitioner/n-7", "doctors/chief": "PractitionerRole/chief", "u-2": foreign + "|u-2",
		"doctors/../x": "Practitioner/n-../x",
	} {
		got := whoFrom(t, users, map[string]string{"app-7": "tablet"}, object{"sub": sub, "client_id": "app-7"})
		actors := []string{"Organization/north", want, "Device/tablet"}
		if sub == "doctors/../x" { // names nobody
			actors = []string{"Organization/north", "Device/tablet"}
		}
		if got.Subject != want || got.Client != "tablet" || !slices.Equal(got.Actors, actors) {
			t.Errorf("%s: subject %q, client %q, actors %q", sub, got.Subject, got.Client, got.Actors)
		}
	}
	_, err := auth.New(auth.Config{Audience: base, Issuers: []auth.Issuer{{
		Name: foreign, Keys: []auth.Key{{ID: "k1", Public: public(other)}}, Algorithms: []string{"EdDSA"}, UserMap: map[string]string{"u": "Organization/general"},
	}}})
	if err == nil {
		t.Error("a map to an organisation is accepted")
	}
}

// Only persons are persons: no token can be an organisation or a care team.
func TestOnlyPersonsCall(t *testing.T) {
	for user, counts := range map[string]bool{
		"Practitioner/1": true, "PractitionerRole/1": true, "RelatedPerson/1": true, "Patient/1": true, "https://elsewhere.example/fhir/Practitioner/9": true,
		"Organization/other": false, "CareTeam/1": false, "Group/1": false, "Device/1": false, "Practitioner/1/x": false, "somebody": false,
	} {
		got, err := authenticator(t).Authenticate(request(good(claims(object{"fhirUser": user}))))
		if err != nil || slices.Contains(got.Actors, user) != counts {
			t.Errorf("%s: %q, %v", user, got.Actors, err)
		}
	}
}
