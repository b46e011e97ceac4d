package node

import (
	"net/url"
	"strings"
	"testing"
)

// sentencesOf are those of the answer of $explain-access.
func sentencesOf(r response) string {
	var all []string
	parts, _ := r.JSON()["parameter"].([]any)
	for _, p := range parts {
		if m, _ := p.(map[string]any); m["name"] == "sentence" {
			text, _ := m["valueString"].(string)
			all = append(all, text)
		}
	}
	return strings.Join(all, "\n")
}

// The office asks who could read what, and is told the rule, its line, and the Consent, in
// both languages.
func TestOfficeAsksWhoCouldRead(t *testing.T) {
	n := leakNode(t, true)
	n.as("system", "HOPERAT").Put("/Consent/no", privacyConsent("no", "p1", hidesAll)).Want(201)
	officer := n.as("privacy-officer", "HOPERAT")
	ask := func(patient, query string, header ...string) response {
		return officer.Do("GET", "/Patient/"+patient+"/$explain-access?"+query, "", header...).Want(200)
	}
	for _, c := range []struct {
		patient, query string
		permitted      bool
		words          []string
	}{
		{"p1", "agent=Practitioner/dr", false, []string{"could not read Patient/p1", "own staff or system, treatment", "clinician.rego, line ", "forbids it: Consent/no/_history/1"}},
		{"p2", "agent=Practitioner/dr&resource=Observation/o-p2", true, []string{"could read Observation/o-p2", "unless the token says", "say nothing"}},
		{"p2", "agent=Practitioner/mallory", false, []string{"A Consent of Patient/p2 forbids it: Consent/c-p2/_history/1"}},
		{"p2", "agent=Practitioner/dr&purpose=HRESCH", false, []string{"unless a Consent permits"}},
		{"p2", "agent=Practitioner/dr&purpose=HMARKT", false, []string{"The policy refuses it: the role may not act for this purpose."}},
		{"p2", "agent=Practitioner/dr&scope=user/Observation.rs", false, []string{"no scope of the token covers"}},
		{"p2", "agent=Practitioner/dr&purpose=BTG", false, []string{"There is none."}},
		{"p2", "agent=Practitioner/dr&resource=Observation/none", false, []string{"Observation/none is not stored now."}},
		{"p2", "agent=Patient/p2&role=patient&purpose=PATRQT", true, []string{"a patient, own data", "Consents are not asked."}},
		{"p2", "agent=Patient/p1&role=patient&purpose=PATRQT", false, []string{"the record of another patient only"}},
		{"p2", "agent=Practitioner/dr&organization=elsewhere", false, []string{"another organisation"}},
	} {
		r := ask(c.patient, c.query)
		said := sentencesOf(r)
		for _, w := range c.words {
			if !strings.Contains(said, w) {
				t.Errorf("%s: no %q in\n%s", c.query, w, said)
			}
		}
		if yes := r.Has(`"name":"permitted","valueBoolean":true`); yes != c.permitted {
			t.Errorf("%s: permitted %v\n%s", c.query, yes, said)
		}
	}
	german := ask("p1", "agent=Practitioner/dr", "Accept-Language", "de-DE,en;q=0.5")
	if said := sentencesOf(german); !strings.Contains(said, "nicht lesen") || !strings.Contains(said, "verbietet es: Consent/no") || german.Header.Get("Content-Language") != "de" {
		t.Errorf("in German:\n%s", said)
	}
	if found := officer.Get("/AuditEvent?subtype=explain&patient=Patient/p2").Want(200); len(found.IDs()) != 10 {
		t.Errorf("%d records name the patient", len(found.IDs()))
	}
}

// Who is not of the office, and who asks nonsense, is told nothing.
func TestOthersAskNobodysAccess(t *testing.T) {
	n := leakNode(t, true)
	const path = "/Patient/p2/$explain-access?agent=Practitioner/dr"
	for name, u := range map[string]user{
		"doctor": n.as("practitioner", "TREAT"), "patient": n.as("patient", "PATRQT", func(g *Grant) { g.Patient = "p2" }), "system": n.as("system", "HOPERAT"), "administrator": n.as("administrator", "HOPERAT"),
		"guest": n.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Organization = "elsewhere" }),
	} {
		if r := u.Get(path); r.Status != 403 || r.Has("Consent/") {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
		}
	}
	officer := n.as("privacy-officer", "HOPERAT")
	for query, status := range map[string]int{
		"": 400, "agent=": 400, "agent=a&agent=b": 400, "agent=a&when=2026-01-01": 400, "agent=a&resource=AuditEvent/1": 400, "agent=a&resource=x": 400, "agent=a&scope=user/Observation.x": 400,
		"agent=a&resource=Observation/o-p1": 404, "agent=" + strings.Repeat("a", 4001): 400,
	} {
		officer.Get("/Patient/p2/$explain-access?" + query).Want(status)
	}
}

// The page says the same of a question, and why a record says what it says; what others
// have written stays text.
func TestExplainPage(t *testing.T) {
	n := emergencyNode(t)
	n.as("practitioner", "TREAT").Get("/Patient/p1").Want(404)
	ids := n.as("privacy-officer", "HOPERAT").Get("/AuditEvent?subtype=read&patient=Patient/p1&_count=1").Want(200).IDs()
	p := arrives(t, n.Server.URL)
	p.opens("/ui/explain").sends("/ui/sign-in", "login", "officer", "password", goodPassword).sees(200, "Could somebody read this?")
	p.opens("/ui/explain?record="+strings.TrimPrefix(ids[0], "AuditEvent/")).sees(200, "and it was refused", "row-refused", "Consent/all/_history/1", `value="Patient/p1"`)
	p.opens("/ui/explain?language=de&agent="+url.QueryEscape("<b>x</b>")+"&patient=Patient/p1").sees(200, "nicht lesen", "&lt;b&gt;x", `lang="de"`, "refused")
	p.opens("/ui/explain?agent=Practitioner/practitioner&patient=Patient/p1&role=&purpose=&resource=").sees(200, "forbids it: Consent/all/_history/1")
	p.opens("/ui/explain?record=none").sees(404)
	p.opens("/ui/explain?agent=x&patient=Group/1").sees(400, "Name the patient as in Patient/1.")
	d := arrives(t, n.Server.URL)
	d.opens("/ui/explain?agent=x&patient=Patient/p1").sends("/ui/sign-in", "login", "doctor", "password", goodPassword).sees(403, "interaction-not-allowed")
}
