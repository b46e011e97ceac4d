package server_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/server"
)

const storedBinary = `{"resourceType":"Binary","id":"1","contentType":"text/html","securityContext":{"reference":"Patient/7"},"data":"PGI+\n YTwvYj4="}`

func TestBinaryIsReadAsWhatItHolds(t *testing.T) {
	n := start(t)
	n.fakeGate.body = storedBinary
	for _, accept := range []string{"", "*/*", "text/html", "image/png", "text/html, application/xml;q=0.9, */*;q=0.8"} {
		for _, path := range []string{"/fhir/Binary/1", "/fhir/Binary/1/_history/3"} {
			a := n.get(path, "Accept", accept).want(200).header("Content-Type", "text/html").header("X-Security-Context", "Patient/7").header("Etag", `W/"3"`)
			if a.body != "<b>a</b>" {
				t.Errorf("Accept %q: %q", accept, a.body)
			}
			a.header("X-Content-Type-Options", "nosniff").header("Content-Disposition", "attachment").header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
		}
	}
	for _, accept := range []string{"application/fhir+json", "application/json"} {
		if a := n.get("/fhir/Binary/1", "Accept", accept).want(200); a.body != storedBinary {
			t.Errorf("Accept %s: %s", accept, a.body)
		}
	}
	n.get("/fhir/Binary/1?_format=json").want(200).header("Content-Type", fhirJSON)
	n.get("/fhir/Binary/1?_format=xml").want(200).contains(`<contentType value="text/html"/>`)
	n.get("/fhir/Binary/1", "Accept", "image/png", "If-None-Match", `W/"3"`).want(304)
	n.get("/fhir/Patient/1", "Accept", "image/png").want(406)
	n.get("/fhir/Binary", "Accept", "image/png").want(406)
	n.get("/fhir/Binary/1?_summary=data", "Accept", "image/png").want(200).header("Content-Type", fhirJSON)
	n.fakeGate.body = `{"resourceType":"Binary","contentType":"nothing known"}`
	n.get("/fhir/Binary/1").want(204)
	n.fakeGate.body = `{"resourceType":"Binary","contentType":"a b","data":"YQ=="}`
	n.get("/fhir/Binary/1").want(200).header("Content-Type", "application/octet-stream")
}

func TestBinaryIsWrittenAsWhatItHolds(t *testing.T) {
	n := start(t)
	n.do("POST", "/fhir/Binary", "\x00\xff<", "Content-Type", "image/png; a=b", "X-Security-Context", "Patient/7").want(201)
	n.wantWritten(`{"resourceType":"Binary","contentType":"image/png; a=b","securityContext":{"reference":"Patient/7"},"data":"AP88"}`)
	n.do("PUT", "/fhir/Binary/1", "a", "Content-Type", "text/plain").want(200)
	n.wantWritten(`{"resourceType":"Binary","id":"1","contentType":"text/plain","data":"YQ=="}`)
	n.do("POST", "/fhir/Binary", storedBinary).want(201)
	n.wantWritten(storedBinary)
	n.do("POST", "/fhir/Binary", gzipped(t, "a"), "Content-Type", "text/plain", "Content-Encoding", "gzip").want(201)
	n.wantWritten(`{"resourceType":"Binary","contentType":"text/plain","data":"YQ=="}`)
	n.do("POST", "/fhir/Binary", "a", "Content-Type", "").want(415)
	n.do("POST", "/fhir/Binary", storedBinary, "Content-Type", "application/fhir+json; fhirVersion=3.0").want(415)
	n.do("POST", "/fhir/Patient", "a", "Content-Type", "image/png").want(415)
}

func TestRawBinariesAreBounded(t *testing.T) {
	n := start(t, func(c *server.Config) { c.MaxBody = 100_000 })
	for size, status := range map[int]int{71_000: 201, 72_000: 413} {
		n.do("POST", "/fhir/Binary", strings.Repeat("a", size), "Content-Type", "text/plain").want(status)
	}
	if n := base64.StdEncoding.EncodedLen(71_000); n > 100_000 {
		t.Error(n)
	}
}
