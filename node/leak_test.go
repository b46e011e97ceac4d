package node

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/aceso-health/aceso/store/search"
)

// request is one HTTP request of a table.
type request struct {
	method, path, body string
	header             []string
}

func (r request) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.method, r.path, strings.Join(r.header, " "), r.body))
}

func send(u user, r request) response {
	u.Node.T.Helper()
	return u.Do(r.method, r.path, r.body, r.header...)
}

// Parts of answers that differ between two nodes that hold the same.
var (
	madeID   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	moment   = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`)
	pageLink = regexp.MustCompile(`_page=[A-Za-z0-9_%=-]+`)
	receipts = regexp.MustCompile(`[a-z]+/n1/[a-z]+\.\d+/\d+;c=[0-9a-f]+`)
)

// story is everything a client can see of an answer: status, the headers that
// tell of data, the body, and how many records there are of it.
func story(r response) string {
	text := fmt.Sprintf("%d ETag=%s Location=%s Modified=%t records=%d\n%s", r.Status, r.Header.Get("ETag"),
		r.Header.Get("Location"), r.Header.Get("Last-Modified") != "",
		strings.Count(r.Header.Get("X-Aceso-Record"), ";c="), r.Body)
	for _, p := range []struct {
		re *regexp.Regexp
		to string
	}{{madeID, "ID"}, {moment, "TIME"}, {pageLink, "PAGE"}, {receipts, "RECORD"}} {
		text = p.re.ReplaceAllString(text, p.to)
	}
	return text
}

// privacyConsent is a Consent with the provision given, in JSON.
func privacyConsent(id, patient, provision string) string {
	return fmt.Sprintf(`{"resourceType":"Consent","id":%q,"status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentcategorycodes","code":"infa"}]}],"patient":{"reference":"Patient/%s"},"dateTime":"2025-01-01","policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},"provision":%s}`, id, patient, provision)
}

// denyActor refuses one agent everything.
func denyActor(actor string) string {
	return fmt.Sprintf(`{"type":"deny","actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]},"reference":{"reference":%q}}]}`, actor)
}

// encounterJSON belongs to a patient and names a practitioner.
func encounterJSON(id, patient string) string {
	return fmt.Sprintf(`{"resourceType":"Encounter","id":%q,"status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"Patient/%s"},"participant":[{"individual":{"reference":"Practitioner/dr"}}]}`, id, patient)
}

const practitionerJSON = `{"resourceType":"Practitioner","id":"dr","name":[{"family":"Doctor"}]}`

// leakNode has a patient p1 who permits everything and, if with, a patient p2 who
// permits nothing to others and refuses Practitioner/mallory everything.
func leakNode(t *testing.T, with bool, change ...func(*Node, *Options)) *testNode {
	n := startNode(t, t.TempDir(), change...)
	system := n.as("system", "HOPERAT")
	system.Put("/Practitioner/dr", practitionerJSON).Want(201)
	load := func(p, provision string) {
		system.Put("/Patient/"+p, patientJSON(p, "Family"+p)).Want(201)
		system.Put("/Observation/o-"+p, observationJSON("o-"+p, p, 70)).Want(201)
		system.Put("/Observation/o-"+p, observationJSON("o-"+p, p, 71)).Want(200)
		system.Put("/Encounter/e-"+p, encounterJSON("e-"+p, p)).Want(201)
		system.Put("/Observation/d-"+p, observationJSON("d-"+p, p, 72)).Want(201)
		system.Do("DELETE", "/Observation/d-"+p, "").Want(204)
		system.Put("/Consent/c-"+p, privacyConsent("c-"+p, p, provision)).Want(201)
	}
	load("p1", permitTo("access", "collect", "correct"))
	if with {
		load("p2", denyActor("Practitioner/mallory"))
	}
	return n
}

// inSets makes a node count, walk and join with sets of places although it holds little, and
// not look at each row.
func inSets(n *Node, _ *Options) {
	n.folder.Tune = func(o *search.Options) { o.Patience, o.Choice = search.Patience{Many: 1}, search.WalkOrders }
}

// outsiders are callers who may not know p2, each for another reason.
func outsiders(n *testNode) map[string]user {
	return map[string]user{
		"researcher": n.as("practitioner", "HRESCH"),
		"guest":      n.as("practitioner", "TREAT", func(g *Grant) { g.Organization = "elsewhere" }),
		"denied":     n.as("practitioner", "TREAT", func(g *Grant) { g.Subject = "Practitioner/mallory" }),
		"launched":   n.as("practitioner", "TREAT", func(g *Grant) { g.Scope, g.Patient = "patient/*.cruds", "p1" }),
		"patient":    n.as("patient", "PATRQT", func(g *Grant) { g.Subject, g.Patient = "Patient/p1", "p1" }),
	}
}

// looks are requests that change nothing and that would tell of p2 in one of the
// ways there are.
func looks() []request {
	get := func(paths ...string) (all []request) {
		for _, p := range paths {
			all = append(all, request{method: "GET", path: p})
		}
		return all
	}
	all := get(
		"/Patient/p2", "/Observation/o-p2", "/Encounter/e-p2", "/Observation/d-p2", "/Consent/c-p2",
		"/Observation/o-p2/_history/1", "/Observation/o-p2/_history/2", "/Observation/o-p2/_history/3",
		"/Observation/d-p2/_history/1", "/Observation/d-p2/_history/2",
		"/Observation/o-p2/_history", "/Observation/d-p2/_history", "/Observation/o-p2/_history?_since=2020-01-01",
		"/Observation/o-p2/_history?_at=2030", "/Observation/_history", "/Patient/_history?_count=1", "/_history", "/_history?_count=1",
		"/Observation/_history?_total=accurate", "/Patient/_history?_count=1&_total=accurate", "/_history?_count=1&_total=estimate",
		"/Observation/o-p2/_history/1/$verify", "/Patient/p2/_history/1/$verify", "/Observation/d-p2/_history/2/$verify",
		"/Patient?_summary=count", "/Observation?_summary=count&code=8867-4", "/Patient?_total=accurate", "/Patient?_total=estimate&_count=1",
		"/Patient?_count=1", "/Patient?_count=1&_sort=family", "/Patient?_count=1&_sort=-family", "/Patient?_sort=-_lastUpdated", "/Patient?_sort=-_id",
		"/Patient?_id=p2", "/Patient?_id=p1,p2", "/Patient?_id:not=p1", "/Patient?family=Familyp2", "/Patient?family:contains=p2", "/Patient?gender:not=male",
		"/Patient?gender:missing=false", "/Patient?address:missing=true", "/Patient?_lastUpdated=gt2020",
		"/Observation?patient=p2", "/Observation?subject=Patient/p2", "/Observation?subject:Patient=p2", "/Observation?encounter:missing=true",
		"/Observation?subject:Patient.family=Familyp2", "/Observation?patient.gender=female", "/Encounter?participant:Practitioner.family=Doctor",
		"/Patient?_has:Observation:patient:code=8867-4", "/Patient?_has:Encounter:patient:status=finished", "/Practitioner?_has:Encounter:participant:status=finished",
		"/Practitioner?_revinclude=Encounter:participant", "/Patient?_revinclude=Observation:subject&_revinclude=Encounter:subject",
		"/Practitioner?_revinclude=Encounter:participant&_include:iterate=Encounter:subject&_revinclude:iterate=Observation:subject",
		"/Encounter?_include=Encounter:subject", "/Encounter?_include=*", "/Practitioner?_revinclude=Encounter:*",
		"/Patient/p2/Observation", "/Patient/p2/Encounter?_summary=count", "/Practitioner/dr/Encounter", "/Patient/p2/Consent", "/Consent",
	)
	return append(all,
		request{method: "HEAD", path: "/Observation/o-p2"},
		request{method: "GET", path: "/Observation/o-p2", header: []string{"If-None-Match", `W/"2"`}},
		request{method: "GET", path: "/Observation/o-p2", header: []string{"If-None-Match", "*"}},
		request{method: "GET", path: "/Observation/o-p2", header: []string{"If-Modified-Since", "Wed, 01 Jan 2098 00:00:00 GMT"}},
		request{method: "POST", path: "/Patient/_search", body: "family=Familyp2", header: []string{"Content-Type", "application/x-www-form-urlencoded"}},
		request{method: "POST", path: "/", body: bundleJSON("batch",
			entryJSON("GET", "Patient/p2", "", ""), entryJSON("GET", "Observation/o-p2/_history", "", ""),
			entryJSON("GET", "Observation?patient=p2&_total=accurate", "", ""), entryJSON("GET", "Patient/p2/Observation", "", ""))},
		request{method: "POST", path: "/", body: bundleJSON("transaction", entryJSON("GET", "Patient/p2", "", ""))},
		request{method: "POST", path: "/", body: bundleJSON("transaction", entryJSON("GET", "Patient?_summary=count", "", ""))},
		request{method: "POST", path: "/", body: bundleJSON("transaction", entryJSON("GET", "Observation/o-p2/_history/1", "", ""))},
	)
}

// writes are requests that must find what p2 has as little as looks do.
func writes() []request {
	put := func(path, body string, header ...string) request { return request{"PUT", path, body, header} }
	remove := func(path string, header ...string) request { return request{"DELETE", path, "", header} }
	return []request{
		put("/Patient/p2", patientJSON("p2", "Taken")),
		put("/Patient/p2", patientJSON("p2", "Taken"), "If-Match", `W/"1"`),
		put("/Patient/p2", patientJSON("p2", "Taken"), "If-Match", `W/"9"`),
		put("/Observation/o-p2", observationJSON("o-p2", "p1", 1)),
		put("/Observation/o-p2", observationJSON("o-p2", "p1", 1), "If-Match", `W/"2"`),
		put("/Observation/d-p2", observationJSON("d-p2", "p1", 1)),
		remove("/Observation/o-p2"), remove("/Observation/o-p2", "If-Match", `W/"2"`), remove("/Observation/o-p2", "If-Match", `W/"7"`),
		remove("/Observation/d-p2"), remove("/Patient/p2"), remove("/Consent/c-p2"),
		remove("/Observation?patient=p2"), remove("/Observation?_id=o-p2"), remove("/Patient?family=Familyp2"),
		put("/Observation?_id=o-p2", observationJSON("o-p2", "p1", 1)),
		put("/Observation?patient=p2", strings.Replace(observationJSON("x", "p1", 1), `"id":"x",`, "", 1)),
		{"POST", "/Observation", observationJSON("x", "p1", 5), []string{"If-None-Exist", "patient=p2"}},
		{"POST", "/", bundleJSON("transaction", entryJSON("PUT", "Observation/o-p2", observationJSON("o-p2", "p1", 1), "")), nil},
		{"POST", "/", bundleJSON("transaction", entryJSON("DELETE", "Observation/o-p2", "", "")), nil},
		{"POST", "/", bundleJSON("transaction", entryJSON("DELETE", "Observation?patient=p2", "", "")), nil},
		{"POST", "/", bundleJSON("transaction", entryJSON("POST", "Observation", observationJSON("x", "p1", 5), `"ifNoneExist":"patient=p2"`)), nil},
		{"POST", "/", bundleJSON("transaction", entryJSON("POST", "Observation",
			strings.Replace(observationJSON("x", "p1", 5), "Patient/p1", "Patient?family=Familyp2", 1), "")), nil},
		{"POST", "/", bundleJSON("batch", entryJSON("PUT", "Observation/o-p2", observationJSON("o-p2", "p1", 1), ""), entryJSON("DELETE", "Patient/p2", "", "")), nil},
	}
}

func bundleJSON(typ string, entries ...string) string {
	return fmt.Sprintf(`{"resourceType":"Bundle","type":%q,"entry":[%s]}`, typ, strings.Join(entries, ","))
}

// entryJSON is an entry; rest is what else the request says.
func entryJSON(method, url, resource, rest string) string {
	if rest != "" {
		rest = "," + rest
	}
	if resource != "" {
		resource = `"resource":` + resource + ","
	}
	return fmt.Sprintf(`{%s"request":{"method":%q,"url":%q%s}}`, resource, method, url, rest)
}

// What may not be known answers exactly like what is not there: two nodes, one
// with p2 and one without, tell the same story, also after changes.
func TestHiddenAnswersLikeAbsent(t *testing.T) { hiddenAnswersLikeAbsent(t) }

// So it is with sets, which no row check stands behind.
func TestSetsHideLikeAbsent(t *testing.T) { hiddenAnswersLikeAbsent(t, inSets) }

func hiddenAnswersLikeAbsent(t *testing.T, change ...func(*Node, *Options)) {
	for name := range outsiders(leakNode(t, false)) {
		t.Run(name, func(t *testing.T) {
			with, without := leakNode(t, true, change...), leakNode(t, false, change...)
			a, b := outsiders(with)[name], outsiders(without)[name]
			check := func(r request) (pages [2]string) {
				hidden, absent := send(a, r), send(b, r)
				if story(hidden) != story(absent) {
					t.Errorf("%s\nwith p2:    %s\nwithout p2: %s", r, story(hidden), story(absent))
				}
				if hidden.Status >= 500 {
					t.Errorf("%s: %d", r, hidden.Status)
				}
				if r.method == "GET" && hidden.Status == 200 && absent.Status == 200 && hidden.JSON()["resourceType"] == "Bundle" {
					pages = [2]string{hidden.Next(), absent.Next()}
				}
				return pages
			}
			for _, r := range looks() {
				for pages := check(r); pages[0] != ""; {
					p, q := a.Get(pages[0]), b.Get(pages[1])
					if story(p) != story(q) {
						t.Errorf("%s: a further page\nwith p2:    %s\nwithout p2: %s", r, story(p), story(q))
						break
					}
					pages = [2]string{p.Next(), q.Next()}
				}
			}
			before := with.as("practitioner", "TREAT").Get("/Observation/o-p2").Want(200)
			for _, r := range writes() {
				check(r)
			}
			for _, path := range []string{"/Patient/p2", "/Observation/o-p2", "/Consent/c-p2"} {
				with.as("system", "HOPERAT").Get(path).Want(200)
			}
			if after := with.as("practitioner", "TREAT").Get("/Observation/o-p2").Want(200); string(after.Body) != string(before.Body) {
				t.Errorf("a caller who may not know it has changed it: %s", after.Body)
			}
			for _, r := range looks() {
				check(r)
			}
		})
	}
}

// Nothing binds what own systems record: they write what they may not read.
func TestOwnSystemsWritePastConsents(t *testing.T) {
	n := leakNode(t, true)
	denied := n.as("system", "HOPERAT", func(g *Grant) { g.Subject = "Practitioner/mallory" })
	denied.Get("/Patient/p2").Want(404)
	denied.Put("/Patient/p2", patientJSON("p2", "X")).Want(200)
	denied.Put("/Patient/new", patientJSON("new", "X")).Want(201)
	denied.Get("/Patient/p2").Want(404)
	denied.Do("DELETE", "/Patient/absent", "").Want(204)
}

// labelled is an Observation with a confidentiality.
func labelled(id, patient, code string) string {
	return strings.Replace(observationJSON(id, patient, 1), `"status"`, `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"`+code+`"}]},"status"`, 1)
}

// A label that was raised later protects the older versions, also after it was
// lowered again and after the resource was deleted.
func TestLabelsProtectThePast(t *testing.T) {
	n := startNode(t, t.TempDir())
	system, doctor := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT")
	system.Put("/Patient/p1", patientJSON("p1", "A")).Want(201)
	system.Put("/Consent/c", privacyConsent("c", "p1", `{"type":"deny","securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}],"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"TREAT"}]}`)).Want(201)
	see := func(path string, status int) {
		t.Helper()
		doctor.Get(path).Want(status)
	}
	system.Put("/Observation/o", labelled("o", "p1", "N")).Want(201)
	see("/Observation/o/_history/1", 200)
	system.Put("/Observation/o", labelled("o", "p1", "R")).Want(200)
	for _, path := range []string{"/Observation/o", "/Observation/o/_history/1", "/Observation/o/_history/2", "/Observation/o/_history", "/Observation/o/_history/1/$verify"} {
		see(path, 404)
	}
	wantIDs(t, doctor.Get("/Observation?_total=accurate"), 0)
	wantIDs(t, doctor.Get("/Observation/_history?_total=accurate"), 0)
	system.Put("/Observation/o", labelled("o", "p1", "N")).Want(200)
	see("/Observation/o", 200)
	see("/Observation/o/_history/2", 404)
	see("/Observation/o/_history/1", 404)
	wantIDs(t, doctor.Get("/Observation/o/_history"), 1, "Observation/o")
	system.Put("/Observation/o", labelled("o", "p1", "V")).Want(200)
	system.Do("DELETE", "/Observation/o", "").Want(204)
	see("/Observation/o", 404)
	see("/Observation/o/_history", 404)
}

// A resource that moves from one patient to another needs the word of both, for
// what it was as well.
func TestMovedResourcesNeedBothPatients(t *testing.T) {
	n := leakNode(t, true)
	system, guest := n.as("system", "HOPERAT"), outsiders(n)["guest"]
	system.Put("/Observation/m", observationJSON("m", "p1", 5)).Want(201)
	guest.Get("/Observation/m/_history/1").Want(200)
	system.Put("/Consent/writes", privacyConsent("writes", "p1", permitTo("correct"))).Want(201)
	guest.Put("/Observation/m", observationJSON("m", "p2", 5)).Want(403)
	guest.Get("/Observation/m").Want(200)
	moved := system.Put("/Observation/m", observationJSON("m", "p2", 5)).Want(200)
	for _, path := range []string{"/Observation/m", "/Observation/m/_history/1", "/Observation/m/_history", "/Observation/m/_history/1/$verify"} {
		guest.Get(path).Want(404)
	}
	event := fmt.Sprint(n.auditEvent(moved))
	for _, patient := range []string{"Patient/p1", "Patient/p2"} {
		if !strings.Contains(event, patient) {
			t.Errorf("the record of the move does not concern %s: %s", patient, event)
		}
	}
	patient := outsiders(n)["patient"]
	own := strings.Replace(observationJSON("x", "p1", 5), `"status"`, `"performer":[{"reference":"Patient/p1"}],"status"`, 1)
	made := patient.Post("/Observation", own).Want(201)
	id := made.JSON()["id"].(string)
	patient.Put("/Observation/"+id, strings.NewReplacer(`"id":"x"`, `"id":"`+id+`"`, `{"reference":"Patient/p1"},"effective`, `{"reference":"Patient/p2"},"effective`).Replace(own)).Want(403)
	system.Get("/Observation/" + id + "/_history/2").Want(404)
}

// Once a denial is acknowledged, no request that begins later is answered by what
// was permitted before; that holds for writes too.
func TestDenialBindsWhateverBeginsLater(t *testing.T) {
	n := leakNode(t, false)
	guest, officer := outsiders(n)["guest"], n.as("privacy-officer", "HOPERAT")
	ask := []request{
		{method: "GET", path: "/Patient/p1"}, {method: "GET", path: "/Observation/o-p1/_history/1"}, {method: "GET", path: "/Observation/o-p1/_history"},
		{method: "GET", path: "/Observation?patient=p1"}, {method: "POST", path: "/Observation", body: withoutID(observationJSON("x", "p1", 1), "x")},
	}
	done := make(chan struct{})
	var busy sync.WaitGroup
	for _, r := range ask { // keeps whatever is remembered busy
		busy.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					_, _ = guest.Try(r.method, r.path, r.body)
				}
			}
		})
	}
	for range 15 {
		for kind, allowed := range map[string]bool{`{"type":"deny"}`: false, permitTo("access", "collect"): true} {
			officer.Put("/Consent/c-p1", privacyConsent("c-p1", "p1", kind)).Want(200)
			for _, r := range ask {
				got := send(guest, r)
				if seen := got.Status < 300 && (got.Has("/min") || got.Has("Family")); seen != allowed {
					t.Errorf("after %s: %s: %d", kind, r, got.Status)
				}
			}
		}
	}
	close(done)
	busy.Wait()
}

// A reference in an unusual spelling would keep a resource out of the patient's
// compartment, and so out of reach of the Consents: it is refused.
func TestUnusualReferencesAreRefused(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	for _, reference := range []string{"/Patient/p2", "./Patient/p2", "Patient/p2/", "Patient/p2#x", "HTTP://127.0.0.1/fhir/Patient/p2", "http://127.0.0.1/fhir//Patient/p2"} {
		body := strings.Replace(observationJSON("odd", "p2", 1), "Patient/p2", reference, 1)
		n.as("practitioner", "TREAT").Post("/Observation", strings.Replace(body, `"id":"odd",`, "", 1)).Want(422)
	}
}

// What refers to a patient's data, but belongs to no patient by itself, is hidden
// with them: a List or a Provenance would tell that they are there.
func TestResourcesAboutHiddenDataAreHidden(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	system, researcher := n.as("system", "HOPERAT"), n.as("practitioner", "HRESCH")
	list := func(id, target string) string {
		return fmt.Sprintf(`{"resourceType":"List","id":%q,"status":"current","mode":"working","entry":[{"item":{"reference":%q}}]}`, id, target)
	}
	provenance := func(id, target string) string {
		return fmt.Sprintf(`{"resourceType":"Provenance","id":%q,"target":[{"reference":%q}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"display":"x"}}]}`, id, target)
	}
	system.Put("/List/l1", list("l1", "Observation/o-p1")).Want(201)
	system.Put("/List/l2", list("l2", "Observation/o-p2")).Want(201)
	system.Put("/Provenance/v2", provenance("v2", "List/l2")).Want(201)
	system.Post("/", `{"resourceType":"Bundle","type":"transaction","entry":[
		{"resource":`+provenance("t1", "List/t2")+`,"request":{"method":"PUT","url":"Provenance/t1"}},
		{"resource":`+list("t2", "Observation/t3")+`,"request":{"method":"PUT","url":"List/t2"}},
		{"resource":`+observationJSON("t3", "p2", 1)+`,"request":{"method":"PUT","url":"Observation/t3"}}]}`).Want(200)
	about := []string{"/List/l2", "/Provenance/v2", "/Provenance/t1", "/List/t2"}
	for _, path := range append(about, "/List/l1") {
		researcher.Get(path).Want(200)
	}
	system.Put("/Consent/c-p2", researchConsent("c-p2", "p2", "deny")).Want(200)
	for _, path := range about {
		researcher.Get(path).Want(404)
	}
	researcher.Get("/List/l1").Want(200)
	wantIDs(t, researcher.Get("/List"), -1, "List/l1")
	wantWhole(t, n.data, Database{})
}
