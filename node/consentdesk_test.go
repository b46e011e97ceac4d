package node

import (
	"fmt"
	"strings"
	"testing"
)

// The office asks what a Consent says, which contradict each other, and what one would change;
// the answers are sentences in both languages, and numbers.
func TestOfficeLooksIntoConsents(t *testing.T) {
	n := leakNode(t, true)
	system, officer := n.as("system", "HOPERAT"), n.as("privacy-officer", "HOPERAT")
	system.Put("/Consent/no", privacyConsent("no", "p1", hidesAll)).Want(201)
	if r := officer.Get("/Consent/no/$sentences").Want(200); !r.Has("It forbids everybody to read all data, for every purpose.") || r.Header.Get("Content-Language") != "en" {
		t.Errorf("%s", r.Body)
	}
	if r := officer.Do("GET", "/Consent/no/$sentences", "", "Accept-Language", "de").Want(200); !r.Has("Sie verbietet allen, alle Daten zu lesen, zu jedem Zweck.") || r.Header.Get("Content-Language") != "de" {
		t.Errorf("%s", r.Body)
	}
	n.as("practitioner", "TREAT").Get("/Consent/no/$sentences").Want(404)
	officer.Get("/Consent/none/$sentences").Want(404)

	found := officer.Get("/Consent/$problems").Want(200)
	for _, want := range []string{`{"name":"contradicted","valueDecimal":1}`, `{"name":"id","valueString":"Patient/p1"}`, `{"name":"permits","valueString":"Consent/c-p1/_history/1"}`, `{"name":"wins","valueString":"Consent/no/_history/1"}`} {
		if !found.Has(want) {
			t.Errorf("no %s in %s", want, found.Body)
		}
	}
	if found.Has("Patient/p2") {
		t.Errorf("%s", found.Body)
	}
	n.as("practitioner", "TREAT").Get("/Consent/$problems").Want(403)
	officer.Get("/Consent/$problems?_count=0").Want(400)

	before := n.size("changes")
	withdrawn := officer.Get("/Consent/no/$simulate?agent=Practitioner/dr").Want(200)
	if !withdrawn.Has(`{"name":"kind","valueCode":"asked"},{"name":"agent","valueString":"Practitioner/dr"}`) || !withdrawn.Has(`{"name":"gains","part":[{"name":"type","valueCode":"Observation"},{"name":"count","valueDecimal":1}]}`) {
		t.Errorf("%s", withdrawn.Body)
	}
	written := officer.Post("/Consent/$simulate", strings.Replace(privacyConsent("new", "p2", hidesAll), `"id":"new",`, "", 1)).Want(200)
	if !written.Has(`{"name":"loses","part":[{"name":"type","valueCode":"Encounter"},{"name":"count","valueDecimal":1}]}`) || !written.Has("It forbids everybody to read all data") {
		t.Errorf("%s", written.Body)
	}
	if after := n.size("changes"); after != before {
		t.Errorf("%d changes were recorded", after-before)
	}
	n.as("practitioner", "TREAT").Get("/Patient/p2").Want(200)
	for _, u := range []user{n.as("practitioner", "TREAT"), n.as("system", "HOPERAT"), n.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Organization = "elsewhere" })} {
		u.Get("/Consent/no/$simulate").Want(403)
	}
	if found := officer.Get("/AuditEvent?subtype=simulate&patient=Patient/p1").Want(200); len(found.IDs()) != 4 {
		t.Errorf("%d records of simulations", len(found.IDs()))
	}
}

// fastParameters are the Parameters of an operation of HL7's guide.
func fastParameters(parts ...string) string {
	return `{"resourceType":"Parameters","parameter":[` + strings.Join(parts, ",") + `]}`
}

func resourcePart(name, resource string) string {
	return fmt.Sprintf(`{"name":%q,"resource":%s}`, name, resource)
}

func referencePart(name, reference string) string {
	return fmt.Sprintf(`{"name":%q,"valueReference":{"reference":%q}}`, name, reference)
}

// A Consent is filed with its document, both or neither, and revoked with a reason that it
// bears. It is decided like the create and the patch that it is, and binds at once.
func TestConsentsAreFiledAndRevoked(t *testing.T) {
	n := leakNode(t, true)
	system, doctor := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT")
	consent := strings.Replace(strings.Replace(privacyConsent("x", "p2", hidesAll), `"id":"x",`, "", 1), `"dateTime"`, `"sourceReference":{"reference":"DocumentReference/paper"},"dateTime"`, 1)
	const document = `{"resourceType":"DocumentReference","id":"paper","status":"current","subject":{"reference":"Patient/p2"},"content":[{"attachment":{"contentType":"text/plain","data":"eA=="}}]}`
	filed := system.Post("/Consent/$fileConsent", fastParameters(resourcePart("consent", consent), resourcePart("document", document))).Want(201)
	id, _ := filed.JSON()["id"].(string)
	source, _ := filed.JSON()["sourceReference"].(map[string]any)["reference"].(string)
	if id == "" || source == "DocumentReference/paper" || !strings.HasPrefix(source, "DocumentReference/") {
		t.Fatalf("%s", filed.Body)
	}
	system.Get("/" + source).Want(404) // she hides it from everybody
	doctor.Get("/Patient/p2").Want(404)

	wrong := fastParameters(resourcePart("consent", consent), resourcePart("document", strings.Replace(document, `"status":"current",`, "", 1)))
	before := n.size("changes")
	system.Post("/Consent/$fileConsent", wrong).Want(422)
	n.as("practitioner", "TREAT", func(g *Grant) { g.Organization = "elsewhere" }).Post("/Consent/$fileConsent", fastParameters(resourcePart("consent", consent))).Want(403)
	if after := n.size("changes"); after != before {
		t.Errorf("%d changes were recorded", after-before)
	}

	revoke := func(parts ...string) string {
		return fastParameters(append([]string{referencePart("consent", "Consent/"+id)}, parts...)...)
	}
	reason := `{"name":"reason","valueString":"<b>she said so</b>"}`
	for name, u := range map[string]user{
		"doctor": doctor, "guest": n.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Organization = "elsewhere" }), "other patient": n.as("patient", "PATRQT", func(g *Grant) { g.Subject, g.Patient = "Patient/p1", "p1" }),
	} {
		if r := u.Post("/Consent/$revokeConsent", revoke(reason)); r.Status != 403 && r.Status != 404 || r.Has("provision") {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
		}
	}
	doctor.Get("/Patient/p2").Want(404)
	officer := n.as("privacy-officer", "HOPERAT")
	officer.Post("/Consent/$revokeConsent", revoke(referencePart("patient", "Patient/p1"))).Want(422)
	officer.Post("/Consent/$revokeConsent", revoke(resourcePart("document", document))).Want(403)
	revoked := officer.Post("/Consent/$revokeConsent", revoke(referencePart("patient", "Patient/p2"), reason)).Want(200)
	for _, want := range []string{`"status":"inactive"`, "consent-revocation", "she said so", `"valueInstant":"`} {
		if !revoked.Has(want) {
			t.Errorf("no %s in %s", want, revoked.Body)
		}
	}
	doctor.Get("/Patient/p2").Want(200)
	officer.Post("/Consent/$revokeConsent", revoke()).Want(422)
	officer.Post("/Consent/$revokeConsent", fastParameters(referencePart("consent", "Consent/none"))).Want(404)
	if found := officer.Get("/AuditEvent?action=U&patient=Patient/p2&decision=permit").Want(200); len(found.IDs()) < 1 || !found.Has("Consent/"+id) {
		t.Errorf("the record: %s", found.Body)
	}
}

const disclosureJSON = `{"resourceType":"AuditEvent","type":{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"110106"},"recorded":"2026-01-02T03:04:05Z","source":{"observer":{"display":"archive"}},` +
	`"purposeOfEvent":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"TREAT"}]}],` +
	`"agent":[{"requestor":true,"who":{"display":"archive"}},{"requestor":false,"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]},"who":{"reference":"Organization/elsewhere"}}],` +
	`"entity":[{"what":{"reference":"Patient/p1"}},{"what":{"reference":"Observation/o-p1"}}]}`

// A reported disclosure is an entry of the change log, and stands in AuditEvents, in the
// patient's report and on her page as what it is: reported, and not observed.
func TestReportedDisclosures(t *testing.T) {
	n := leakNode(t, true)
	system, officer := n.as("system", "HOPERAT"), n.as("privacy-officer", "HOPERAT")
	before := n.size("changes")
	r := system.Post("/AuditEvent/$recordDisclosure", fastParameters(resourcePart("disclosure", disclosureJSON), referencePart("consent", "Consent/c-p1"))).Want(200)
	if n.size("changes") != before+1 || !strings.Contains(r.Header.Get("X-Aceso-Record"), "/changes.") {
		t.Errorf("%v", r.Header)
	}
	found := officer.Get("/AuditEvent?subtype=disclosure-record&patient=Patient/p1").Want(200)
	if len(found.IDs()) != 1 || !found.Has(`"url":"https://aceso.health/fhir/StructureDefinition/reported","valueBoolean":true`) || !found.Has(`"code":"disclose"`) || !found.Has("Organization/elsewhere") {
		t.Errorf("%s", found.Body)
	}
	patient := n.as("patient", "PATRQT", func(g *Grant) { g.Subject, g.Patient = "Patient/p1", "p1" })
	if report := patient.Get("/Patient/p1/$access-report").Want(200); !report.Has("StructureDefinition/reported") {
		t.Errorf("%s", report.Body)
	}
	visitorWith(n, officer).page("/ui/patients/p1/report", 200, "Reported that your data were given to others, which was not observed here")

	before = n.size("changes") - 1
	for _, bad := range []string{
		strings.Replace(disclosureJSON, "Patient/p1", "Patient/none", 1), strings.Replace(disclosureJSON, "Patient/p1", "Group/1", 1),
		strings.Replace(disclosureJSON, `Observation/o-p1`, "Patient/p2", 1), strings.ReplaceAll(disclosureJSON, "archive", strings.Repeat("a", 5000)),
	} {
		if a := system.Post("/AuditEvent/$recordDisclosure", fastParameters(resourcePart("disclosure", bad))); a.Status/100 != 4 || n.size("changes") != before+1 {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	const tooLong = "What a disclosure says may have up to 4,000 bytes. Report it in parts."
	if a := system.Post("/AuditEvent/$recordDisclosure", fastParameters(resourcePart("disclosure", strings.ReplaceAll(disclosureJSON, "archive", strings.Repeat("a", 5000))))).Want(400); !a.Has(tooLong) {
		t.Errorf("%s", a.Body)
	}
	n.as("practitioner", "TREAT").Post("/AuditEvent/$recordDisclosure", fastParameters(resourcePart("disclosure", disclosureJSON))).Want(403)
	system.Post("/AuditEvent", disclosureJSON).Want(405)
}
