package server_test

import (
	"strings"
	"testing"
)

func TestOperationDefinitionsAreServed(t *testing.T) {
	n := start(t)
	n.get("/fhir/OperationDefinition/verify").want(200).contains(`"code":"verify"`, `"url":"https://aceso.health/fhir/OperationDefinition/verify"`, `"instance":true`)
	n.get("/fhir/OperationDefinition/ValueSet-expand?_format=xml").want(200).contains(`<base value="http://hl7.org/fhir/OperationDefinition/ValueSet-expand"/>`)
	n.untouched()
	n.get("/fhir/OperationDefinition/other").want(200)
	n.wantAsked("read OperationDefinition/other")
	n.get("/fhir/OperationDefinition/verify", "Authorization", "").want(401)
	document := strings.Replace(patient1, "Patient", "OperationDefinition", 1)
	n.do("PUT", "/fhir/OperationDefinition/verify", document).want(405, "not-supported")
	n.do("POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"OperationDefinition/verify"}}]}`).want(405, "not-supported")
	n.do("DELETE", "/fhir/OperationDefinition/verify", "").want(405, "not-supported")
}

func TestDocumentsOfAPatientAreFound(t *testing.T) {
	n := start(t)
	n.get("/fhir/DocumentReference/$docref?patient=1&start=2020&end=2021&type=urn:x|y").want(200).contains(`"type":"searchset"`)
	n.wantAsked("search {Type:DocumentReference Params:[{Name:status Value:current} {Name:patient Value:1} {Name:period Value:ge2020} {Name:period Value:le2021} {Name:type Value:urn:x|y}] Compartment: Lenient:false Link:}")
	n.do("POST", "/fhir/DocumentReference/$docref", `{"resourceType":"Parameters","parameter":[{"name":"patient","valueId":"1"}]}`).want(200)
	n.wantAsked("search {Type:DocumentReference Params:[{Name:status Value:current} {Name:patient Value:1}] Compartment: Lenient:false Link:}")
	n.get("/fhir/DocumentReference/$docref").want(400, "invalid")
	n.get("/fhir/DocumentReference/$docref?patient=1&on-demand=true").want(400, "invalid").contains("on demand")
}
