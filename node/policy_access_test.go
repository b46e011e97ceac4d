package node

import (
	"fmt"
	"strings"
	"testing"
)

// What each role may and may not do under the base policy.
func TestBasePolicyByRole(t *testing.T) {
	n := leakNode(t, true)
	system := n.as("system", "HOPERAT")
	questionnaire := `{"resourceType":"QuestionnaireResponse","status":"completed","subject":{"reference":"Patient/p1"},"author":{"reference":"Patient/p1"}}`
	authored := strings.Replace(withoutID(observationJSON("x", "p1", 1), "x"), `"status"`, `"performer":[{"reference":"Patient/p1"}],"status"`, 1)
	system.Put("/Binary/b", `{"resourceType":"Binary","id":"b","contentType":"text/plain","data":"QQ=="}`).Want(201)
	system.Put("/Basic/x", `{"resourceType":"Basic","id":"x","code":{"text":"a"}}`).Want(201)
	event := n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200).Event()
	grants := func(role, purpose string, change ...func(*Grant)) user { return n.as(role, purpose, change...) }
	scoped := func(role, scope string) user {
		return grants(role, "TREAT", func(g *Grant) { g.Scope, g.Patient = scope, "p1" })
	}
	get := func(path string) request { return request{method: "GET", path: path} }
	post := func(path, body string) request { return request{method: "POST", path: path, body: body} }
	put := func(path, body string) request { return request{method: "PUT", path: path, body: body} }
	remove := func(path string) request { return request{method: "DELETE", path: path} }
	plain := withoutID(observationJSON("x", "p1", 1), "x")
	consent1 := withoutID(privacyConsent("x", "p1", `{"type":"permit"}`), "x")
	const team, group = `{"resourceType":"CareTeam","participant":[{"member":{"reference":"Practitioner/dr"}}]}`, `{"resourceType":"Group","type":"practitioner","actual":true}`
	for _, c := range []struct {
		name string
		by   user
		can  []request
		not  map[int][]request
	}{
		{"practitioner", grants("practitioner", "TREAT"),
			[]request{get("/Patient/p1"), get("/Patient/p2"), get("/Practitioner/dr"), get("/Binary/b"), post("/Observation", plain), post("/Consent", consent1), get("/_history"), get("/Patient/p1/_history/1/$verify")},
			map[int][]request{403: {get("/AuditEvent"), get("/AuditEvent/" + event), get("/AuditEvent/" + event + "/$proof"), get("/Patient/p1/$access-report"), put("/Consent/c-p1", privacyConsent("c-p1", "p1", `{"type":"permit"}`)), remove("/Consent/c-p1"), put("/Practitioner/dr", practitionerJSON), remove("/Practitioner/dr"), post("/CareTeam", team), post("/Group", group)}, 404: {put("/Patient/chosen", patientJSON("chosen", "A"))}}},
		{"payment", grants("practitioner", "HPAYMT"), []request{get("/Patient/p2")}, nil},
		{"marketing", grants("practitioner", "HMARKT"), nil, map[int][]request{403: {get("/Patient/p1"), get("/Patient"), post("/Observation", plain), get("/_history")}}},
		{"break-glass", grants("practitioner", "BTG"), nil, map[int][]request{403: {get("/Patient/p1")}}},
		{"laboratory", grants("system", "HOPERAT", func(g *Grant) { g.Client = "lab" }),
			[]request{post("/Observation", plain), post("/Consent", consent1), post("/CareTeam", team), put("/Practitioner/dr", practitionerJSON)},
			map[int][]request{403: {put("/Consent/c-p1", privacyConsent("c-p1", "p1", `{"type":"permit"}`)), put("/Consent/new", privacyConsent("new", "p1", `{"type":"permit"}`)), remove("/Consent/c-p1")}}},
		{"system", system,
			[]request{post("/Group", group), put("/Patient/chosen", patientJSON("chosen", "A")), post("/Observation", plain), get("/Patient/p2")},
			map[int][]request{403: {get("/AuditEvent"), get("/Patient/p1/$access-report")}}},
		{"researcher", grants("practitioner", "HRESCH"),
			[]request{get("/Patient/p1"), get("/Practitioner/dr"), get("/Observation/o-p1")},
			map[int][]request{404: {get("/Patient/p2"), get("/Binary/b"), get("/Basic/x")}, 403: {post("/Consent", consent1), put("/Consent/c-p1", privacyConsent("c-p1", "p1", `{"type":"permit"}`)), put("/Patient/p1", patientJSON("p1", "X")), put("/Practitioner/dr", practitionerJSON), get("/AuditEvent")}}},
		{"guest", grants("practitioner", "TREAT", func(g *Grant) { g.Organization = "elsewhere" }),
			[]request{get("/Patient/p1"), get("/Practitioner/dr"), post("/Observation", plain)},
			map[int][]request{404: {get("/Patient/p2"), get("/Binary/b"), get("/Basic/x")}, 403: {post("/Consent", consent1), remove("/Consent/c-p1"), put("/Patient/p1", patientJSON("p1", "X")), put("/Practitioner/dr", practitionerJSON), post("/Observation", strings.Replace(plain, "Patient/p1", "Patient/p2", 1))}}},
		{"no organisation of ours", grants("privacy-officer", "HOPERAT", func(g *Grant) { g.Organization = "elsewhere" }), nil, map[int][]request{403: {get("/AuditEvent"), get("/Consent/c-p1"), get("/AuditEvent/" + event + "/$proof")}}},
		{"patient", grants("patient", "PATRQT", func(g *Grant) { g.Patient, g.Subject = "p1", "Patient/p1" }),
			[]request{get("/Patient/p1"), get("/Observation/o-p1"), get("/Practitioner/dr"), get("/Patient/p1/$access-report"), post("/Consent", consent1), post("/Observation", authored), post("/QuestionnaireResponse", questionnaire), get("/Patient/p1/Observation"), get("/Patient/p1/_history/1/$verify")},
			map[int][]request{
				404: {get("/Patient/p2"), get("/Observation/o-p2"), get("/Patient/p2/$access-report"), get("/Basic/x"), get("/Binary/b"), put("/Consent/c-p2", privacyConsent("c-p2", "p1", `{"type":"permit"}`)), put("/Observation/o-p1", observationJSON("o-p1", "p1", 3))},
				403: {post("/Observation", plain), put("/Patient/p1", patientJSON("p1", "X")), post("/Consent", strings.Replace(consent1, "Patient/p1", "Patient/p2", 1)), put("/Consent/c-p1", privacyConsent("c-p1", "p2", `{"type":"permit"}`)), get("/AuditEvent"), remove("/Patient/p1"), post("/Encounter", withoutID(encounterJSON("x", "p1"), "x")), put("/Practitioner/dr", practitionerJSON)},
			}},
		{"patient who researches", grants("patient", "HRESCH", func(g *Grant) { g.Patient, g.Subject = "p1", "Patient/p1" }), nil, map[int][]request{403: {get("/Patient/p1")}}},
		{"privacy officer", grants("privacy-officer", "HOPERAT"),
			[]request{get("/AuditEvent"), get("/AuditEvent/" + event), get("/AuditEvent/" + event + "/$proof"), get("/Consent/c-p2"), get("/Consent"), put("/Consent/c-p1", privacyConsent("c-p1", "p1", `{"type":"permit"}`)), get("/Patient/p1"), get("/Patient"), get("/Patient/p2/$access-report"), get("/Patient/p1/_history/1/$verify")},
			map[int][]request{403: {get("/Patient/p1/_history/1"), remove("/Patient/p1"), get("/Observation"), get("/Practitioner/dr"), remove("/Consent/c-p1"), post("/Observation", plain), get("/_history")}}},
		{"privacy officer in the context of a patient", scoped("privacy-officer", "patient/*.cruds"), nil,
			map[int][]request{403: {get("/AuditEvent"), get("/AuditEvent/" + event), get("/AuditEvent/" + event + "/$proof"), get("/Consent"), get("/Consent/c-p1"), get("/Patient/p1/$access-report"), get("/Patient/p1/_history/1/$verify")}}},
		{"administrator", grants("administrator", "HOPERAT"), nil,
			map[int][]request{403: {get("/Patient/p1"), get("/Consent/c-p1"), get("/AuditEvent"), get("/AuditEvent/" + event), get("/AuditEvent/" + event + "/$proof"), get("/Patient/p1/$access-report"), post("/Observation", plain), get("/Practitioner/dr"), get("/_history"), get("/Patient/p1/_history/1/$verify")}}},
		{"read without search", scoped("practitioner", "user/Observation.r"), []request{get("/Observation/o-p1"), get("/Observation/o-p1/_history/1")}, map[int][]request{403: {get("/Observation"), get("/Patient/p1"), get("/Observation/_history"), post("/Observation", plain), get("/Patient/p1/Observation")}}},
		{"search without read", scoped("practitioner", "user/Observation.s"), []request{get("/Observation")}, map[int][]request{403: {get("/Observation/o-p1"), get("/Observation/o-p1/_history"), get("/Observation/o-p1/_history/1/$verify"), get("/_history")}}},
		{"create alone", scoped("practitioner", "user/Observation.c"), []request{post("/Observation", plain)}, map[int][]request{403: {put("/Observation/o-p1", observationJSON("o-p1", "p1", 3)), remove("/Observation/o-p1"), {"POST", "/Observation", plain, []string{"If-None-Exist", "_id=o-p1"}}}}},
		{"a scope of a system for a person", scoped("practitioner", "system/*.cruds"), nil, map[int][]request{403: {get("/Patient/p1")}}},
		{"a scope of a person for a system", scoped("system", "user/*.cruds"), nil, map[int][]request{403: {get("/Patient/p1")}}},
		{"launched for a patient", scoped("practitioner", "patient/*.rs"), []request{get("/Patient/p1"), get("/Observation/o-p1"), get("/Practitioner/dr")}, map[int][]request{404: {get("/Patient/p2"), get("/Observation/o-p2")}, 403: {post("/Observation", plain)}}},
		{"version 1 scopes", scoped("practitioner", "user/Observation.read"), []request{get("/Observation"), get("/Observation/o-p1")}, map[int][]request{403: {post("/Observation", plain), get("/Patient")}}},
		{"no scope", scoped("practitioner", "openid"), nil, map[int][]request{403: {get("/Patient/p1"), get("/AuditEvent")}}},
		{"a scope with search parameters that cannot be enforced", scoped("practitioner", "user/Observation.rs?category:in=http://example.org/v"), nil, map[int][]request{403: {get("/Observation/o-p1"), get("/Observation"), get("/Patient/p1")}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range c.can {
				if got := send(c.by, r); got.Status >= 300 {
					t.Errorf("%s: %d\n%s", r, got.Status, got.Body)
				}
			}
			for status, list := range c.not {
				for _, r := range list {
					if got := send(c.by, r); got.Status != status || strings.Contains(fmt.Sprint(got.Header["Etag"]), "W/") {
						t.Errorf("%s: %d, want %d\n%s", r, got.Status, status, got.Body)
					}
				}
			}
		})
	}
}

// Includes, chains and conditions need scopes for every type that they look at.
func TestScopesBindEveryTypeOfASearch(t *testing.T) {
	n := leakNode(t, true)
	narrow := n.as("practitioner", "TREAT", func(g *Grant) { g.Scope = "user/Observation.rs user/Observation.c" })
	wantIDs(t, narrow.Get("/Observation?_include=Observation:subject&_id=o-p1"), -1, "Observation/o-p1")
	wantIDs(t, narrow.Get("/Observation?subject:Patient.family=Familyp1"), -1)
	people := n.as("practitioner", "TREAT", func(g *Grant) { g.Scope = "user/Patient.rs" })
	wantIDs(t, people.Get("/Patient?_has:Observation:patient:code=8867-4"), -1)
	wantIDs(t, people.Get("/Patient?_revinclude=Observation:subject&_id=p1"), -1, "Patient/p1")
	reference := strings.Replace(withoutID(observationJSON("x", "p1", 1), "x"), "Patient/p1", "Patient?family=Familyp1", 1)
	narrow.Post("/", bundleJSON("transaction", entryJSON("POST", "Observation", reference, ""))).Want(403)
	officer := n.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Scope = "user/Consent.rs" })
	wantIDs(t, officer.Get("/Consent?_include=Consent:patient"), -1, "Consent/c-p1", "Consent/c-p2")
	wantIDs(t, officer.Get("/Consent?patient:Patient.family=Familyp1"), -1)
}

// A request has one purpose of use, and it must be one that the token has.
func TestPurposesAreNotClaimed(t *testing.T) {
	n := leakNode(t, true)
	const header = "Aceso-Purpose"
	doctor, both := n.as("practitioner", "HRESCH"), n.as("practitioner", "TREAT,HRESCH")
	doctor.Get("/Patient/p2").Want(404)
	for _, claim := range []string{"TREAT", "TREAT,HRESCH", "HRESCH,TREAT", "treat", "http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT"} {
		if r := doctor.Do("GET", "/Patient/p2", "", header, claim); r.Status == 200 || r.Has("Family") {
			t.Errorf("%s claimed: %d %s", claim, r.Status, r.Body)
		}
	}
	both.Get("/Patient/p1").Want(403)
	both.Do("GET", "/Patient/p2", "", header, "TREAT").Want(200)
	both.Do("GET", "/Patient/p2", "", header, "HRESCH").Want(404)
	page := both.Do("GET", "/Patient?_count=1", "", header, "TREAT").Want(200).Next()
	both.Do("GET", page, "", header, "HRESCH").Want(400)
	wantIDs(t, both.Do("GET", page, "", header, "TREAT"), -1, "Patient/p2")
	if event := fmt.Sprint(n.auditEvent(both.Do("GET", "/Patient/p2", "", header, "TREAT"))); strings.Contains(event, "HRESCH") || !strings.Contains(event, "TREAT") {
		t.Errorf("the record names another purpose: %s", event)
	}
}
