package node

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/access"
)

// prepared are the rows of a table of questions.
func prepared(t *testing.T, name string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile("testdata/explain/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			rows = append(rows, strings.Split(line, " | "))
		}
	}
	return rows
}

// says holds that each of some phrases is said.
func phrasesIn(t *testing.T, what, said, phrases string) {
	t.Helper()
	for phrase := range strings.SplitSeq(phrases, ";") {
		if !strings.Contains(said, strings.TrimSpace(phrase)) {
			t.Errorf("%s: no %q in\n%s", what, strings.TrimSpace(phrase), said)
		}
	}
}

// story is a node to which things happened, and when each had.
type storied struct {
	*testNode
	times *strings.Replacer
}

func storyNode(t *testing.T) storied {
	n := startNode(t, t.TempDir())
	var times []string
	system, doctor := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT", func(g *Grant) { g.Subject = "Practitioner/dr" })
	put := func(path, body string) { system.Put(path, body).Want(201) }
	then := func(name string) { times = append(times, "{"+name+"}", momentNow()) }
	team := func(member string) string {
		return `{"resourceType":"CareTeam","id":"team","status":"active","participant":[{"member":{"reference":"` + member + `"}}]}`
	}
	doctor.Get("/Patient/p1").Want(404)
	then("before")
	for _, p := range []string{"p1", "p2", "p3"} {
		put("/Patient/"+p, patientJSON(p, "Family"+p))
	}
	put("/Observation/o1", observationJSON("o1", "p1", 70))
	put("/Observation/of1", observationJSON("of1", "p1", 70))
	put("/Observation/o2", observationJSON("o2", "p2", 70))
	put("/Observation/o3", observationJSON("o3", "p2", 70))
	put("/CareTeam/team", team("Practitioner/dr"))
	then("start")
	put("/Consent/no", privacyConsent("no", "p1", hidesAll))
	then("denied")
	system.Do("DELETE", "/Consent/no", "").Want(204)
	put("/Consent/team", privacyConsent("team", "p2", denyActor("CareTeam/team")))
	then("team")
	system.Put("/CareTeam/team", team("Practitioner/nurse")).Want(200)
	then("unteamed")
	put("/Consent/res", privacyConsent("res", "p1", `{"type":"permit","purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HRESCH"}]}`))
	then("research")
	put("/Consent/again", privacyConsent("again", "p1", hidesAll))
	time.Sleep(1100 * time.Millisecond) // emergencies are known to the second
	one := admin(doctor, "POST", "/breakglass", `{"patient":"Patient/p1","reason":"no pulse","minutes":30}`).Want(201)
	then("emergency")
	time.Sleep(1100 * time.Millisecond)
	id, _ := one.JSON()["id"].(string)
	admin(doctor, "POST", "/breakglass/"+id+"/end", "").Want(204)
	then("ended")
	system.Put("/Observation/o1", observationJSON("o1", "p2", 70)).Want(200)
	then("moved")
	system.Do("DELETE", "/Observation/o2", "").Want(204)
	put("/Consent/odd", strings.Replace(privacyConsent("odd", "p3", permitTo("access")), `"status"`, `"modifierExtension":[{"url":"urn:x","valueBoolean":true}],"status"`, 1))
	then("deleted")
	s, err := n.node.policies()
	if err != nil {
		t.Fatal(err)
	}
	before, hash := n.node.policy.Revision(), drafted(t, s, officerBy("Practitioner/a"), noResearch(t))
	if _, err := s.Approve(t.Context(), officerBy("Practitioner/b"), hash, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Activate(t.Context(), officerBy("Practitioner/b"), hash); err != nil {
		t.Fatal(err)
	}
	soon(t, "in force", func() bool { return n.node.policy.Revision() == hash })
	then("strict")
	if _, err := s.Rollback(t.Context(), officerBy("Practitioner/b")); err != nil {
		t.Fatal(err)
	}
	soon(t, "rolled back", func() bool { return n.node.policy.Revision() == before })
	return storied{n, strings.NewReplacer(append(times, "{strictly}", hash)...)}
}

// Forty questions and more, of who could read what when and of why something was refused, are
// answered rightly in both languages.
func TestPreparedQuestions(t *testing.T) {
	n := storyNode(t)
	officer := n.as("privacy-officer", "HOPERAT")
	times, refusals := prepared(t, "times.txt"), prepared(t, "refusals.txt")
	if len(times) < 20 || len(refusals) < 20 {
		t.Errorf("%d questions about times, %d about refusals", len(times), len(refusals))
	}
	for _, row := range times {
		query := n.times.Replace(row[1])
		for language, phrases := range map[string]string{"en": row[3], "de": row[4]} {
			r := officer.Get("/Patient/" + row[0] + "/$explain-access?language=" + language + "&" + query).Want(200)
			is := "unknown"
			if r.Has(`"name":"permitted","valueBoolean":true`) {
				is = "yes"
			} else if r.Has(`"name":"permitted","valueBoolean":false`) {
				is = "no"
			}
			if is != row[2] {
				t.Errorf("%s %s: %s, want %s", row[0], row[1], is, row[2])
			}
			phrasesIn(t, row[0]+" "+row[1], sentencesOf(r), n.times.Replace(phrases))
		}
	}
	for _, row := range refusals {
		n.asksWhy(t, officer, row)
	}
}

// asksWhy has a request refused, and asks why.
func (n storied) asksWhy(t *testing.T, officer user, row []string) {
	t.Helper()
	who := strings.Fields(row[0])
	var header []string
	asker := n.as(who[0], who[1], func(g *Grant) {
		for _, said := range who[2:] {
			switch name, value, _ := strings.Cut(said, "="); name {
			case "scope":
				g.Scope = value
			case "organization":
				g.Organization = value
			case "patient":
				if g.Patient = value; g.Role == "patient" {
					g.Subject = "Patient/" + value
				}
			case "purpose":
				header = []string{"Aceso-Purpose", value}
			}
		}
	})
	method, path, _ := strings.Cut(row[1], " ")
	r := asker.Do(method, path, "", header...)
	if got := r.Status; got != map[string]int{"403": 403, "404": 404}[row[2]] {
		t.Errorf("%s: status %d %s", row[:2], got, r.Body)
		return
	}
	id, _ := access.AuditEventOf(r.Header.Get("X-Aceso-Record"))
	if id == "" {
		t.Errorf("%s: no record in %v", row[:2], r.Header)
		return
	}
	for language, phrases := range map[string]string{"en": row[4], "de": row[5]} {
		told := admin(officer, "GET", "/decisions/"+id+"?language="+language, "").Want(200)
		if told.JSON()["reason"] != row[3] || told.JSON()["decision"] != "deny" {
			t.Errorf("%s: %s", row[:2], told.Body)
		}
		why, _ := told.JSON()["why"].(map[string]any)
		said := ""
		for _, s := range why["sentences"].([]any) {
			said += s.(string) + "\n"
		}
		phrasesIn(t, strings.Join(row[:2], " "), said, phrases)
	}
}

// Decisions are found by what the form of the accesses page asks, page by page, by the office
// alone; each question is recorded.
func TestDecisionsAreFound(t *testing.T) {
	n := leakNode(t, true)
	mallory := n.as("practitioner", "TREAT", func(g *Grant) { g.Subject, g.Name = "Practitioner/mallory", "Mallory" })
	for range 51 {
		mallory.Get("/Patient/p2").Want(404)
	}
	last := mallory.Get("/Patient/p2").Want(404)
	officer := n.as("privacy-officer", "HOPERAT")
	day := time.Now().UTC().Format(time.DateOnly)
	for query, want := range map[string]int{
		"decision=deny": 50, "decision=deny&patient=Patient/p1": 0, "person=Practitioner/mallory": 50, "person=Mallory&reason=row-refused": 50, "request=" + last.Header.Get("X-Request-Id"): 1,
		"organization=elsewhere": 0, "purpose=TREAT&what=read&decision=deny": 50, "decision=deny&from=" + day: 50, "decision=deny&to=2020-01-01": 0, "decision=deny&day=" + day: 50, "decision=deny&day=2020-01-01": 0,
	} {
		found := admin(officer, "GET", "/decisions?"+query, "").Want(200)
		all, _ := found.JSON()["decisions"].([]any)
		if len(all) != want {
			t.Errorf("%s: %d decisions, want %d", query, len(all), want)
		}
		if next, more := found.JSON()["next"].(string); more != (want == 50) {
			t.Errorf("%s: next %q", query, next)
		}
	}
	first := admin(officer, "GET", "/decisions?decision=deny", "").Want(200)
	next, _ := first.JSON()["next"].(string)
	second := admin(officer, "GET", strings.TrimPrefix(next, "/admin"), "").Want(200)
	if all, _ := second.JSON()["decisions"].([]any); len(all) != 2 {
		t.Errorf("%d on the second page", len(all))
	}
	admin(officer, "GET", "/decisions?colour=red", "").Want(400)
	admin(officer, "GET", "/decisions?decision=deny&decision=permit", "").Want(400)
	admin(officer, "GET", "/decisions/none", "").Want(404)
	for _, u := range []user{mallory, n.as("administrator", "HOPERAT")} {
		admin(u, "GET", "/decisions?decision=deny", "").Want(403)
		admin(u, "GET", "/decisions/n1.accesses.0.1", "").Want(403)
	}
	if found := officer.Get("/AuditEvent?subtype=explain&outcome=4").Want(200); len(found.IDs()) != 3 {
		t.Errorf("%d questions in vain are recorded", len(found.IDs()))
	}
}
