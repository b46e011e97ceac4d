package node

import (
	"strings"
	"testing"
	"time"
)

const hidesHIV = `{"resourceType":"Consent","id":"c","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
	"category":[{"text":"x"}],"patient":{"reference":"Patient/p"},"dateTime":"2020-01-01","policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},
	"provision":{"type":"permit","provision":[{"type":"deny","securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},
		{"type":"deny","securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}]}]}}`

// Rules of labels are the privacy officer's to choose. They bind the next request, each choice
// is recorded, and they bind before a node that starts again answers anything.
func TestRulesOfLabels(t *testing.T) {
	dir := t.TempDir()
	a := &appNode{testNode: startNode(t, dir)}
	system, doctor := a.as("system", "HOPERAT"), a.as("practitioner", "TREAT")
	system.Put("/Patient/p", `{"resourceType":"Patient","id":"p"}`).Want(201)
	label := `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]},`
	system.Put("/Condition/x", `{"resourceType":"Condition","id":"x",`+label+`"code":{"coding":[{"system":"http://snomed.info/sct","code":"86406008"}]},"subject":{"reference":"Patient/p"}}`).Want(201)
	system.Put("/Consent/c", hidesHIV).Want(201)
	doctor.Get("/Condition/x").Want(200)

	officer := a.as("privacy-officer", "HOPERAT").Token
	all := `{"sets":["hiv"],"own":[{"name":"ward","rules":[{"labels":["urn:own|w"],"types":["Basic"]}]}]}`
	for _, who := range []string{"practitioner", "administrator", "system"} {
		a.askSite(a.as(who, "HOPERAT").Token, "PUT", "/admin/labels", all).Want(403)
	}
	a.askSite("", "PUT", "/admin/labels", all).Want(401)
	for body, says := range map[string]string{
		`{"sets":["hvi"]}`:                    "no built-in set",
		`{"own":[{"name":"hiv","rules":[]}]}`: "that of a built-in set",
		`{"sets":["hiv","hiv"]}`:              "named twice",
		`{"own":[{"name":"w"}]}`:              "and rules",
		`{"own":[{"name":"w","rules":[{}]}]}`: "no labels",
		`{"own":[{"name":"w","rules":[{"labels":["HVI"],"types":["Basic"]}]}]}`:                                    "neither a sensitivity",
		`{"own":[{"name":"w","rules":[{"labels":["HIV"]}]}]}`:                                                      "neither codes nor types",
		`{"own":[{"name":"w","rules":[{"labels":["HIV"],"codes":[{"systems":["urn:s"]}]}]}]}`:                      "codes need systems",
		`{"own":[{"name":"w","rules":[{"labels":["HIV"],"codes":[{"systems":["urn:s"],"within":["F99-F20"]}]}]}]}`: "nor a range",
		`{"sets":["hiv"],"colour":"red"}`:                                                                          "colour",
	} {
		if r := a.askSite(officer, "PUT", "/admin/labels", body).Want(422); !strings.Contains(string(r.Body), says) {
			t.Errorf("%s: %s", body, r.Body)
		}
	}
	doctor.Get("/Condition/x").Want(200)
	a.askSite(officer, "PUT", "/admin/labels", all).Want(200)
	doctor.Get("/Condition/x").Want(404)
	state := func() string {
		r := a.askSite(officer, "GET", "/admin/labels", "").Want(200)
		s, _ := r.JSON()["state"].(string)
		return s
	}
	for end := time.Now().Add(time.Minute); state() != "ready"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(state())
		}
	}
	doctor.Get("/Condition/x").Want(404)
	a.stop()
	a = &appNode{testNode: startNode(t, dir)}
	a.as("practitioner", "TREAT").Get("/Condition/x").Want(404)
	a.askSite(a.as("privacy-officer", "HOPERAT").Token, "PUT", "/admin/labels", `{}`).Want(200)
	a.as("practitioner", "TREAT").Get("/Condition/x").Want(200)
}
