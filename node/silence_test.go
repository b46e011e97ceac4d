package node

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// buffer is a writer that a server and its test share.
type buffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// Names of patients, their ids and what is searched for appear in no log line, no
// metric and no error, whatever goes wrong.
func TestLogsMetricsAndErrorsAreSilent(t *testing.T) {
	const secret = "Zwiebelfisch"
	var log buffer
	n := startNode(t, t.TempDir(), func(o *Node, _ *Options) {
		o.log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	system, doctor, guest := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT"), n.as("practitioner", "TREAT", func(g *Grant) { g.Organization = "elsewhere" })
	id := secret + "1"
	person := withIdentifier(patientJSON(id, secret), secret)
	observation := observationJSON(secret+"2", id, 1)
	system.Put("/Patient/"+id, person).Want(201)
	system.Put("/Observation/"+secret+"2", observation).Want(201)
	unclear := strings.Replace(privacyConsent("unclear", id, `{"type":"permit"}`), `"status"`, `"modifierExtension":[{"url":"http://example.org/`+secret+`","valueString":"`+secret+`"}],"status"`, 1)
	system.Put("/Consent/unclear", unclear).Want(201)
	silent := func(r response) {
		t.Helper()
		if r.Status >= 400 && r.Has(secret) {
			t.Errorf("%d of %s tells of the patient: %s", r.Status, strings.ReplaceAll(r.What, secret, "*"), r.Body)
		}
	}
	for _, by := range []user{system, doctor, guest} {
		for _, r := range []request{
			{method: "GET", path: "/Patient/" + id}, {method: "GET", path: "/Patient/" + id + "/_history"}, {method: "GET", path: "/Patient/" + id + "/_history/9"},
			{method: "GET", path: "/Patient/" + id + "/_history/" + secret}, {method: "GET", path: "/Patient?family=" + secret},
			{method: "GET", path: "/Patient?birthdate=" + secret}, {method: "GET", path: "/Patient?nonsense=" + secret}, {method: "GET", path: "/Patient?family:nonsense=" + secret},
			{method: "GET", path: "/Patient?_sort=" + secret}, {method: "GET", path: "/Patient?_page=" + secret}, {method: "GET", path: "/Patient?_summary=" + secret},
			{method: "GET", path: "/Patient?_count=" + secret}, {method: "GET", path: "/Patient?_include=Patient:" + secret},
			{method: "GET", path: "/" + secret}, {method: "GET", path: "/" + secret + "/1"}, {method: "GET", path: "/Patient/" + id + "/" + secret},
			{method: "GET", path: "/Patient/" + id + "/$" + secret}, {method: "GET", path: "/Patient/" + id + "?nonsense=" + secret}, {method: "GET", path: "/AuditEvent?entity=" + secret},
			{method: "GET", path: "/Observation?subject:Patient.nonsense=" + secret}, {method: "GET", path: "/Observation?code=" + secret + "%00"}, {method: "GET", path: "/Observation?value-quantity=" + secret},
			{method: "GET", path: "/Patient/" + id, header: []string{"Accept", "application/" + secret}}, {method: "GET", path: "/Patient/" + id, header: []string{"X-Request-Id", secret}},
			{method: secret, path: "/Patient/" + id},
			{method: "PUT", path: "/Patient/" + id, body: strings.Replace(person, `"female"`, `"`+secret+`"`, 1)},
			{method: "PUT", path: "/Patient/" + id, body: strings.Replace(person, `"active":true`, `"nonsense":"`+secret+`"`, 1)},
			{method: "PUT", path: "/Patient/" + id, body: strings.Replace(person, `"1970-01-01"`, `"`+secret+`"`, 1)},
			{method: "PUT", path: "/Patient/" + id, body: strings.Replace(person, `"resourceType":"Patient"`, `"resourceType":"`+secret+`"`, 1)},
			{method: "PUT", path: "/Patient/" + id, body: person + secret}, {method: "PUT", path: "/Patient/" + id, body: "{" + secret},
			{method: "PUT", path: "/Patient/" + id, body: person, header: []string{"If-Match", secret}}, {method: "PUT", path: "/Patient/other" + secret, body: person},
			{method: "PUT", path: "/Patient/" + id, body: person, header: []string{"If-Match", `W/"77"`}}, {method: "PUT", path: "/Patient/" + id, body: person, header: []string{"Content-Type", "text/" + secret}},
			{method: "PUT", path: "/Patient?identifier=urn:test|" + secret, body: patientJSON("other", secret)}, {method: "PUT", path: "/Patient?identifier=" + secret + "&nonsense=" + secret, body: person},
			{method: "POST", path: "/Observation", body: withoutID(observation, secret+"2"), header: []string{"If-None-Exist", "nonsense=" + secret}},
			{method: "POST", path: "/Observation", body: strings.Replace(observation, "Patient/"+id, "Patient/"+id+"/"+secret, 1)},
			{method: "POST", path: "/Observation", body: strings.Replace(observation, "Patient/"+id, "#"+secret, 1)},
			{method: "POST", path: "/", body: bundleJSON("transaction", entryJSON("PUT", "Patient/"+id, patientJSON(secret, secret), ""), entryJSON("GET", secret, "", ""))},
			{method: "POST", path: "/", body: bundleJSON("transaction", entryJSON("POST", "Observation", strings.Replace(observation, "Patient/"+id, "Patient?family="+secret+"x", 1), ""))},
			{method: "POST", path: "/", body: bundleJSON("transaction", entryJSON("POST", "Observation", strings.Replace(observation, "Patient/"+id, "Patient?nonsense="+secret, 1), ""))},
			{method: "POST", path: "/", body: bundleJSON("transaction", entryJSON("GET", "Patient/"+secret, "", ""))},
			{method: "POST", path: "/", body: bundleJSON("transaction", full("urn:uuid:"+secret, entryJSON("POST", "Patient", person, "")), full("urn:uuid:"+secret, entryJSON("POST", "Patient", person, "")))},
			{method: "DELETE", path: "/Patient?family=" + secret + "&nonsense=1"},
		} {
			silent(send(by, r))
		}
	}
	user{Node: &n.Node, Token: secret}.Get("/Patient/" + id).Want(401)
	r, err := n.Client.Do(mustRequest(t, n, n.as("administrator", "HOPERAT")))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var metrics bytes.Buffer
	if _, err := metrics.ReadFrom(r.Body); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(metrics.String(), "aceso_request_duration_seconds") {
		t.Error("no metrics")
	}
	for name, text := range map[string]string{"log": log.String(), "metrics": metrics.String()} {
		for line := range strings.Lines(text) {
			if strings.Contains(line, secret) {
				t.Errorf("%s: %.400s", name, line)
			}
		}
	}
	if !strings.Contains(log.String(), `"status":404`) {
		t.Error("nothing was logged")
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, `"level":"ERROR"`) {
			t.Errorf("a request of a client made the server fail: %s", fmt.Sprintf("%.600s", line))
		}
	}
}
