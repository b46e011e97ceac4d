package server_test

import (
	"strings"
	"testing"
)

func TestMetaIsAsked(t *testing.T) {
	n := start(t)
	n.fakeGate.body = `{"resourceType":"Patient","id":"1","meta":{"versionId":"3"}}`
	if a := n.get("/fhir/Patient/1/$meta").want(200); a.body != `{"resourceType":"Parameters","parameter":[{"name":"return","valueMeta":{"versionId":"3"}}]}` {
		t.Error(a.body)
	}
	n.wantAsked("meta Patient/1")
	n.get("/fhir/Patient/1/$meta?a=b").want(400, "invalid")
	const tagged = `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"a"}]}}]}`
	for _, operation := range []string{"$meta-add", "$meta-delete"} {
		a := n.do("POST", "/fhir/Patient/1/"+operation, tagged).want(200)
		if !strings.Contains(a.body, `"valueMeta":{"versionId":"3"}`) || !strings.HasPrefix(n.lastAsked(), "PATCH Patient/1") {
			t.Errorf("%s: %s, asked %s", operation, a.body, n.lastAsked())
		}
	}
	n.do("POST", "/fhir/Patient/1/$meta-add", `{"resourceType":"Parameters"}`).want(400, "invalid")
	n.get("/fhir/AuditEvent/1/$meta").want(404, "not-supported")
}
