package server_test

import "testing"

func TestEverythingIsAsked(t *testing.T) {
	n := start(t)
	n.get("/fhir/Patient/1/$everything?_type=Observation&_format=json").want(200).contains(`"type":"searchset"`)
	n.wantAsked("everything {Ref:Patient/1 Params:[{Name:_type Value:Observation}] Link:}")
	n.do("POST", "/fhir/Encounter/1/$everything", `{"resourceType":"Parameters","parameter":[{"name":"_since","valueInstant":"2024-01-01T00:00:00Z"},{"name":"_count","valueInteger":5}]}`).want(200)
	n.wantAsked("everything {Ref:Encounter/1 Params:[{Name:_since Value:2024-01-01T00:00:00Z} {Name:_count Value:5}] Link:}")
	n.do("POST", "/fhir/Patient/1/$everything", "").want(200)
	n.result.Next = "to ken"
	n.get("/fhir/Patient/1/$everything").want(200).contains(`Patient/1/$everything?_page=to+ken`)
	n.get("/fhir/Patient/1/$everything?_page=x").want(200)
	n.wantAsked("everything {Ref:Patient/1 Params:[{Name:_page Value:x}] Link:x}")
	n.do("POST", "/fhir/Patient/1/$everything", `{"resourceType":"Parameters","parameter":[{"name":"_since","valueCoding":{"code":"a"}}]}`).want(400, "invalid")
	n.get("/fhir/Group/1/$everything").want(404, "not-supported")
}
