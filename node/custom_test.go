package node

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/node/nodetest"
)

// customParameter is an active SearchParameter of this server's own.
func customParameter(id, code, typ, base, expression, more string) string {
	return fmt.Sprintf(`{"resourceType":"SearchParameter","id":%q,"url":"http://hospital.example/SearchParameter/%s","name":%q,"status":"active","description":"x","code":%q,"base":[%q],"type":%q,"expression":%q%s}`,
		id, id, code, code, base, typ, expression, more)
}

const birthplace = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"

func bornIn(id, city string, more string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"extension":[{"url":%q,"valueAddress":{"city":%q}}],"name":[{"family":"F%s"}]%s}`, id, birthplace, city, id, more)
}

// ready waits until a search by a custom parameter is answered.
func ready(t testing.TB, u user, query string) {
	t.Helper()
	nodetest.Until(t, "the parameter of "+query+" is used", func() bool { return u.Get(query).Status == 200 })
}

// A custom search parameter finds what was written before it and after it, in searches,
// orders, chains, _has and filters; it is not used before it is complete, and not after its
// SearchParameter was retired.
func TestCustomParametersFindWhatTheySay(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	system.Put("/Patient/a", bornIn("a", "Basel", "")).Want(201)
	system.Put("/Patient/b", bornIn("b", "Zürich", "")).Want(201)
	system.Put("/Patient/none", patientJSON("none", "none")).Want(201)
	system.Put("/Observation/o", observationJSON("o", "b", 1)).Want(201)
	system.Get("/Patient?birthplace=Basel").Want(400)
	expression := "Patient.extension('" + birthplace + "').value.city"
	system.Put("/SearchParameter/birthplace", customParameter("birthplace", "birthplace", "string", "Patient", expression, "")).Want(201)
	system.Put("/Patient/c", bornIn("c", "Basel", "")).Want(201)
	ready(t, system, "/Patient?birthplace=Basel")
	for query, want := range map[string]string{
		"/Patient?birthplace=basel":                             "a c",
		"/Patient?birthplace:exact=Zürich":                      "b",
		"/Patient?birthplace=zurich":                            "b",
		"/Patient?birthplace:contains=asel":                     "a c",
		"/Patient?birthplace:missing=true":                      "none",
		"/Patient?_sort=-birthplace":                            "b a c none",
		"/Observation?subject:Patient.birthplace=Zürich":        "o",
		"/Observation?patient.birthplace=Basel":                 "",
		`/Patient?_filter=birthplace eq "basel" or _id eq none`: "a c none",
		"/Patient?birthplace=basel&_id=c":                       "c",
	} {
		wantIDs(t, system.Get(strings.ReplaceAll(query, " ", "%20")).Want(200), -1, of(query, want)...)
	}
	if !system.Get("/metadata").Has("http://hospital.example/SearchParameter/birthplace") {
		t.Error("the CapabilityStatement does not name it")
	}
	system.Put("/Patient/a", bornIn("a", "Bern", "")).Want(200)
	wantIDs(t, system.Get("/Patient?birthplace=basel").Want(200), -1, "Patient/c")
	system.Do("POST", "/Patient", bornIn("d", "Basel", ""), "If-None-Exist", "birthplace=basel").Want(200)
	n.stop()
	wantWhole(t, n.data, Database{})
	n = startNode(t, string(n.data))
	system = n.as("system", "HOPERAT")
	wantIDs(t, system.Get("/Patient?birthplace=basel").Want(200), -1, "Patient/c")
	system.Do("DELETE", "/SearchParameter/birthplace", "").Want(204)
	system.Get("/Patient?birthplace=basel").Want(400)
	if system.Get("/metadata").Has("birthplace") {
		t.Error("the CapabilityStatement still names it")
	}
}

// of are the references of some ids of what a query is for.
func of(query, ids string) (refs []string) {
	typ, _, _ := strings.Cut(strings.TrimPrefix(query, "/"), "?")
	for _, id := range strings.Fields(ids) {
		refs = append(refs, typ+"/"+id)
	}
	return refs
}

// A parameter that a resource does not fit is given up: it says why, and hinders nobody. An
// administrator sees how far parameters are, others do not.
func TestCustomParametersThatDoNotFitAreGivenUp(t *testing.T) {
	n := startNode(t, t.TempDir())
	system, admin := n.as("system", "HOPERAT"), n.as("administrator", "HOPERAT")
	many := `{"resourceType":"Patient","id":"many","name":[{"given":["a` + strings.Repeat(`","a`, 1200) + `"]}]}`
	system.Put("/Patient/many", many).Want(201)
	system.Put("/SearchParameter/s", customParameter("s", "spelled", "string", "Patient", "Patient.name.given.select($this + $index.toString())", "")).Want(201)
	nodetest.Until(t, "the parameter is given up", func() bool { return admin.Get("/SearchParameter/$index-progress").Want(200).Has(`"failed"`) })
	if !admin.Get("/SearchParameter/$index-progress").Has("more than 1000 different values") {
		t.Error("it is not said why")
	}
	system.Get("/SearchParameter/$index-progress").Want(403)
	r, err := n.Client.Do(mustRequest(t, n, admin))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if text, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(text), `aceso_search_parameter_ready{parameter="s"} 0`) {
		t.Errorf("metrics: %v", err)
	}
	system.Get("/Patient?spelled=a0").Want(400)
	system.Put("/Patient/other", strings.ReplaceAll(many, `"many"`, `"other"`)).Want(201)
	system.Put("/SearchParameter/t", customParameter("t", "given2", "string", "Patient", "Patient.name.given", "")).Want(201)
	ready(t, system, "/Patient?given2=a")
	system.Put("/SearchParameter/u", customParameter("u", "given2", "string", "Patient", "Patient.name.given", "")).Want(422)
	n.as("practitioner", "TREAT").Put("/SearchParameter/t", customParameter("t", "given3", "string", "Patient", "Patient.name.given", "")).Want(403)
}

// Hidden data are not found by a custom parameter, not counted, and not sorted among others.
func TestConsentsBindCustomParameters(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	twoPatients(n)
	system.Put("/Consent/c-p1", researchConsent("c-p1", "p1", "deny")).Want(200)
	system.Put("/SearchParameter/f", customParameter("f", "fam", "string", "Patient", "Patient.name.family.select($this)", "")).Want(201)
	system.Put("/SearchParameter/w", customParameter("w", "of", "reference", "Observation", "Observation.subject", `,"target":["Patient"]`)).Want(201)
	ready(t, system, "/Patient?fam=family")
	ready(t, system, "/Observation?of=p1")
	research := n.as("practitioner", "HRESCH")
	wantIDs(t, system.Get("/Patient?fam=family&_total=accurate"), 2, "Patient/p1", "Patient/p2")
	wantIDs(t, research.Get("/Patient?fam=family&_total=accurate"), 1, "Patient/p2")
	wantIDs(t, research.Get("/Patient?fam:missing=false&_sort=fam&_total=accurate"), 1, "Patient/p2")
	wantIDs(t, research.Get("/Observation?of.fam=familyp1&_total=accurate"), 0)
	wantIDs(t, research.Get("/Patient?_has:Observation:of:status=final&_total=accurate"), 1, "Patient/p2")
}

// Several nodes index once, and whatever node a resource comes through, it has its keys; a
// node goes on with what another one left.
func TestNodesIndexTogether(t *testing.T) {
	c := newCluster(t, 2)
	system := c.users("system", "HOPERAT")
	for i := range 40 {
		system[i%2].Put(fmt.Sprintf("/Patient/x%d", i), bornIn(fmt.Sprint("x", i), "Basel", "")).Want(201)
	}
	expression := "Patient.extension('" + birthplace + "').value.city"
	system[1].Put("/SearchParameter/b", customParameter("b", "birthplace", "string", "Patient", expression, "")).Want(201)
	for i := range 20 {
		system[i%2].Put(fmt.Sprintf("/Patient/y%d", i), bornIn(fmt.Sprint("y", i), "Basel", "")).Want(201)
	}
	for i := range system {
		ready(t, system[i], "/Patient?birthplace=basel")
		if total := system[i].Get("/Patient?birthplace=basel&_summary=count").Want(200).JSON()["total"]; total != float64(60) {
			t.Errorf("node %d finds %v", i+1, total)
		}
	}
	system[0].Put("/SearchParameter/b", customParameter("b", "birthplace", "token", "Patient", "Patient.gender", "")).Want(200)
	for i := range system {
		nodetest.Until(t, "the new definition is used", func() bool {
			a := system[i].Get("/Patient?birthplace=Basel&_summary=count")
			return a.Status == 200 && a.JSON()["total"] == float64(0)
		})
	}
	wantWhole(t, c.nodes[0].data, c.options())
}

// An index that is being made survives that its node is killed: the next process goes on
// where the last portion was durable.
func TestIndexingGoesOn(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	var entries []string
	for i := range 1200 {
		entries = append(entries, fmt.Sprintf(`{"resource":%s,"request":{"method":"PUT","url":"Patient/k%d"}}`, bornIn(fmt.Sprint("k", i), "Basel", ""), i))
	}
	system.Post("", `{"resourceType":"Bundle","type":"transaction","entry":[`+strings.Join(entries, ",")+`]}`).Want(200)
	n.stop()
	n = startNode(t, string(n.data))
	n.node.stop() // the background work of this one ends
	n.node.running.Wait()
	system = n.as("system", "HOPERAT")
	system.Put("/SearchParameter/k", customParameter("k", "birthplace", "string", "Patient", "Patient.extension('"+birthplace+"').value.city", "")).Want(201)
	if more, err := n.node.gate.Rekey(t.Context()); !more || err != nil {
		t.Fatal(more, err)
	}
	if p := n.node.gate.Indexed(); p[0].Done != 500 || p[0].Total != 1200 || p[0].State != "building" {
		t.Errorf("%+v", p)
	}
	system.Get("/Patient?birthplace=basel").Want(400)
	n.stop()
	n = startNode(t, string(n.data))
	system = n.as("system", "HOPERAT")
	ready(t, system, "/Patient?birthplace=basel")
	if total := system.Get("/Patient?birthplace=basel&_summary=count").JSON()["total"]; total != float64(1200) {
		t.Errorf("%v are found", total)
	}
}

// A node that dies while it makes keys holds up nothing for long: another one goes on where
// it was, once the other has stood still.
func TestAnotherNodeTakesTheIndexingOver(t *testing.T) {
	c := newClusterOf(t, 2, 10*time.Minute)
	system := c.users("system", "HOPERAT")
	for _, n := range c.nodes { // the background work of both ends
		n.node.stop()
		n.node.running.Wait()
	}
	var entries []string
	for i := range 700 {
		entries = append(entries, fmt.Sprintf(`{"resource":%s,"request":{"method":"PUT","url":"Patient/t%d"}}`, bornIn(fmt.Sprint("t", i), "Basel", ""), i))
	}
	system[0].Post("", `{"resourceType":"Bundle","type":"transaction","entry":[`+strings.Join(entries, ",")+`]}`).Want(200)
	system[0].Put("/SearchParameter/t", customParameter("t", "birthplace", "string", "Patient", "Patient.extension('"+birthplace+"').value.city", "")).Want(201)
	first, second := c.nodes[0].node.gate, c.nodes[1].node.gate
	if more, err := first.Rekey(t.Context()); !more || err != nil {
		t.Fatal(more, err)
	}
	rekey := func() (more bool) {
		more, err := second.Rekey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return more
	}
	once, again := rekey(), rekey()
	if once || again || second.Indexed()[0].State == "ready" {
		t.Error("what another node is about is done twice")
	}
	c.nodes[0].stop()
	later := time.Now().Add(time.Hour)
	second.Now = func() time.Time { return later }
	if !rekey() && second.Indexed()[0].State != "ready" {
		t.Errorf("nobody goes on: %+v", second.Indexed())
	}
	for rekey() {
	}
	if total := system[1].Get("/Patient?birthplace=basel&_summary=count").Want(200).JSON()["total"]; total != float64(700) {
		t.Errorf("%v are found", total)
	}
}
