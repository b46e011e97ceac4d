package server_test

import (
	"strings"
	"testing"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

const (
	patient  = `{"resourceType":"Patient"}`
	patient1 = `{"resourceType":"Patient","id":"1"}`
	recorded = "org/node/accesses/1;c=x"
)

func TestRead(t *testing.T) {
	n := start(t)
	a := n.get("/fhir/Patient/1").want(200).
		header("ETag", `W/"3"`).
		header("Last-Modified", "Wed, 01 May 2024 10:00:00 GMT").
		header("Content-Type", "application/fhir+json;charset=utf-8").
		header("Content-Length", "35").
		header("Cache-Control", "no-store").
		header("X-Content-Type-Options", "nosniff").
		header("X-Aceso-Record", recorded)
	if a.body != n.body {
		t.Errorf("body %s", a.body)
	}
	if a.Header.Get("Vary") == "" || len(a.Header.Get("X-Request-Id")) != 36 {
		t.Errorf("headers %v", a.Header)
	}
	n.wantAsked("read Patient/1")
	n.get("/fhir/Patient/1/_history/2").want(200).header("ETag", `W/"2"`)
	n.wantAsked("vread Patient/1 2")
}

// HEAD answers as GET does, without the body.
func TestHead(t *testing.T) {
	n := start(t)
	for _, path := range []string{"/fhir/Patient/1", "/fhir/Patient", "/fhir/metadata", "/fhir/_history", "/fhir/AuditEvent/1", "/readyz", "/fhir/Foo/1"} {
		get, head := n.get(path), n.do("HEAD", path, "")
		if get.StatusCode != head.StatusCode || head.body != "" || get.body == "" {
			t.Errorf("%s: GET %d, HEAD %d with %q", path, get.StatusCode, head.StatusCode, head.body)
		}
		for _, h := range []string{"Content-Type", "Content-Length", "ETag", "Last-Modified"} {
			if get.Header.Get(h) != head.Header.Get(h) {
				t.Errorf("%s: %s is %q and %q", path, h, get.Header.Get(h), head.Header.Get(h))
			}
		}
	}
}

// A conditional read is decided and recorded even if nothing is sent.
func TestConditionalRead(t *testing.T) {
	for _, c := range []struct {
		header, value string
		status        int
	}{
		{"If-None-Match", `W/"3"`, 304},
		{"If-None-Match", `"3"`, 304},
		{"If-None-Match", `W/"1", W/"3"`, 304},
		{"If-None-Match", `*`, 304},
		{"If-None-Match", `W/"2"`, 200},
		{"If-None-Match", `"abc"`, 200},
		{"If-Modified-Since", "Wed, 01 May 2024 10:00:01 GMT", 304},
		{"If-Modified-Since", "Wed, 01 May 2024 10:00:00 GMT", 200},
		{"If-Modified-Since", "Wed, 01 May 2024 09:59:59 GMT", 200},
		{"If-Modified-Since", "yesterday", 200},
	} {
		n := start(t)
		a := n.get("/fhir/Patient/1", c.header, c.value).want(c.status).header("ETag", `W/"3"`).header("X-Aceso-Record", recorded)
		if (a.body == "") != (c.status == 304) {
			t.Errorf("%s %s: body %q", c.header, c.value, a.body)
		}
		n.wantAsked("read Patient/1")
	}
}

func TestCreate(t *testing.T) {
	n := start(t)
	n.do("POST", "/fhir/Patient", patient).want(201).
		header("Location", base+"/Patient/new/_history/1").
		header("ETag", `W/"1"`).
		header("Last-Modified", "Wed, 01 May 2024 10:00:00 GMT").
		header("X-Aceso-Record", recorded).
		contains(n.body)
	n.wantAsked("POST Patient/ v0 match [] false [] ")
	n.status = 200
	n.do("POST", "/fhir/Patient", patient, "If-None-Exist", "identifier=http://x%7C1&active=true").want(200).header("Location", base+"/Patient/new/_history/1")
	n.wantAsked("POST Patient/ v0 match [] true [{identifier http://x|1} {active true}] ")
}

func TestPreferReturn(t *testing.T) {
	n := start(t)
	for _, c := range []struct {
		prefer, body string
	}{
		{"", n.body},
		{"return=representation", n.body},
		{"return=minimal", ""},
		{"handling=lenient, return=minimal", ""},
		{`return="minimal"; foo=bar`, ""},
	} {
		a := n.do("POST", "/fhir/Patient", patient, "Prefer", c.prefer).want(201).header("ETag", `W/"1"`)
		if a.body != c.body {
			t.Errorf("%s: %s", c.prefer, a.body)
		}
	}
	n.do("POST", "/fhir/Patient", patient, "Prefer", "return=OperationOutcome").want(201, "informational")
	n.do("DELETE", "/fhir/Patient/1", "", "Prefer", "return=OperationOutcome").want(200, "informational")
}

func TestUpdate(t *testing.T) {
	n := start(t)
	n.do("PUT", "/fhir/Patient/1", patient1, "If-Match", `W/"2"`).want(200).header("ETag", `W/"1"`).header("X-Aceso-Record", recorded)
	n.wantAsked("PUT Patient/1 v0 match [2] false [] ")
	n.status = 201
	n.do("PUT", "/fhir/Patient/1", patient1).want(201).header("Location", base+"/Patient/1/_history/1")
	n.do("PUT", "/fhir/Patient?identifier=a", patient).want(201)
	n.wantAsked("PUT Patient/ v0 match [] true [{identifier a}] ")
}

func TestDelete(t *testing.T) {
	n := start(t)
	a := n.do("DELETE", "/fhir/Patient/1", "", "If-Match", `W/"2"`).want(204).header("ETag", `W/"1"`).header("Location", "").header("X-Aceso-Record", recorded)
	if a.body != "" {
		t.Errorf("body %q", a.body)
	}
	n.wantAsked("DELETE Patient/1 v0 match [2] false [] ")
	n.do("DELETE", "/fhir/Patient?identifier=a", "").want(204)
	n.wantAsked("DELETE Patient/ v0 match [] true [{identifier a}] ")
}

func TestSearch(t *testing.T) {
	n := start(t)
	n.result = access.Result{
		Query:    &search.Query{},
		Matches:  []access.Version{*n.version(fhir.Ref{Type: "Patient", ID: "1"}, 1)},
		Included: []access.Version{*n.version(fhir.Ref{Type: "Organization", ID: "2"}, 1)},
		Total:    7, Next: "to ken", Self: "name=a&_count=1",
		Warnings: []fhir.Issue{{Detail: "left out"}},
	}
	n.get("/fhir/Patient?name=a&_count=1&_format=json&_pretty=false", "Prefer", "handling=lenient").want(200).header("X-Aceso-Record", recorded).contains(
		`"type":"searchset"`, `"total":7`,
		`{"relation":"self","url":"`+base+`/Patient?name=a&_count=1"}`,
		`{"relation":"next","url":"`+base+`/Patient?_page=to+ken"}`,
		`{"fullUrl":"`+base+`/Patient/1","search":{"mode":"match"},"resource":`+n.body+`}`,
		`{"fullUrl":"`+base+`/Organization/2","search":{"mode":"include"}`,
		`"search":{"mode":"outcome"}`, `"severity":"warning"`, `left out`,
	)
	n.wantAsked("search {Type:Patient Params:[{Name:name Value:a} {Name:_count Value:1}] Compartment: Lenient:true Link:}")

	n.get("/fhir/Patient?_count=3&_page=to+ken").want(200) // as @medplum/core sends it
	n.get("/fhir/Patient?_page=to+ken").want(200).contains(`{"relation":"self","url":"` + base + `/Patient?_page=to+ken"}`)
	n.wantAsked("search {Type:Patient Params:[] Compartment: Lenient:false Link:to ken}")

	n.get("/fhir/Patient/1/Observation?code=x").want(200).contains(base + "/Patient/1/Observation?_page=")
	n.wantAsked("search {Type:Observation Params:[{Name:code Value:x}] Compartment:Patient/1 Lenient:false Link:}")

	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	n.do("POST", "/fhir/Patient/_search?active=true", "name=a+b&gender=male", form...).want(200)
	n.wantAsked("search {Type:Patient Params:[{Name:active Value:true} {Name:name Value:a b} {Name:gender Value:male}] Compartment: Lenient:false Link:}")
	n.do("POST", "/fhir/Patient/1/Observation/_search", "code=x", form...).want(200)
	n.wantAsked("search {Type:Observation Params:[{Name:code Value:x}] Compartment:Patient/1 Lenient:false Link:}")
}

// The answer has no total if the gate gives none.
func TestSearchWithoutTotal(t *testing.T) {
	n := start(t)
	a := n.get("/fhir/Patient").want(200)
	if strings.Contains(a.body, "total") || strings.Contains(a.body, "entry") || strings.Contains(a.body, "next") {
		t.Errorf("invented: %s", a.body)
	}
}

func TestHistory(t *testing.T) {
	n := start(t)
	deleted := *n.version(fhir.Ref{Type: "Patient", ID: "1"}, 2)
	deleted.Deleted, deleted.Method, deleted.Body = true, "DELETE", nil
	created := *n.version(fhir.Ref{Type: "Patient", ID: "1"}, 1)
	created.Method = "POST"
	n.result = access.Result{Matches: []access.Version{deleted, created}, Total: 2, Next: "n"}
	n.get("/fhir/Patient/1/_history?_count=2&_since=2024-05-01T00:00:00Z").want(200).header("X-Aceso-Record", recorded).contains(
		`"type":"history"`, `"total":2`,
		`{"fullUrl":"`+base+`/Patient/1","request":{"method":"DELETE","url":"Patient/1"},"response":{"status":"204 No Content","etag":"W/\"2\"","lastModified":"2024-05-01T10:00:00.250Z"}}`,
		`"request":{"method":"POST","url":"Patient"},"response":{"status":"201 Created","etag":"W/\"1\"","lastModified":"2024-05-01T10:00:00.250Z"},"resource":`+n.body+`}`,
		base+`/Patient/1/_history?_page=n`,
	)
	n.wantAsked("history {Type:Patient ID:1 Since:2024-05-01 00:00:00 +0000 UTC At:0001-01-01 00:00:00 +0000 UTC Until:0001-01-01 00:00:00 +0000 UTC Count:2 Total:false Link: Self:_count=2&_since=2024-05-01T00%3A00%3A00Z}")
	n.get("/fhir/Patient/_history?_at=2024").want(200).contains(base + `/Patient/_history?_page=n`)
	n.wantAsked("history {Type:Patient ID: Since:0001-01-01 00:00:00 +0000 UTC At:2024-01-01 00:00:00 +0000 UTC Until:2025-01-01 00:00:00 +0000 UTC Count:-1 Total:false Link: Self:_at=2024}")
	n.get("/fhir/Patient/_history?_total=accurate").want(200)
	n.wantAsked("history {Type:Patient ID: Since:0001-01-01 00:00:00 +0000 UTC At:0001-01-01 00:00:00 +0000 UTC Until:0001-01-01 00:00:00 +0000 UTC Count:-1 Total:true Link: Self:_total=accurate}")
	n.get("/fhir/_history?_page=n").want(200).contains(base + `/_history?_page=n`)
	n.wantAsked("history {Type: ID: Since:0001-01-01 00:00:00 +0000 UTC At:0001-01-01 00:00:00 +0000 UTC Until:0001-01-01 00:00:00 +0000 UTC Count:-1 Total:false Link:n Self:}")
}

func TestRecords(t *testing.T) {
	n := start(t)
	for _, c := range []struct{ path, asked string }{
		{"/fhir/AuditEvent/node.accesses.7", "audit read node.accesses.7"},
		{"/fhir/AuditEvent?entity=Patient/1", "audit search {Type:AuditEvent Params:[{Name:entity Value:Patient/1}] Compartment: Lenient:false Link:}"},
		{"/fhir/AuditEvent/a.b.1/$proof", "proof a.b.1"},
		{"/fhir/Patient/1/_history/2/$verify", "verify Patient/1 2"},
		{"/fhir/Patient/1/$access-report?date=ge2024", "report Patient/1 {Type:AuditEvent Params:[{Name:date Value:ge2024}] Compartment:Patient/1 Lenient:false Link:}"},
		{"/metrics", "operate metrics"},
	} {
		a := n.get(c.path).want(200)
		n.wantAsked(c.asked)
		if a.Header.Get("X-Aceso-Record") == "" {
			t.Errorf("%s has no receipt", c.path)
		}
	}
	n.get("/fhir/AuditEvent/a.b.1/$proof").header("Content-Type", "application/json")
	n.result.Next = "n"
	n.get("/fhir/Patient/1/$access-report").contains(base + "/Patient/1/$access-report?_page=n").contains(`"relation":"related","url":"` + base + `/Patient/1/$access-report?broad=true`)
	for _, second := range []string{"broad=true", "_page=n"} {
		n.result.Self = second
		if a := n.get("/fhir/Patient/1/$access-report?" + second); strings.Contains(a.body, "related") {
			t.Errorf("the second list, or a further page, links to the second list: %s", a.body)
		}
	}
	n.result.Self = ""
	n.do("POST", "/fhir/AuditEvent/_search", "agent=x", "Content-Type", "application/x-www-form-urlencoded").want(200)
	n.wantAsked("audit search {Type:AuditEvent Params:[{Name:agent Value:x}] Compartment: Lenient:false Link:}")
	n.get("/metrics").contains(`aceso_request_duration_seconds_count{method="GET",route="/fhir/:type/:id",status="200"} 1`)
}

func TestRecordsCannotBeWritten(t *testing.T) {
	n := start(t)
	for _, c := range [][2]string{{"POST", "/fhir/AuditEvent"}, {"PUT", "/fhir/AuditEvent/1"}, {"DELETE", "/fhir/AuditEvent/1"}, {"PUT", "/fhir/AuditEvent?_id=1"}, {"DELETE", "/fhir/AuditEvent?_id=1"}} {
		n.do(c[0], c[1], patient).want(405, "not-supported").header("Allow", "GET, HEAD")
	}
	n.get("/fhir/AuditEvent/1/_history").want(404, "not-supported")
	n.get("/fhir/AuditEvent/1/_history/1").want(404, "not-supported")
	n.get("/fhir/Patient/1/AuditEvent").want(404, "not-supported")
	n.do("POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"AuditEvent/1"}}]}`).want(405, "not-supported")
	n.untouched()
}

func TestHealth(t *testing.T) {
	n := start(t)
	n.get("/healthz", "Authorization", "").want(200)
	n.get("/readyz", "Authorization", "").want(200)
	n.get("/metrics", "Authorization", "").want(401, "login")
	n.untouched()
}
