package server_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/server"
)

// A bad request is refused with a status, a code and a place, before the gate sees it.
func TestBadInput(t *testing.T) {
	long := strings.Repeat("a", 65)
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	transaction := func(entries string) string {
		return `{"resourceType":"Bundle","type":"transaction","entry":[` + entries + `]}`
	}
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code, place              string
		headers                  []string
	}{
		{"malformed JSON", "POST", "/fhir/Patient", `{"resourceType":`, 400, "structure", "", nil},
		{"empty body", "POST", "/fhir/Patient", ` `, 400, "structure", "", nil},
		{"duplicate keys", "POST", "/fhir/Patient", `{"resourceType":"Patient","active":true,"active":false}`, 400, "structure", "Patient", nil},
		{"an array", "POST", "/fhir/Patient", `[]`, 400, "structure", "", nil},
		{"an array instead of a Bundle", "POST", "/fhir", `[]`, 400, "structure", "", nil},
		{"wrong UTF-8", "POST", "/fhir/Patient", "{\"resourceType\":\"Patient\",\"language\":\"\xff\"}", 400, "structure", "", nil},
		{"depth 1,000", "POST", "/fhir/Patient", `{"resourceType":"Patient","extension":` + strings.Repeat(`[{"url":"x","extension":`, 500) + "1" + strings.Repeat("}]", 500) + "}", 400, "structure", "", nil},
		{"body above the limit", "POST", "/fhir/Patient", strings.Repeat(" ", 20_000_001), 413, "too-long", "", nil},
		{"form above the limit", "POST", "/fhir/Patient/_search", strings.Repeat("a", 256<<10+1), 413, "too-long", "", form},
		{"unknown resource type", "GET", "/fhir/Foo/1", "", 404, "not-supported", "", nil},
		{"unknown resource type to search", "GET", "/fhir/Foo", "", 404, "not-supported", "", nil},
		{"unknown resource type to create", "POST", "/fhir/Foo", patient, 404, "not-supported", "", nil},
		{"abstract resource type", "GET", "/fhir/DomainResource/1", "", 404, "not-supported", "", nil},
		{"unknown type in a compartment", "GET", "/fhir/Patient/1/Foo", "", 404, "not-supported", "", nil},
		{"unknown operation", "GET", "/fhir/Patient/1/$all", "", 404, "not-supported", "", nil},
		{"operation of another type", "GET", "/fhir/Group/1/$access-report", "", 404, "not-supported", "", nil},
		{"proof of a resource", "GET", "/fhir/Patient/1/$proof", "", 404, "not-supported", "", nil},
		{"id of 65 characters", "GET", "/fhir/Patient/" + long, "", 400, "invalid", "", nil},
		{"id of 65 characters to update", "PUT", "/fhir/Patient/" + long, patient1, 400, "invalid", "", nil},
		{"id of 65 characters to delete", "DELETE", "/fhir/Patient/" + long, "", 400, "invalid", "", nil},
		{"id of a record with 65 characters", "GET", "/fhir/AuditEvent/" + long, "", 400, "invalid", "", nil},
		{"id with a space", "GET", "/fhir/Patient/a%20b", "", 400, "invalid", "", nil},
		{"version no number", "GET", "/fhir/Patient/1/_history/x", "", 400, "invalid", "", nil},
		{"version 0", "GET", "/fhir/Patient/1/_history/0", "", 400, "invalid", "", nil},
		{"type mismatch", "POST", "/fhir/Observation", patient, 400, "invalid", "Patient", nil},
		{"id mismatch", "PUT", "/fhir/Patient/2", patient1, 400, "invalid", "Patient.id", nil},
		{"no id", "PUT", "/fhir/Patient/2", patient, 400, "invalid", "Patient.id", nil},
		{"PUT of a type", "PUT", "/fhir/Patient", patient, 400, "invalid", "", nil},
		{"DELETE of a type", "DELETE", "/fhir/Patient", "", 400, "invalid", "", nil},
		{"unknown element", "POST", "/fhir/Patient", `{"resourceType":"Patient","foo":1}`, 422, "", "Patient.foo", nil},
		{"bad date", "POST", "/fhir/Patient", `{"resourceType":"Patient","birthDate":"x"}`, 422, "", "Patient.birthDate", nil},
		{"wrong content type", "POST", "/fhir/Patient", patient, 415, "not-supported", "", []string{"Content-Type", "text/plain"}},
		{"XML", "POST", "/fhir/Patient", `<Patient/>`, 422, "structure", "", []string{"Content-Type", "application/fhir+xml"}},
		{"XML with a document type", "POST", "/fhir/Patient", `<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir"/>`, 400, "structure", "", []string{"Content-Type", "application/fhir+xml"}},
		{"no content type", "POST", "/fhir/Patient", patient, 415, "not-supported", "", []string{"Content-Type", ""}},
		{"other charset", "POST", "/fhir/Patient", patient, 415, "not-supported", "", []string{"Content-Type", "application/fhir+json; charset=latin1"}},
		{"other FHIR version", "POST", "/fhir/Patient", patient, 415, "not-supported", "", []string{"Content-Type", "application/fhir+json; fhirVersion=5.0"}},
		{"compressed by another method", "POST", "/fhir/Patient", patient, 415, "not-supported", "", []string{"Content-Encoding", "br"}},
		{"no gzip", "POST", "/fhir/Patient", patient, 400, "structure", "", []string{"Content-Encoding", "gzip"}},
		{"JSON as a form", "POST", "/fhir/Patient/_search", patient, 415, "not-supported", "", nil},
		{"Accept Turtle", "GET", "/fhir/Patient/1", "", 406, "not-supported", "", []string{"Accept", "text/turtle"}},
		{"Accept another FHIR version", "GET", "/fhir/Patient/1", "", 406, "not-supported", "", []string{"Accept", "application/fhir+json; fhirVersion=3.0"}},
		{"_format ttl", "GET", "/fhir/Patient/1?_format=ttl", "", 406, "not-supported", "", []string{"Accept", "*/*"}},
		{"create with Accept HTML", "POST", "/fhir/Patient", patient, 406, "not-supported", "", []string{"Accept", "text/html"}},
		{"If-Match of no server", "PUT", "/fhir/Patient/1", patient1, 400, "invalid", "", []string{"If-Match", "3"}},
		{"If-Match with an odd tag", "DELETE", "/fhir/Patient/1", "", 400, "invalid", "", []string{"If-Match", `W/"1", x`}},
		{"empty If-Match", "DELETE", "/fhir/Patient/1", "", 400, "invalid", "", []string{"If-Match", " "}},
		{"If-Match with * in a list", "DELETE", "/fhir/Patient/1", "", 400, "invalid", "", []string{"If-Match", `*, W/"1"`}},
		{"empty If-None-Exist", "POST", "/fhir/Patient", patient, 400, "invalid", "", []string{"If-None-Exist", " "}},
		{"If-None-Match with a tag on PUT", "PUT", "/fhir/Patient/1", patient1, 400, "invalid", "", []string{"If-None-Match", `W/"1"`}},
		{"empty If-None-Match on PUT", "PUT", "/fhir/Patient/1", patient1, 400, "invalid", "", []string{"If-None-Match", " "}},
		{"If-None-Match on a conditional PUT", "PUT", "/fhir/Patient?_id=1", patient, 400, "invalid", "", []string{"If-None-Match", "*"}},
		{"document", "POST", "/fhir", `{"resourceType":"Bundle","type":"document","entry":[{"fullUrl":"urn:uuid:0b9f4ab0-5ca5-4ab5-a0dc-c8a0e8b7a7d1","resource":{"resourceType":"Composition"}}]}`, 400, "invalid", "Bundle.type", nil},
		{"If-None-Exist without criteria", "POST", "/fhir/Patient", patient, 400, "invalid", "", []string{"If-None-Exist", "?"}},
		{"unknown parameter of a proof", "GET", "/fhir/AuditEvent/1/$proof?foo=bar", "", 400, "invalid", "foo", nil},
		{"parameter of a proof", "GET", "/fhir/AuditEvent/1/$proof?_elements=id", "", 400, "invalid", "_elements", nil},
		{"unknown parameter of a comparison", "GET", "/fhir/Patient/1/_history/1/$verify?foo=bar", "", 400, "invalid", "foo", nil},
		{"unknown parameter of a create", "POST", "/fhir/Patient?foo=bar", patient, 400, "invalid", "foo", nil},
		{"unknown parameter of a history", "GET", "/fhir/_history?_sort=x", "", 400, "invalid", "_sort", nil},
		{"bad _summary", "GET", "/fhir/Patient/1?_summary=count", "", 400, "invalid", "_summary", nil},
		{"_elements twice", "GET", "/fhir/Patient/1?_elements=id&_elements=id", "", 400, "invalid", "_elements", nil},
		{"_elements with 101 names", "GET", "/fhir/Patient/1?_elements=id" + strings.Repeat(",id", 100), "", 400, "invalid", "_elements", nil},
		{"bad escape", "GET", "/fhir/Patient?name=%zz", "", 400, "invalid", "", nil},
		{"bad escape in a form", "POST", "/fhir/Patient/_search", "name=%zz", 400, "invalid", "", form},
		{"history _count=-1", "GET", "/fhir/_history?_count=-1", "", 400, "invalid", "_count", nil},
		{"history _count=0", "GET", "/fhir/_history?_count=0", "", 400, "invalid", "_count", nil},
		{"history _count no number", "GET", "/fhir/_history?_count=x", "", 400, "invalid", "_count", nil},
		{"history bad _total", "GET", "/fhir/_history?_total=all", "", 400, "invalid", "_total", nil},
		{"history bad _since", "GET", "/fhir/_history?_since=monday", "", 400, "invalid", "_since", nil},
		{"paging link with more", "GET", "/fhir/Patient?_page=x&name=y", "", 400, "invalid", "_page", nil},
		{"paging link without token", "GET", "/fhir/Patient?_page=", "", 400, "invalid", "_page", nil},
		{"history link with more", "GET", "/fhir/_history?_page=x&_since=2020", "", 400, "invalid", "_page", nil},
		{"body no Bundle", "POST", "/fhir", patient, 400, "invalid", "Bundle.type", nil},
		{"collection", "POST", "/fhir", `{"resourceType":"Bundle","type":"collection"}`, 400, "invalid", "Bundle.type", nil},
		{"dangling urn:uuid", "POST", "/fhir", transaction(`{"resource":{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"urn:uuid:0b9f4ab0-5ca5-4ab5-a0dc-c8a0e8b7a7d1"}},"request":{"method":"POST","url":"Basic"}}`), 422, "processing", "Bundle.entry[0].resource", nil},
		{"duplicate identity", "POST", "/fhir", transaction(`{"resource":` + patient1 + `,"request":{"method":"PUT","url":"Patient/1"}},{"request":{"method":"DELETE","url":"Patient/1"}}`), 400, "invalid", "Bundle.entry[1].request.url", nil},
		{"history in a transaction", "POST", "/fhir", transaction(`{"request":{"method":"GET","url":"Patient/1/_history"}}`), 400, "invalid", "Bundle.entry[0].request.url", nil},
		{"nowhere", "GET", "/nowhere", "", 404, "not-found", "", nil},
		{"below nowhere", "GET", "/fhir/Patient/1/2/3/4/5", "", 404, "not-found", "", nil},
		{"empty patch", "PATCH", "/fhir/Patient/1", `[]`, 400, "invalid", "", []string{"Content-Type", "application/json-patch+json"}},
		{"patch that is no JSON", "PATCH", "/fhir/Patient/1", `[`, 400, "structure", "", []string{"Content-Type", "application/json-patch+json"}},
		{"patch in XML", "PATCH", "/fhir/Patient/1", `<diff/>`, 415, "not-supported", "", []string{"Content-Type", "application/xml-patch+xml"}},
		{"patch of another kind", "PATCH", "/fhir/Patient/1", `{"active":true}`, 415, "not-supported", "", []string{"Content-Type", "application/merge-patch+json"}},
		{"patch without a name", "PATCH", "/fhir/Patient", `[]`, 400, "invalid", "", []string{"Content-Type", "application/json-patch+json"}},
		{"patch of AuditEvents", "PATCH", "/fhir/AuditEvent/1", `[]`, 405, "not-supported", "", []string{"Content-Type", "application/json-patch+json"}},
		{"patch with an odd If-Match", "PATCH", "/fhir/Patient/1", `[]`, 400, "invalid", "", []string{"Content-Type", "application/json-patch+json", "If-Match", "2"}},
		{"POST to an instance", "POST", "/fhir/Patient/1", patient1, 405, "not-supported", "", nil},
		{"write the base", "PUT", "/fhir", "", 405, "not-supported", "", nil},
		{"TRACE", "TRACE", "/fhir/Patient/1", "", 405, "not-supported", "", nil},
		{"write metadata", "PUT", "/fhir/metadata/x/y", "", 405, "not-supported", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := start(t)
			a := n.do(c.method, c.path, c.body, c.headers...).want(c.status).header("X-Aceso-Record", "")
			i := a.issue()
			if c.code != "" && i.Code != c.code || c.code == "" && i.Code == "" {
				t.Errorf("code %q: %s", i.Code, a.body)
			}
			if c.place != "" && !strings.HasPrefix(fmt.Sprint(i.Expression), "["+c.place) {
				t.Errorf("place %q: %s", i.Expression, a.body)
			}
			if c.status == 405 && !strings.Contains(a.Header.Get("Allow"), "GET") && c.path != "/fhir" {
				t.Errorf("Allow %q", a.Header.Get("Allow"))
			}
			n.untouched()
		})
	}
}

// The server answers half a request instead of waiting for the rest.
func TestHalfRequest(t *testing.T) {
	n := start(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: application/fhir+json\r\nContent-Length: 100\r\n\r\n%s", `{"resourceType":`)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	a, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if a.StatusCode != 400 {
		t.Errorf("status %d", a.StatusCode)
	}
	n.untouched()
}

// A body without Content-Length is cut off while it is read.
func TestChunkedBodyIsLimited(t *testing.T) {
	n := start(t, func(c *server.Config) { c.MaxBody = 1000 })
	r, err := http.NewRequest("POST", n.url+"/fhir/Patient", struct{ *strings.Reader }{strings.NewReader(strings.Repeat(" ", 1001))})
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer good")
	r.Header.Set("Content-Type", "application/fhir+json")
	r.ContentLength = -1
	n.send(r).want(413, "too-long")
	n.untouched()
}

// Every kind of error has the answer of the table, with its receipt and without its cause.
func TestGateErrors(t *testing.T) {
	status := map[fhir.Kind]int{
		fhir.Internal: 500, fhir.Malformed: 400, fhir.Invalid: 400, fhir.Unprocessable: 422, fhir.Unauthenticated: 401,
		fhir.Forbidden: 403, fhir.NotFound: 404, fhir.NotAllowed: 405, fhir.Gone: 410, fhir.Conflict: 409,
		fhir.VersionMismatch: 412, fhir.MultipleMatches: 412, fhir.TooLarge: 413, fhir.UnsupportedMedia: 415,
		fhir.TooCostly: 400, fhir.Throttled: 429, fhir.Unavailable: 503,
	}
	for _, kind := range fhir.Kinds() {
		n := start(t)
		n.err = &fhir.Error{Kind: kind, Detail: "A sentence.", Expression: "Patient.id", Err: fmt.Errorf("secret of the driver")}
		for _, request := range [][3]string{
			{"GET", "/fhir/Patient/1"}, {"GET", "/fhir/Patient/1/_history/1"}, {"GET", "/fhir/Patient"}, {"GET", "/fhir/_history"},
			{"GET", "/fhir/AuditEvent"}, {"GET", "/fhir/AuditEvent/1"}, {"GET", "/fhir/AuditEvent/1/$proof"},
			{"GET", "/fhir/Patient/1/$access-report"}, {"GET", "/fhir/Patient/1/_history/1/$verify"}, {"GET", "/metrics"},
			{"POST", "/fhir/Patient", patient}, {"PUT", "/fhir/Patient/1", patient1}, {"DELETE", "/fhir/Patient/1"},
			{"POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/1"}}]}`},
		} {
			a := n.do(request[0], request[1], request[2]).want(status[kind])
			if i := a.issue(); i.Details.Text != "A sentence." || i.Expression[0] != "Patient.id" || i.Severity != "error" {
				t.Errorf("%v: %s", request, a.body)
			}
			if a.Header.Get("X-Aceso-Record") == "" {
				t.Errorf("%v: no receipt", request)
			}
			if strings.Contains(a.body, "secret") {
				t.Errorf("%v: %s", request, a.body)
			}
			if (kind == fhir.Unavailable || kind == fhir.Throttled) != (a.Header.Get("Retry-After") != "") {
				t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
			}
		}
	}
}

func TestUnknownErrorsSayNothing(t *testing.T) {
	n := start(t)
	n.err = fmt.Errorf("SELECT name FROM patients")
	a := n.get("/fhir/Patient/1").want(500, "exception").header("X-Aceso-Record", recorded)
	if strings.Contains(a.body, "SELECT") {
		t.Error(a.body)
	}
	n.err, n.panics = nil, true
	a = n.get("/fhir/Patient/1").want(500, "exception")
	if strings.Contains(a.body+n.log.String(), "the name of a patient") {
		t.Error(a.body, n.log)
	}
	n.panics = false
	n.get("/fhir/Patient/1").want(200)
}

// Operations that do not exist are refused as such, wherever they are asked for.
func TestUnknownOperations(t *testing.T) {
	n := start(t)
	for _, request := range []string{
		"GET /fhir/$lookup", "POST /fhir/$lookup", "GET /fhir/Patient/$match", "POST /fhir/Patient/$match", "GET /fhir/Patient/1/$all",
		"POST /fhir/Patient/1/$all", "GET /fhir/Patient/1/_history/1/$diff", "GET /fhir/Patient/$lookup/_history", "GET /fhir/a/b/c/d/e/$x",
	} {
		method, path, _ := strings.Cut(request, " ")
		a := n.do(method, path, patient).want(404, "not-supported").header("Allow", "")
		if got := a.issue().Details.Text; got != "There is no such operation." {
			t.Errorf("%s: %s", request, got)
		}
	}
	n.untouched()
	n.do("POST", "/fhir/Patient/1/$access-report", "").want(405, "not-supported").header("Allow", "GET, HEAD")
}

// Editors put a mark before UTF-8, and older clients have another name for FHIR JSON.
func TestOtherSpellingsOfJSON(t *testing.T) {
	n := start(t)
	n.do("POST", "/fhir/Patient", "\xef\xbb\xbf"+patient).want(201)
	n.do("POST", "/fhir", "\xef\xbb\xbf"+`{"resourceType":"Bundle","type":"batch"}`).want(200)
	n.do("POST", "/fhir/Patient", patient, "Content-Type", "application/json+fhir;charset=utf-8").want(201)
	n.do("POST", "/fhir/Patient", patient, "Accept", "application/json+fhir").want(201).header("Content-Type", "application/fhir+json;charset=utf-8")
	n.do("POST", "/fhir/Patient", "\xef\xbb\xbf\xef\xbb\xbf"+patient).want(400, "structure")
}
