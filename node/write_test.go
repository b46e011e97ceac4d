package node

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// logSizes are the lengths of change log and access log.
func (n *testNode) logSizes() (changes, accesses int64) {
	n.T.Helper()
	c, a := n.node.store.Logs()
	changes, err := c.Size(n.T.Context())
	if err != nil {
		n.T.Fatal(err)
	}
	accesses, err = a.Size(n.T.Context())
	if err != nil {
		n.T.Fatal(err)
	}
	return changes, accesses
}

// withoutID is a resource as a client posts it.
func withoutID(resource, id string) string {
	return strings.Replace(resource, `"id":"`+id+`",`, "", 1)
}

func withIdentifier(resource, value string) string {
	return strings.Replace(resource, `"active":true`, `"active":true,"identifier":[{"system":"urn:test","value":"`+value+`"}]`, 1)
}

// full puts a fullUrl before an entry.
func full(url, entry string) string { return `{"fullUrl":"` + url + `",` + entry[1:] }

const (
	uuid1 = "urn:uuid:7b0e5c2e-6f0b-4f43-8f0d-5a2d8a4f0001"
	uuid2 = "urn:uuid:7b0e5c2e-6f0b-4f43-8f0d-5a2d8a4f0002"
)

// DELETE, POST, PUT, GET, whatever their order in the Bundle; answers in the order
// of the Bundle; one change, one record.
func TestTransactionOrderAndLinks(t *testing.T) {
	n := startNode(t, t.TempDir())
	system, doctor := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT")
	system.Put("/Patient/old", withIdentifier(patientJSON("old", "Old"), "k")).Want(201)
	system.Put("/Patient/p1", withIdentifier(patientJSON("p1", "One"), "one")).Want(201)
	changes, accesses := n.logSizes()
	r := doctor.Post("/", bundleJSON("transaction",
		entryJSON("GET", "Patient/p1", "", ""),
		entryJSON("PUT", "Patient/p1", withIdentifier(patientJSON("p1", "Two"), "one"), `"ifMatch":"W/\"1\""`),
		full(uuid1, entryJSON("POST", "Observation", strings.Replace(withoutID(observationJSON("x", "p1", 1), "x"), "Patient/p1", uuid2, 1), "")),
		full(uuid2, entryJSON("POST", "Patient", withoutID(patientJSON("x", "New"), "x"), "")),
		entryJSON("POST", "Observation", strings.Replace(withoutID(observationJSON("x", "p1", 2), "x"), "Patient/p1", "Patient?identifier=urn:test|one", 1), ""),
		entryJSON("DELETE", "Patient/old", "", ""),
	)).WantStatuses("200", "200", "201", "201", "201", "204")
	if c, a := n.logSizes(); c != changes+1 || a != accesses {
		t.Errorf("%d changes and %d accesses recorded, want one change", c-changes, a-accesses)
	}
	if !r.Has(`"family":"Two"`) {
		t.Errorf("a GET of a transaction does not see what the transaction writes: %s", r.Body)
	}
	location := func(i int) string {
		_, path, _ := strings.Cut(r.Entries()[i]["response"].(map[string]any)["location"].(string), "/fhir")
		return path
	}
	made, _, _ := strings.Cut(strings.TrimPrefix(location(3), "/"), "/_history")
	if o := doctor.Get(location(2)).Want(200); !o.Has(`"reference":"` + made + `"`) {
		t.Errorf("the urn:uuid was not linked to %s: %s", made, o.Body)
	}
	if o := doctor.Get(location(4)).Want(200); !o.Has(`"reference":"Patient/p1"`) {
		t.Errorf("the conditional reference was not linked: %s", o.Body)
	}
	doctor.Get("/Patient/old").Want(410)
	event := n.as("privacy-officer", "HOPERAT").Get("/AuditEvent/" + r.Event()).Want(200)
	for _, want := range []string{"Patient/p1/_history/2", "Patient/old/_history/2", made + "/_history/1", `"code":"transaction"`} {
		if !event.Has(want) {
			t.Errorf("the record lacks %s: %s", want, event.Body)
		}
	}
}

// A relative reference means a resource of the same origin as its own entry: not
// that of another one which has the same id there, and without origin that of here.
func TestRelativeReferencesKeepTheirOrigin(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	system.Put("/Patient/1", patientJSON("1", "Here")).Want(201)
	observation := withoutID(observationJSON("x", "1", 1), "x")
	r := system.Post("/", bundleJSON("transaction",
		full("http://a.example/fhir/Patient/1", entryJSON("POST", "Patient", withoutID(patientJSON("x", "A"), "x"), "")),
		full("http://b.example/fhir/Patient/1", entryJSON("POST", "Patient", withoutID(patientJSON("x", "B"), "x"), "")),
		full("http://a.example/fhir/Observation/1", entryJSON("POST", "Observation", observation, "")),
		full("http://b.example/fhir/Observation/1", entryJSON("POST", "Observation", observation, "")),
		full(uuid1, entryJSON("POST", "Observation", observation, "")),
		entryJSON("POST", "Observation", observation, ""),
		full(uuid2, entryJSON("POST", "Observation", strings.Replace(observation, "Patient/1", "http://b.example/fhir/Patient/1", 1), "")),
	)).Want(200)
	for i, family := range []string{2: "A", 3: "B", 4: "Here", 5: "Here", 6: "B"} {
		if family == "" {
			continue
		}
		_, path, _ := strings.Cut(r.Entries()[i]["response"].(map[string]any)["location"].(string), "/fhir")
		subject := system.Get(path).Want(200).JSON()["subject"].(map[string]any)["reference"].(string)
		if p := system.Get("/" + subject); p.Status != 200 || !p.Has(`"family":"`+family+`"`) {
			t.Errorf("entry %d refers to %s: %d %s, want %s", i, subject, p.Status, p.Body, family)
		}
	}
}

// One refused entry, and nothing is written: one record of the refusal in the
// access log, none in the change log.
func TestRefusedTransactionWritesNothing(t *testing.T) {
	n := leakNode(t, true)
	guest := outsiders(n)["guest"]
	good := entryJSON("POST", "Observation", withoutID(observationJSON("x", "p1", 99), "x"), "")
	for name, c := range map[string]struct {
		bad    string
		status int
	}{
		"hidden":             {entryJSON("PUT", "Observation/o-p2", observationJSON("o-p2", "p1", 1), ""), 404},
		"absent":             {entryJSON("PUT", "Observation/absent", observationJSON("absent", "p1", 1), ""), 404},
		"hidden after-image": {entryJSON("PUT", "Observation/o-p1", observationJSON("o-p1", "p2", 1), ""), 403},
		"type":               {entryJSON("POST", "Consent", withoutID(privacyConsent("x", "p1", `{"type":"permit"}`), "x"), ""), 403},
		"version":            {entryJSON("PUT", "Observation/o-p1", observationJSON("o-p1", "p1", 1), `"ifMatch":"W/\"1\""`), 412},
		"read":               {entryJSON("GET", "Patient/p2", "", ""), 404},
		"read deleted":       {entryJSON("GET", "Observation/d-p1", "", ""), 410},
		"several matches":    {entryJSON("PUT", "Observation?code=8867-4&status=final&patient=p1,p2&_id=o-p1,o2-p1", withoutID(observationJSON("x", "p1", 1), "x"), ""), 412},
		"no such reference":  {entryJSON("POST", "Observation", strings.Replace(withoutID(observationJSON("x", "p1", 1), "x"), "Patient/p1", "Patient?family=Nobody", 1), ""), 422},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "several matches" {
				n.as("system", "HOPERAT").Put("/Observation/o2-p1", observationJSON("o2-p1", "p1", 1)).Want(201)
			}
			changes, accesses := n.logSizes()
			r := guest.Post("/", bundleJSON("transaction", good, c.bad)).Want(c.status)
			if ch, ac := n.logSizes(); ch != changes || ac != accesses+1 {
				t.Errorf("%d changes and %d accesses recorded, want one access", ch-changes, ac-accesses)
			}
			event := n.as("privacy-officer", "HOPERAT").Get("/AuditEvent/" + r.Event()).Want(200)
			if !event.Has(`"code":"transaction"`) || event.JSON()["outcome"] != "4" {
				t.Errorf("the record: %s", event.Body)
			}
			if got := n.as("practitioner", "TREAT").Get("/Observation?value-quantity=99&_summary=count").JSON()["total"]; got != 0.0 {
				t.Errorf("%v entries written", got)
			}
			if !r.Has(`Bundle.entry[1]`) {
				t.Errorf("the answer does not say where: %s", r.Body)
			}
		})
	}
}

// Entries of a batch do not know each other; each has a record of its own.
func TestBatchEntriesAreIndependent(t *testing.T) {
	n := leakNode(t, true)
	changes, accesses := n.logSizes()
	r := outsiders(n)["guest"].Post("/", bundleJSON("batch",
		entryJSON("GET", "Patient/p1", "", ""), entryJSON("GET", "Patient/p2", "", ""),
		entryJSON("POST", "Observation", withoutID(observationJSON("x", "p1", 3), "x"), ""),
		entryJSON("POST", "Consent", withoutID(privacyConsent("x", "p1", `{"type":"permit"}`), "x"), ""),
		entryJSON("PUT", "Observation/o-p2", observationJSON("o-p2", "p1", 3), ""),
		entryJSON("GET", "Observation?patient=p1", "", ""),
	)).WantStatuses("200", "404", "201", "403", "404", "200")
	if c, a := n.logSizes(); c != changes+1 || a != accesses+5 {
		t.Errorf("%d changes and %d accesses, want 1 and 5", c-changes, a-accesses)
	}
	seen := map[string]bool{}
	for i, e := range r.Entries() {
		text := fmt.Sprint(e["response"])
		found := receipts.FindAllString(text, -1)
		if len(found) != 1 || seen[found[0]] {
			t.Errorf("entry %d: receipts %v", i, found)
			continue
		}
		seen[found[0]] = true
	}
	if got := strings.Count(r.Header.Get("X-Aceso-Record"), ";c="); got != 6 {
		t.Errorf("%d receipts in the header, want 6", got)
	}
}

func TestTransactionsThatCannotBe(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	system.Put("/Patient/p1", withIdentifier(patientJSON("p1", "One"), "one")).Want(201)
	one := patientJSON("p1", "X")
	unique := `"ifNoneExist":"identifier=urn:test|fresh"`
	fresh := withIdentifier(withoutID(patientJSON("x", "Fresh"), "x"), "fresh")
	for name, c := range map[string]struct {
		bundle string
		status int
	}{
		"the same identity twice":          {bundleJSON("transaction", entryJSON("PUT", "Patient/p1", one, ""), entryJSON("DELETE", "Patient/p1", "", "")), 400},
		"the same by condition":            {bundleJSON("transaction", entryJSON("PUT", "Patient/p1", one, ""), entryJSON("DELETE", "Patient?identifier=urn:test|one", "", "")), 400},
		"deleted and found":                {bundleJSON("transaction", entryJSON("DELETE", "Patient/p1", "", ""), entryJSON("POST", "Patient", withoutID(one, "p1"), `"ifNoneExist":"identifier=urn:test|one"`)), 400},
		"the same condition twice":         {bundleJSON("transaction", entryJSON("POST", "Patient", fresh, unique), entryJSON("POST", "Patient", fresh, unique)), 400},
		"read what is deleted":             {bundleJSON("transaction", entryJSON("DELETE", "Patient/p1", "", ""), entryJSON("GET", "Patient/p1", "", "")), 410},
		"search next to writes":            {bundleJSON("transaction", entryJSON("PUT", "Patient/p1", one, ""), entryJSON("GET", "Patient?family=X&_include=Patient:organization", "", "")), 400},
		"dangling urn:uuid":                {bundleJSON("transaction", entryJSON("POST", "Observation", strings.Replace(observationJSON("x", "p1", 1), "Patient/p1", uuid1, 1), "")), 422},
		"id of the body, not of the match": {bundleJSON("transaction", entryJSON("PUT", "Patient?identifier=urn:test|one", patientJSON("other", "X"), "")), 400},
		"wrong id":                         {bundleJSON("transaction", entryJSON("PUT", "Patient/p1", patientJSON("p2", "X"), "")), 400},
		"AuditEvent":                       {bundleJSON("transaction", entryJSON("DELETE", "AuditEvent/n1.accesses.1.0", "", "")), 405},
	} {
		t.Run(name, func(t *testing.T) {
			changes, _ := n.logSizes()
			system.Post("/", c.bundle).Want(c.status)
			if after, _ := n.logSizes(); after != changes {
				t.Error("something was written")
			}
		})
	}
	for _, typ := range []string{"transaction", "batch"} {
		system.Post("/", `{"resourceType":"Bundle","type":"`+typ+`"}`).Want(200)
	}
	if !system.Post("/", bundleJSON("transaction", entryJSON("GET", "Patient?family=One", "", ""))).Want(200).Has(`"family":"One"`) {
		t.Error("a transaction that only reads can search")
	}
}

// A search in a transaction that does not fit into one page says so.
func TestSearchInTransactionHasNextPage(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	for i := range 3 {
		system.Put(fmt.Sprintf("/Patient/p%d", i), patientJSON(fmt.Sprintf("p%d", i), "A")).Want(201)
	}
	r := system.Post("/", bundleJSON("transaction", entryJSON("GET", "Patient?_count=2", "", ""))).Want(200)
	found := regexpNext.FindSubmatch(r.Body)
	if found == nil {
		t.Fatalf("no next link: %s", r.Body)
	}
	wantIDs(t, system.Get(string(found[1])), -1, "Patient/p2")
}

// Ids are chosen by systems only; versions go on after a delete.
func TestUpdateAsCreateAndRecreation(t *testing.T) {
	n := startNode(t, t.TempDir())
	system, doctor := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT")
	doctor.Put("/Patient/p1", patientJSON("p1", "A")).Want(404)
	system.Put("/Patient/p1", patientJSON("p2", "A")).Want(400)
	system.Put("/Patient/p1", withoutID(patientJSON("p1", "A"), "p1")).Want(400)
	system.Do("PUT", "/Patient/p1", patientJSON("p1", "A"), "If-Match", `W/"1"`).Want(404)
	if r := system.Put("/Patient/p1", patientJSON("p1", "A")).Want(201); r.Header.Get("ETag") != `W/"1"` {
		t.Errorf("ETag %s", r.Header.Get("ETag"))
	}
	system.Do("DELETE", "/Patient/p1", "").Want(204)
	system.Do("DELETE", "/Patient/p1", "").Want(204)
	doctor.Get("/Patient/p1").Want(410)
	doctor.Get("/Patient/p1/_history/2").Want(410)
	doctor.Get("/Patient/p1/_history/1").Want(200)
	if r := system.Put("/Patient/p1", patientJSON("p1", "B")).Want(201); r.Header.Get("ETag") != `W/"3"` || !strings.HasSuffix(r.Header.Get("Location"), "/_history/3") {
		t.Errorf("ETag %s, Location %s", r.Header.Get("ETag"), r.Header.Get("Location"))
	}
	doctor.Get("/Patient/p1").Want(200)
}

// What a write needs are the Consents as they are now, also if nobody has asked
// for the patient since they changed.
func TestWritesAreJudgedByTodaysConsent(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	system.Put("/Patient/p1", patientJSON("p1", "A")).Want(201)
	permit := permitTo("collect")
	system.Put("/Consent/c", privacyConsent("c", "p1", permit)).Want(201)
	guest := n.as("practitioner", "TREAT", func(g *Grant) { g.Organization = "elsewhere" })
	post := func() response { return guest.Post("/Observation", withoutID(observationJSON("x", "p1", 1), "x")) }
	post().Want(201)
	officer := n.as("privacy-officer", "HOPERAT")
	officer.Put("/Consent/c", privacyConsent("c", "p1", `{"type":"deny"}`)).Want(200)
	post().Want(403)
	officer.Put("/Consent/c", privacyConsent("c", "p1", `{"type":"permit"}`)).Want(200)
	post().Want(403) // guests write only where a permit names it
	officer.Put("/Consent/c", privacyConsent("c", "p1", permit)).Want(200)
	post().Want(201)
}

// permitTo is a provision that permits these actions.
func permitTo(actions ...string) string {
	var list []string
	for _, a := range actions {
		list = append(list, `{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentaction","code":"`+a+`"}]}`)
	}
	return `{"type":"permit","action":[` + strings.Join(list, ",") + `]}`
}

var regexpNext = regexp.MustCompile(`"relation":"next","url":"[^"]*/fhir([^"]+)"`)
