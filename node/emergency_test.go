package node

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/node/nodetest"
)

// admin asks an address below /admin.
func admin(u user, method, path, body string) response {
	u.Node.T.Helper()
	r, err := http.NewRequestWithContext(u.Node.T.Context(), method, u.Node.Server.URL+"/admin"+path, strings.NewReader(body))
	if err != nil {
		u.Node.T.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+u.Token)
	answer, err := u.Node.Exchange(method+" "+path, r)
	if err != nil {
		u.Node.T.Fatal(err)
	}
	return answer
}

const hidesAll, hidesFromBTG = `{"type":"deny"}`, `{"type":"deny","purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"BTG"}]}`

// emergencyNode has a patient who refuses everything, and one who refuses it for BTG, too.
func emergencyNode(t *testing.T) *testNode {
	n := atNode(t)
	system := n.as("system", "HOPERAT")
	system.Put("/Consent/all", privacyConsent("all", "p1", hidesAll)).Want(201)
	system.Put("/Consent/btg", privacyConsent("btg", "p2", hidesFromBTG)).Want(201)
	return n
}

// A doctor declares an emergency, sees with the header what was hidden, and ends it; the
// officer sees who did it, and judges it. All of it is recorded.
func TestEmergencyFromDeclarationToJudgement(t *testing.T) {
	n := emergencyNode(t)
	doctor, officer := n.as("practitioner", "TREAT"), n.as("privacy-officer", "HOPERAT")
	btg := func(path string) nodetest.Answer { return doctor.Do("GET", path, "", "Aceso-Purpose", "BTG") }
	doctor.Get("/Patient/p1").Want(404)
	btg("/Patient/p1").Want(403)
	one := admin(doctor, "POST", "/breakglass", `{"patient":"Patient/p1","reason":"no pulse","minutes":30}`).Want(201)
	if one.JSON()["patient"] != "Patient/p1" || one.Has(`"key"`) || one.Header.Get("X-Aceso-Record") == "" {
		t.Errorf("%v %s", one.Header, one.Body)
	}
	admin(doctor, "POST", "/breakglass", `{"patient":"Patient/p2","reason":"no pulse"}`).Want(201)
	btg("/Patient/p1").Want(200)
	doctor.Get("/Patient/p1").Want(404)
	btg("/Patient/p2").Want(404)
	if found := officer.Get("/AuditEvent?purpose=BTG&patient=Patient/p1").Want(200); len(found.IDs()) < 1 || !found.Has("break-glass") {
		t.Errorf("the record: %s", found.Body)
	}
	id, _ := one.JSON()["id"].(string)
	admin(officer, "POST", "/breakglass/"+id+"/review", `{"judgement":"justified","text":"it was"}`).Want(422)
	admin(doctor, "POST", "/breakglass/"+id+"/end", "").Want(204)
	btg("/Patient/p1").Want(404)
	admin(officer, "POST", "/breakglass/"+id+"/review", `{"judgement":"justified","text":"it was"}`).Want(204)
	if all := admin(officer, "GET", "/breakglass", "").Want(200); !all.Has("no pulse") || !all.Has(`"judgement":"justified"`) {
		t.Errorf("the list: %s", all.Body)
	}
	for _, what := range []string{"break-glass", "break-glass-read", "break-glass-review"} {
		if found := officer.Get("/AuditEvent?subtype=" + what).Want(200); len(found.IDs()) == 0 {
			t.Errorf("%s is not recorded", what)
		}
	}
	wantWhole(t, n.data, n.database)
}

// Who may not declare or review learns nothing of what there is.
func TestEmergenciesAreForWhomThePolicyLets(t *testing.T) {
	n := emergencyNode(t)
	doctor, officer := n.as("practitioner", "TREAT"), n.as("privacy-officer", "HOPERAT")
	one := admin(doctor, "POST", "/breakglass", `{"patient":"Patient/p1","reason":"no pulse"}`).Want(201)
	id, _ := one.JSON()["id"].(string)
	const declare, judge = `{"patient":"Patient/p1","reason":"mine"}`, `{"judgement":"justified","text":"fine"}`
	guest := n.as("practitioner", "TREAT", func(g *Grant) { g.Organization = "elsewhere" })
	other := n.as("practitioner", "TREAT", func(g *Grant) { g.Subject = "Practitioner/other" })
	for name, u := range map[string]user{"guest": guest, "system": n.as("system", "HOPERAT"), "patient": n.as("patient", "PATRQT", func(g *Grant) { g.Patient = "p1" }), "administrator": n.as("administrator", "HOPERAT"), "researcher": n.as("practitioner", "HRESCH")} {
		for _, r := range []response{admin(u, "POST", "/breakglass", declare), admin(u, "GET", "/breakglass", ""), admin(u, "POST", "/breakglass/"+id+"/end", ""), admin(u, "POST", "/breakglass/none/end", ""), admin(u, "POST", "/breakglass/"+id+"/review", judge)} {
			if r.Status != 403 || r.Has("no pulse") {
				t.Errorf("%s: %s: %d %s", name, r.What, r.Status, r.Body)
			}
		}
	}
	admin(other, "POST", "/breakglass/"+id+"/end", "").Want(403)
	if own := admin(other, "GET", "/breakglass", "").Want(200); own.Has("no pulse") {
		t.Errorf("another's: %s", own.Body)
	}
	other.Do("GET", "/Patient/p1", "", "Aceso-Purpose", "BTG").Want(403)
	n.as("practitioner", "HRESCH").Do("GET", "/Patient/p1", "", "Aceso-Purpose", "BTG").Want(403)
	admin(officer, "POST", "/breakglass/"+id+"/end", "").Want(204)
	admin(officer, "POST", "/breakglass/none/review", judge).Want(404)
	admin(doctor, "POST", "/breakglass", `{"patient":"Patient/p1","reason":"long","minutes":241}`).Want(422)
	admin(doctor, "POST", "/breakglass", `{"patient":"Patient/p1","who":"me"}`).Want(400)
}

// What waits for the office is told as numbers, without a patient.
func TestWaitingEmergenciesAreCounted(t *testing.T) {
	n := emergencyNode(t)
	admin(n.as("practitioner", "TREAT"), "POST", "/breakglass", `{"patient":"Patient/p1","reason":"no pulse"}`).Want(201)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.Server.URL+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+n.as("administrator", "HOPERAT").Token)
	a, err := n.Exchange("metrics", r)
	if err != nil || !a.Has("\naceso_emergencies_waiting 1\n") || !a.Has("\naceso_emergencies_overdue 0\n") || a.Has("p1") {
		t.Errorf("%v %s", err, a.Body)
	}
}

// The pages do the same for people: the banner is on every page of who has declared one.
func TestEmergencyPages(t *testing.T) {
	n := emergencyNode(t)
	doctor := arrives(t, n.Server.URL)
	doctor.opens("/ui/emergencies?patient=Patient/p1").sees(401, "Sign in")
	doctor.sends("/ui/sign-in", "login", "doctor", "password", goodPassword).sees(200, "Declare an emergency", `value="Patient/p1"`, "There are none.")
	doctor.sends("/ui/emergencies", "do", "declare", "reason", "<b>no pulse</b>", "minutes", "900").sees(422, "4 hours at most", "&lt;b&gt;no pulse")
	doctor.sends("/ui/emergencies", "do", "declare", "reason", "<b>no pulse</b>", "minutes", "30").sees(200, "is declared", "Emergency access is open", "&lt;b&gt;no pulse")
	n.as("practitioner", "TREAT").Do("GET", "/Patient/p1", "", "Aceso-Purpose", "BTG").Want(200)
	doctor.opens("/ui/ledger").sees(403, "Emergency access is open", "Patient/p1")
	doctor.opens("/ui/emergencies").sees(200)
	forged := doctor.fields("/ui/emergencies")
	doctor.sends("/ui/emergencies", "do", "declare", "form", "forged").sees(403, "was not made for this browser")

	officer := arrives(t, n.Server.URL)
	officer.opens("/ui/emergencies").sends("/ui/sign-in", "login", "officer", "password", goodPassword).sees(200, "Ada Berg", "&lt;b&gt;no pulse", "running")
	if strings.Contains(officer.page, "Declare an emergency") || strings.Contains(officer.page, forged.Get("form")) {
		t.Error("the officer's page is the doctor's")
	}
	officer.sends("/ui/emergencies", "do", "end").sees(200, "has ended", "to be judged")
	officer.sends("/ui/emergencies", "do", "judge", "judgement", "unjustified", "text", "no encounter").sees(200, "Your judgement is recorded", "Eva Lind", "no encounter")
	doctor.opens("/ui/emergencies").sees(200, "There are none.")
	if strings.Contains(doctor.page, "Emergency access is open") {
		t.Error("the banner outlives the emergency")
	}
}
