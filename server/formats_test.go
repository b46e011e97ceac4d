package server_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/server"
)

const xmlPatient = `<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir"><id value="1"/></Patient>`

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAnswersAreXMLIfAsked(t *testing.T) {
	n := start(t)
	for path, want := range map[string]string{
		"/fhir/Patient/1?_format=xml":       `<Patient xmlns="http://hl7.org/fhir">`,
		"/fhir/Patient?_format=xml":         `<Bundle xmlns="http://hl7.org/fhir">`,
		"/fhir/_history?_format=xml":        `<type value="history"/>`,
		"/fhir/metadata?_format=xml":        `<CapabilityStatement xmlns="http://hl7.org/fhir">`,
		"/fhir/Horse/1?_format=xml":         `<OperationOutcome xmlns="http://hl7.org/fhir">`,
		"/fhir/AuditEvent?_format=text/xml": `<Bundle xmlns="http://hl7.org/fhir">`,
	} {
		a := n.get(path)
		if !strings.Contains(a.body, want) || !strings.Contains(a.Header.Get("Content-Type"), "xml;charset=utf-8") {
			t.Errorf("%s: %s %.300s", path, a.Header.Get("Content-Type"), a.body)
		}
	}
}

func TestXMLIsTaken(t *testing.T) {
	n := start(t)
	for _, media := range []string{"application/fhir+xml", "application/xml", "text/xml; charset=utf-8", "application/xml+fhir", "application/fhir+xml; fhirVersion=4.0"} {
		n.do("PUT", "/fhir/Patient/1", "\ufeff"+xmlPatient, "Content-Type", media).want(200)
	}
	n.do("POST", "/fhir", `<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry><resource><Patient/></resource><request><method value="POST"/><url value="Patient"/></request></entry></Bundle>`,
		"Content-Type", "application/fhir+xml").want(200)
	n.do("PUT", "/fhir/Patient/1", xmlPatient, "Content-Type", "application/fhir+xml; fhirVersion=3.0").want(415).contains("fhirVersion is 4.0")
	n.get("/fhir/Patient/1", "Accept", "application/fhir+xml; fhirVersion=3.0").want(406).contains("fhirVersion is 4.0")
}

func TestPrettyAnswers(t *testing.T) {
	n := start(t)
	n.get("/fhir/Patient/1?_pretty=true").want(200).contains("{\n  \"resourceType\": \"Patient\",\n")
	n.get("/fhir/Patient/1?_pretty=true&_format=xml").want(200).contains("\n  <id value=\"1\"/>\n")
	n.get("/fhir/Patient/1?_pretty=false").want(200).contains(`{"resourceType":"Patient",`)
	n.get("/fhir/Horse/1?_pretty=true").want(404).contains("{\n  \"resourceType\"")
}

func TestFormOfASearchSaysHowTheAnswerLooks(t *testing.T) {
	n := start(t)
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	n.do("POST", "/fhir/Patient/_search", "_format=xml&_pretty=true", form...).want(200).header("Content-Type", fhirXML).contains("\n  <type")
	n.do("POST", "/fhir/Patient/_search?_format=json", "_format=xml", form...).want(200).header("Content-Type", fhirJSON)
	n.do("POST", "/fhir/Patient/_search", "_format=ttl", form...).want(400, "invalid")
}

func TestPackedBodiesAreTaken(t *testing.T) {
	n := start(t, func(c *server.Config) { c.MaxBody = 100_000 })
	n.do("POST", "/fhir/Patient", gzipped(t, patient), "Content-Encoding", "gzip").want(201)
	n.do("POST", "/fhir/Patient/_search", gzipped(t, "name=a"), "Content-Encoding", "gzip", "Content-Type", "application/x-www-form-urlencoded").want(200)
	whole := gzipped(t, patient)
	n.do("POST", "/fhir/Patient", whole[:len(whole)-4], "Content-Encoding", "gzip").want(400, "structure")
}

// A bomb is unpacked up to the limit of bodies, and no further.
func TestPackedBodiesAreBounded(t *testing.T) {
	n := start(t, func(c *server.Config) { c.MaxBody = 100_000 })
	bomb := gzipped(t, strings.Repeat(" ", 50_000_000))
	if len(bomb) > 90_000 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	n.do("POST", "/fhir/Patient", bomb, "Content-Encoding", "gzip").want(413, "too-long").contains("97 KB")
}

func TestUnknownOperationsAreNamedSo(t *testing.T) {
	n := start(t)
	for _, path := range []string{"/fhir/$x", "/fhir/Patient/$x", "/fhir/Patient/1/$x", "/fhir/Patient/1/_history/1/$x"} {
		for _, method := range []string{"GET", "POST"} {
			n.do(method, path, "{}").want(404, "not-supported").contains("There is no such operation.")
		}
	}
}
