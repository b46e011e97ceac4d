package node

import (
	"fmt"
	"strings"
)

// fate is what a caller may see of a patient's data.
type fate int

const (
	shown fate = iota
	partly
	hidden
)

// twinHomes is how many patients there are, and twinEach how many documents of a type.
const (
	twinHomes = 8
	twinEach  = 12
)

// twinCaller is somebody for whom two servers should be the same.
type twinCaller struct {
	name  string
	grant Grant
	homes []int   // whose the documents of a type are, in turn
	fates [8]fate // of the patients
	doc   func(k int, f fate) string
}

// twinCallers are those of the comparison. What they may see differs in kind: by what
// Consents permit, by what they forbid, and by compartment.
func twinCallers() []twinCaller {
	all := []int{0, 1, 2, 3, 4, 5, 6, 7}
	some := [8]fate{shown, shown, partly, shown, hidden, hidden, hidden, partly}
	return []twinCaller{
		{"researcher", Grant{Role: "practitioner", Purposes: []string{"HRESCH"}, Subject: "Practitioner/researcher"}, all, some, permitted(`"purpose":[` + reason("HRESCH") + `]`)},
		{"denied clinician", Grant{Role: "practitioner", Purposes: []string{"TREAT"}, Subject: "Practitioner/clinician"}, all, some, denied(actor("Practitioner/clinician"))},
		{"guest", Grant{Role: "practitioner", Purposes: []string{"TREAT"}, Subject: "Practitioner/guest", Organization: "clinic"}, all, some, permitted(actor("Organization/clinic"))},
		{"patient", Grant{Role: "patient", Purposes: []string{"PATRQT"}, Subject: "Patient/r0", Patient: "Patient/r0"}, []int{0, 0, 0, 0, 0, 1, 2, 3},
			[8]fate{shown, hidden, hidden, hidden, hidden, hidden, hidden, hidden}, denied(actor("Patient/r0"))},
		{"app", Grant{Role: "practitioner", Purposes: []string{"TREAT"}, Subject: "Practitioner/app", Organization: "clinic", Scope: twinScopes()}, all,
			[8]fate{shown, shown, shown, shown, hidden, hidden, hidden, shown}, permitted(actor("Organization/clinic"))},
	}
}

// twinNarrow are the types of which an app sees what has certain values.
var twinNarrow = map[string]string{
	"Procedure": "status=completed", "MedicationRequest": "status=active", "AllergyIntolerance": "criticality:missing=true", "Immunization": "date=ge2015",
	"RiskAssessment": "method:missing=true", "DiagnosticReport": "encounter:missing=false", "CarePlan": "status:not=completed",
}

// twinScopes are those of an app: for some types with search parameters.
func twinScopes() string {
	var all []string
	for _, typ := range twinTypes {
		scope := "user/" + typ + ".cruds"
		if where := twinNarrow[typ]; where != "" {
			scope += "?" + where
		}
		all = append(all, scope)
	}
	return strings.Join(append(all, "user/MedicationRequest.rs?intent=order&priority=urgent"), " ")
}

// twinPurpose is another purpose for which a caller may see the same.
var twinPurpose = map[string]string{"TREAT": "COC", "HRESCH": "BIORCH", "PATRQT": "FAMRQT"}

func reason(code string) string {
	return `{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"` + code + `"}`
}

func actor(ref string) string {
	return `"actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"PRCP"}]},"reference":{"reference":"` + ref + `"}}]`
}

// anything are the actions of a permit that opens records for reading and writing.
var anything = func() string {
	var all []string
	for _, code := range []string{"access", "use", "disclose", "collect", "correct"} {
		all = append(all, `{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentaction","code":"`+code+`"}]}`)
	}
	return `"action":[` + strings.Join(all, ",") + `]`
}()

// part is the criterion of what is hidden of a patient who is shown partly.
func part(k int) string {
	if k == 2 {
		return `"securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]`
	}
	return `"class":[{"system":"http://hl7.org/fhir/resource-types","code":"Condition"},{"system":"http://hl7.org/fhir/resource-types","code":"Encounter"}]`
}

// permitted makes Consents that permit the criteria, and leave it at nothing or a deny for
// patients who are hidden.
func permitted(criteria string) func(int, fate) string {
	return func(k int, f fate) string {
		switch {
		case f == shown:
			return twinConsent(k, `"type":"permit",`+anything+`,`+criteria)
		case f == partly:
			return twinConsent(k, `"type":"permit",`+anything+`,`+criteria+`,"provision":[{"type":"deny",`+part(k)+`}]`)
		case k%2 == 0:
			return ""
		}
		return twinConsent(k, `"type":"deny",`+criteria)
	}
}

// denied makes Consents that deny the criteria to who would otherwise see everything.
func denied(criteria string) func(int, fate) string {
	return func(k int, f fate) string {
		switch f {
		case shown:
			return ""
		case partly:
			return twinConsent(k, `"type":"deny",`+criteria+`,`+part(k))
		}
		return twinConsent(k, `"type":"deny",`+criteria)
	}
}

func twinConsent(k int, provision string) string {
	return fmt.Sprintf(`{"resourceType":"Consent","id":"c%d","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
		"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/r%d"},"dateTime":"2019-01-01",
		"policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},"provision":{%s}}`, k, k, provision)
}
