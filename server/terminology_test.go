package server_test

import "testing"

func TestTerminologyIsAsked(t *testing.T) {
	n := start(t)
	for path, asked := range map[string]string{
		"/fhir/ValueSet/$expand?url=urn:x":                    "terms expand ValueSet  [{url urn:x}] ",
		"/fhir/ValueSet/1/$expand":                            "terms expand ValueSet 1 [] ",
		"/fhir/ValueSet/$validate-code?url=x":                 "terms validate-code ValueSet  [{url x}] ",
		"/fhir/CodeSystem/1/$validate-code?code=x":            "terms validate-code CodeSystem 1 [{code x}] ",
		"/fhir/CodeSystem/$lookup?system=urn:x&code=y":        "terms lookup CodeSystem  [{system urn:x} {code y}] ",
		"/fhir/CodeSystem/$subsumes?codeA=x":                  "terms subsumes CodeSystem  [{codeA x}] ",
		"/fhir/ConceptMap/1/$translate?code=x&_format=json":   "terms translate ConceptMap 1 [{code x}] ",
		"/fhir/ConceptMap/$translate?code=x&targetsystem=urn": "terms translate ConceptMap  [{code x} {targetsystem urn}] ",
	} {
		n.get(path).want(200)
		n.wantAsked(asked)
	}
	const body = `{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"urn:x"}]}`
	n.do("POST", "/fhir/ValueSet/$expand", body).want(200)
	n.wantAsked("terms expand ValueSet  [] " + body)
	n.do("POST", "/fhir/ValueSet/$expand", `{"resourceType":"Patient"}`).want(400)
	for _, path := range []string{"/fhir/Patient/$expand", "/fhir/ValueSet/$lookup", "/fhir/ConceptMap/1/$expand", "/fhir/ValueSet/1/$nothing"} {
		n.get(path).want(404)
	}
	n.get("/fhir/ValueSet/a_b/$expand").want(400)
	n.wantAsked("terms expand ValueSet  [] " + body) // nothing since
}

func TestTerminologyHasCapabilities(t *testing.T) {
	n := start(t)
	n.get("/fhir/metadata?mode=terminology").want(200).contains(`"resourceType":"TerminologyCapabilities"`, `"uri":"http://hl7.org/fhir/administrative-gender"`)
	n.get("/fhir/metadata").want(200).contains(`"name":"expand","definition":"http://hl7.org/fhir/OperationDefinition/ValueSet-expand"`)
	n.get("/fhir/metadata?mode=nonsense").want(400)
}
