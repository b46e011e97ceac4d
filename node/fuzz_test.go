package node

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// fuzzed is a whole node whose store does not grow: after some requests another one takes
// its place. It belongs to no single run of a target, so it cleans up by itself.
type fuzzed struct {
	node     *Node
	token    string
	folder   string
	requests int
}

const fuzzedRequests = 2000

func fuzzNode(f *testing.F) *fuzzed {
	f.Helper()
	n := new(fuzzed)
	f.Cleanup(func() { n.close(f) })
	n.open(f)
	return n
}

func (n *fuzzed) open(t testing.TB) {
	dir, err := os.MkdirTemp("", "aceso-fuzz")
	if err != nil {
		t.Fatal(err)
	}
	data, err := CreateFolder(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	n.node, n.folder, n.requests = newNode(quiet()), dir, 0
	if err := n.node.start(context.Background(), data, Options{Organization: "hospital", Name: "n1", BaseURL: "http://127.0.0.1/fhir"}); err != nil {
		t.Fatal(err)
	}
	grant := Grant{Role: "system", Purposes: []string{"HOPERAT"}, Expires: 24 * time.Hour, Client: "aceso-cli", Subject: "Device/fuzz"}
	if n.token, err = Mint(context.Background(), data, Database{}, "", grant, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"p1", "p2"} {
		for path, doc := range map[string]string{
			"Patient/" + p: patientJSON(p, "Family"), "Observation/o-" + p: observationJSON("o-"+p, p, 70), "Consent/c-" + p: researchConsent("c-"+p, p, "permit"),
		} {
			if a := n.request("PUT", "/fhir/"+path, mediaJSON, doc); a.Code != 201 {
				t.Fatalf("%s: %d %s", path, a.Code, a.Body)
			}
		}
	}
}

func (n *fuzzed) close(t testing.TB) {
	if err := n.node.Close(); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(n.folder); err != nil {
		t.Error(err)
	}
}

func (n *fuzzed) request(method, path, media, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/fhir", strings.NewReader(body))
	r.URL, r.Header = address(path), http.Header{"Authorization": {"Bearer " + n.token}, "Content-Type": {media}}
	a := httptest.NewRecorder()
	n.node.handler.ServeHTTP(a, r)
	return a
}

// send sends one request, and fails if its answer is an error of the server, or costs more
// than its size allows.
func (n *fuzzed) send(t *testing.T, method, path, media, body string) {
	t.Helper()
	if n.requests++; n.requests > fuzzedRequests {
		n.close(t)
		n.open(t)
	}
	fhirtest.Linear.Check(t, len(path)+len(body), func() {
		if a := n.request(method, path, media, body); a.Code >= 500 {
			t.Errorf("%s %.200q: %d %s", method, path, a.Code, a.Body)
		}
	})
}

func address(path string) *url.URL {
	path, query, _ := strings.Cut(path, "?")
	return &url.URL{Path: path, RawQuery: query}
}

const (
	mediaJSON = "application/fhir+json"
	mediaForm = "application/x-www-form-urlencoded"
)

// items is n items with commas between them; %d in one is its number.
func items(n int, item string) string {
	all := make([]string, n)
	for i := range all {
		if all[i] = item; strings.Contains(item, "%d") {
			all[i] = fmt.Sprintf(item, i)
		}
	}
	return strings.Join(all, ",")
}

// addFiles adds the documents of testdata.
func addFiles(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("../testdata/fhir/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// FuzzCreate creates any document on a whole node.
func FuzzCreate(f *testing.F) {
	n := fuzzNode(f)
	addFiles(f)
	f.Add([]byte(observationJSON("", "p1", 1)))
	f.Add([]byte(researchConsent("", "p1", "deny")))
	for _, doc := range []string{
		`{"resourceType":"Observation","status":"final","code":{"coding":[` + items(2600, `{"code":"a%d"}`) + `]},"valueCodeableConcept":{"coding":[` + items(2600, `{"code":"b%d"}`) + `]}}`,
		`{"resourceType":"List","status":"current","mode":"working","entry":[` + items(900, `{"item":{"reference":"Patient/a%d"}}`) + `]}`,
		`{"resourceType":"List","status":"current","mode":"working","entry":[` + items(900, `{"item":{"reference":"Observation/o-p1"}}`) + `]}`,
		`{"resourceType":"Consent","status":"active","scope":{"text":"a"},"category":[{"text":"a"}],"patient":{"reference":"Patient/p1"},"policyRule":{"text":"a"},"provision":{"type":"deny","provision":[` +
			items(500, `{"type":"permit","actor":[`+items(3, `{"role":{"text":"a"},"reference":{"reference":"Practitioner/1"}}`)+`]}`) + `]}}`,
		`{"resourceType":"Group","type":"person","actual":true,"member":[` + items(900, `{"entity":{"reference":"Patient/a%d"}}`) + `]}`,
		`{"resourceType":"Bundle","type":"collection","entry":[` + items(300, `{"fullUrl":"urn:oid:1.%d","resource":{"resourceType":"Basic","code":{"text":"a"},"subject":{"reference":"Patient/p1"}}}`) + `]}`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		typ := "Basic"
		if r, err := fhir.Open(data); err == nil {
			typ = r.Type()
		}
		n.send(t, "POST", "/fhir/"+typ, mediaJSON, string(data))
	})
}

// FuzzBundle sends any Bundle to a whole node.
func FuzzBundle(f *testing.F) {
	n := fuzzNode(f)
	addFiles(f)
	const basic = `"resource":{"resourceType":"Basic","code":{"text":"a"},"subject":{"reference":"Patient/p1"}}`
	for _, kind := range []string{"transaction", "batch"} {
		for _, entries := range []string{
			items(100, `{"fullUrl":"urn:uuid:00000000-0000-0000-0000-00000000000%d","request":{"method":"POST","url":"Basic"},`+basic+`}`),
			items(60, `{"request":{"method":"POST","url":"Basic","ifNoneExist":"identifier=a%d"},`+basic+`}`),
			items(60, `{"request":{"method":"PUT","url":"Basic?identifier=b%d"},`+basic+`}`),
			items(60, `{"request":{"method":"DELETE","url":"Basic?identifier=b%d"}}`),
			items(100, `{"request":{"method":"GET","url":"Patient/p1"}}`),
			items(20, `{"request":{"method":"GET","url":"Patient?_count=1000&_include=*&_revinclude=Observation:patient"}}`),
			items(20, `{"request":{"method":"GET","url":"Observation?`+strings.Repeat("code:not=a,b,c&", 10)+`"}}`),
			items(100, `{"request":{"method":"POST","url":"Patient"},"resource":{"resourceType":"Patient",`+items(50, `"a%d":1`)+`}}`),
			items(50, `{"request":{"method":"POST","url":"List"},"resource":{"resourceType":"List","status":"current","mode":"working","entry":[`+items(20, `{"item":{"reference":"Patient?identifier=x"}}`)+`]}}`),
			`{"request":{"method":"DELETE","url":"Observation?patient.identifier=a&value-quantity=gt4.0"}},{"request":{"method":"GET","url":"Observation/none"}}`,
			`{"request":{"method":"GET","url":"AuditEvent"}},{"request":{"method":"GET","url":"Patient/p1/_history"}},{"request":{"method":"GET","url":"Patient/p1/Observation"}}`,
		} {
			f.Add([]byte(`{"resourceType":"Bundle","type":"` + kind + `","entry":[` + entries + `]}`))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { n.send(t, "POST", "/fhir", mediaJSON, string(data)) })
}

// FuzzSearch sends any search to a whole node, as a GET and as a form.
func FuzzSearch(f *testing.F) {
	n := fuzzNode(f)
	for _, query := range []string{
		"Observation?patient=p1&code=8867-4&_sort=-date&_total=accurate", "Observation?patient.name=f&_include=*", "Patient?_has:Observation:patient:code=8867-4",
		"Patient?_summary=count", "Observation?value-quantity=gt5.4|http://unitsofmeasure.org|/min", "Observation?date=ap2026&_elements=code", "AuditEvent?patient=Patient/p1",
		"Patient?_id=p1,p2&_revinclude:iterate=Observation:patient&_count=1", "Observation?code:text=heart", "ValueSet?url:above=http://a/b/c", "Patient?name:contains=ami",
		"Observation?" + strings.Repeat("code:not="+items(450, "a%d")+"&", 11), "Observation?subject=" + items(30, "a%d"), "Provenance?target.code=a",
	} {
		typ, params, _ := strings.Cut(query, "?")
		f.Add(typ, params)
	}
	f.Fuzz(func(t *testing.T, typ, query string) {
		if !fhir.IsResourceType(typ) {
			typ = "Observation"
		}
		if len(query) < 4000 {
			n.send(t, "GET", "/fhir/"+typ+"?"+query, mediaJSON, "")
		}
		n.send(t, "POST", "/fhir/"+typ+"/_search", mediaForm, query)
	})
}
