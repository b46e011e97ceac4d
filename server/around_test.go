package server_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/server"
)

const fhirJSON, fhirXML = "application/fhir+json;charset=utf-8", "application/fhir+xml;charset=utf-8"

func TestNegotiation(t *testing.T) {
	n := start(t)
	const plainJSON = "application/json;charset=utf-8"
	for _, c := range []struct{ accept, query, want string }{
		{"", "", fhirJSON},
		{"*/*", "", fhirJSON},
		{"application/json", "", plainJSON},
		{"application/fhir+json", "", fhirJSON},
		{"application/fhir+json; fhirVersion=4.0", "", fhirJSON},
		{"text/html, application/xml;q=0.9, */*;q=0.8", "", "application/xml;charset=utf-8"},
		{" ", "", fhirJSON},
		{"application/json+fhir", "", fhirJSON},
		{"text/json", "", plainJSON},
		{"application/fhir+xml", "", fhirXML},
		{"application/xml+fhir;fhirVersion=4.0", "", fhirXML},
		{"text/xml", "", "text/xml;charset=utf-8"},
		{"application/fhir+xml;q=0.9, application/fhir+json;q=0.5", "", fhirXML},
		{"application/fhir+json", "?_format=xml", fhirXML},
		{"application/fhir+json;fhirVersion=3.0", "", ""},
		{"application/json;q=0.5, application/fhir+json", "", fhirJSON},
		{"application/xml", "?_format=json", fhirJSON},
		{"", "?_format=application/json", plainJSON},
		{"", "?_format=application/fhir+json", fhirJSON}, // the plus arrives as a space
		{"", "?_format=application/fhir%2Bjson", fhirJSON},
		{"text/turtle", "", ""},
		{"application/fhir+json;q=0", "", ""},
		{"", "?_format=ttl", ""},
	} {
		a := n.get("/fhir/Patient/1"+c.query, "Accept", c.accept)
		if c.want == "" {
			a.want(406, "not-supported").header("Content-Type", fhirJSON)
			continue
		}
		a.want(200).header("Content-Type", c.want)
	}
	for _, media := range []string{"application/fhir+json", "application/json", "application/fhir+json; charset=UTF-8", "application/fhir+json; fhirVersion=4.0", "application/json+fhir", "text/json"} {
		n.do("POST", "/fhir/Patient", patient, "Content-Type", media).want(201)
	}
}

func TestAuthentication(t *testing.T) {
	n := start(t)
	n.get("/fhir/Patient/1", "Authorization", "").want(401, "login").header("WWW-Authenticate", `Bearer realm="aceso"`).header("X-Aceso-Record", "")
	n.get("/fhir/Patient/1", "Authorization", "Bearer bad").want(401, "login").header("WWW-Authenticate", `Bearer realm="aceso", error="invalid_token"`)
	n.do("POST", "/fhir/Patient", strings.Repeat(" ", 30_000_000), "Authorization", "").want(401, "login")
	n.get("/fhir/metadata", "Authorization", "").want(200)
	n.untouched()
}

func TestRequestID(t *testing.T) {
	n := start(t)
	const id = "0199e5a4-0000-7000-8000-000000000001"
	n.get("/healthz", "X-Request-Id", id).header("X-Request-Id", id)
	if got := n.get("/healthz", "X-Request-Id", "MRN 12345").Header.Get("X-Request-Id"); len(got) != 36 {
		t.Errorf("X-Request-Id %q", got)
	}
}

// The log says what kind of agent did what, never to which patient.
func TestLog(t *testing.T) {
	n := start(t)
	n.get("/fhir/Patient/secret-id?_elements=secret").want(200)
	n.get("/fhir/Patient?name=secret").want(200)
	n.get("/secret")
	n.do("SECRET", "/fhir/Patient/secret", "")
	n.err = &fhir.Error{Kind: fhir.Unavailable, Detail: "Try again.", Err: errors.New("disk full")}
	n.get("/fhir/Patient/secret-id").want(503)
	log := n.log.String()
	if strings.Contains(log, "secret") || strings.Contains(log, "SECRET") || strings.Contains(log, "Practitioner/12") {
		t.Error(log)
	}
	if lines := strings.Count(log, "\n"); lines != 5 {
		t.Errorf("%d lines: %s", lines, log)
	}
	for _, part := range []string{"method=GET route=/fhir/:type/:id status=200 duration=", "organization=org role=practitioner", "route=none status=404", "method=other", "disk full"} {
		if !strings.Contains(log, part) {
			t.Errorf("no %q in %s", part, log)
		}
	}
}

func TestLimit(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	n := start(t, func(c *server.Config) {
		c.EntriesPerSecond, c.Burst, c.Now = 0.5, 2, func() time.Time { return now }
	})
	one, two := []string{"Authorization", "Bearer good-one"}, []string{"Authorization", "Bearer good-two"}
	n.get("/fhir/Patient/1", one...).want(200)
	n.get("/fhir/Patient/1", one...).want(200)
	n.get("/fhir/Patient/1", one...).want(429, "throttled").header("Retry-After", "2").header("X-Aceso-Record", "")
	n.get("/fhir/Patient/1", two...).want(200)
	now = now.Add(2 * time.Second)
	n.get("/fhir/Patient/1", one...).want(200)
	n.get("/fhir/Patient/1", one...).want(429)
	for range 2 {
		n.get("/fhir/Patient/1", "Authorization", "").want(401)
	}
	n.get("/fhir/Patient/1", "Authorization", "").want(429)
	n.get("/readyz").want(200)
}

func TestCORS(t *testing.T) {
	n := start(t, func(c *server.Config) { c.AllowedOrigins = []string{"https://app.example.org"} })
	n.get("/fhir/Patient/1", "Origin", "https://app.example.org").want(200).header("Access-Control-Allow-Origin", "https://app.example.org")
	n.get("/fhir/Patient/1", "Origin", "https://evil.example.org").want(200).header("Access-Control-Allow-Origin", "")
	preflight := []string{"Origin", "https://app.example.org", "Access-Control-Request-Method", "PUT", "Authorization", ""}
	a := n.do("OPTIONS", "/fhir/Patient/1", "", preflight...).want(204).header("Access-Control-Allow-Origin", "https://app.example.org")
	if !strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), "PUT") || !strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("%v", a.Header)
	}
	preflight[1] = "https://evil.example.org"
	n.do("OPTIONS", "/fhir/Patient/1", "", preflight...).want(405).header("Access-Control-Allow-Methods", "")
	exposed := n.get("/fhir/Patient/1", "Origin", "https://app.example.org").Header.Get("Access-Control-Expose-Headers")
	for _, h := range []string{"ETag", "Location", "X-Aceso-Record", "X-Request-Id"} {
		if !strings.Contains(exposed, h) {
			t.Errorf("%s is not exposed", h)
		}
	}
}

func TestCompression(t *testing.T) {
	n := start(t)
	n.get("/fhir/Patient/1", "Accept-Encoding", "gzip").want(200).header("Content-Encoding", "")
	n.body = `{"resourceType":"Patient","id":"` + strings.Repeat("a", 5000) + `"}`
	n.get("/fhir/Patient/1").want(200).header("Content-Encoding", "")
	n.get("/fhir/Patient/1", "Accept-Encoding", "gzip;q=0, identity").want(200).header("Content-Encoding", "")
	for range 2 {
		a := n.get("/fhir/Patient/1", "Accept-Encoding", "br, gzip;q=0.5").want(200).header("Content-Encoding", "gzip")
		z, err := gzip.NewReader(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(z); err != nil || string(got) != n.body {
			t.Errorf("%v: %d bytes", err, len(got))
		}
		if len(a.body) > 1000 || fmt.Sprint(len(a.body)) != a.Header.Get("Content-Length") {
			t.Errorf("%d bytes packed, Content-Length %s", len(a.body), a.Header.Get("Content-Length"))
		}
	}
}

func TestReadiness(t *testing.T) {
	var reason error
	n := start(t, func(c *server.Config) { c.Ready = func(context.Context) error { return reason } })
	n.get("/readyz").want(200)
	reason = &fhir.Error{Kind: fhir.Unavailable, Detail: "The policies do not compile.", Err: errors.New("/secret/path")}
	a := n.get("/readyz").want(503).contains("The policies do not compile.")
	reason = errors.New("/secret/path")
	if b := n.get("/readyz").want(503); strings.Contains(a.body+b.body, "secret") {
		t.Errorf("%s %s", a.body, b.body)
	}
	n.get("/healthz").want(200)
}

// _summary and _elements cut what the gate returned.
func TestViews(t *testing.T) {
	n := start(t)
	n.body = `{"resourceType":"Patient","id":"1","gender":"male","birthDate":"2000-01-01"}`
	a := n.get("/fhir/Patient/1?_elements=gender").want(200).contains(`"gender":"male"`, "SUBSETTED")
	if strings.Contains(a.body, "birthDate") {
		t.Error(a.body)
	}
	n.result = access.Result{Total: -1, Query: &search.Query{Elements: []string{"birthDate"}}, Matches: []access.Version{*n.version(fhir.Ref{Type: "Patient", ID: "1"}, 1)}}
	if a := n.get("/fhir/Patient?_elements=birthDate").want(200).contains("birthDate"); strings.Contains(a.body, "gender") {
		t.Error(a.body)
	}
}

// _elements are of the type that is searched for: what is included stays whole.
func TestElementsLeaveIncludedResourcesWhole(t *testing.T) {
	n := start(t)
	n.body = `{"resourceType":"Patient","id":"1","gender":"male","birthDate":"2000-01-01"}`
	v := *n.version(fhir.Ref{Type: "Patient", ID: "1"}, 1)
	n.result = access.Result{Total: -1, Query: &search.Query{Elements: []string{"birthDate"}}, Matches: []access.Version{v}, Included: []access.Version{v}}
	a := n.get("/fhir/Patient?_elements=birthDate&_include=Patient:link").want(200).contains(n.body)
	if strings.Count(a.body, "gender") != 1 {
		t.Error(a.body)
	}
}

func TestHTTPServerHasLimits(t *testing.T) {
	s := server.HTTP(nil)
	if s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.WriteTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("%+v", s)
	}
}
