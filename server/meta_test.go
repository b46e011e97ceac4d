package server_test

import "testing"

func TestMetaIsAsked(t *testing.T) {
	n := start(t)
	n.fakeGate.body = `{"resourceType":"Patient","id":"1","meta":{"versionId":"3"}}`
	if a := n.get("/fhir/Patient/1/$meta").want(200); a.body != `{"resourceType":"Parameters","parameter":[{"name":"return","valueMeta":{"versionId":"3"}}]}` {
		t.Error(a.body)
	}
	n.wantAsked("meta Patient/1")
	n.get("/fhir/Patient/1/$meta?a=b").want(400, "invalid")
	n.get("/fhir/AuditEvent/1/$meta").want(404, "not-supported")
}
