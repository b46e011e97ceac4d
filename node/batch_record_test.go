package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// HEAD, a search by POST and an operation leave in a batch the record that they leave by
// themselves: they are decided, and concern the same patients.
func TestEntriesApartAreRecordedAsByThemselves(t *testing.T) {
	n := leakNode(t, true)
	people := outsiders(n)
	doctor, guest, patient := n.as("practitioner", "TREAT"), people["guest"], people["patient"]
	event := doctor.Get("/Patient/p1").Want(200).Event()
	for _, c := range []struct {
		by                 user
		method, path, body string
		status             int
	}{
		{doctor, "HEAD", "/Patient/p1", "", 200},
		{guest, "HEAD", "/Observation/o-p2", "", 404},
		{doctor, "POST", "/Observation/_search?patient=p1", "", 200},
		{guest, "POST", "/Observation/_search?patient=p2", "", 200},
		{doctor, "GET", "/Patient/p1/$everything", "", 200},
		{guest, "GET", "/Patient/p2/$everything", "", 404},
		{doctor, "GET", "/Patient/p1/$meta", "", 200},
		{guest, "GET", "/Patient/p2/$meta", "", 404},
		{guest, "POST", "/Patient/p2/$meta-add", `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"x"}]}}]}`, 403},
		{doctor, "POST", "/Observation/$validate", observationJSON("x", "p1", 1), 200},
		{guest, "GET", "/Patient/p2/$validate", "", 404},
		{doctor, "GET", "/Patient/p1/_history/1/$verify", "", 200},
		{doctor, "GET", "/CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=male", "", 200},
		{patient, "GET", "/Patient/p1/$access-report", "", 200},
		{patient, "GET", "/Patient/p2/$access-report", "", 404},
		{doctor, "GET", "/Patient/p1/$access-report", "", 403},
		{n.as("privacy-officer", "HOPERAT"), "GET", "/AuditEvent/" + event + "/$proof", "", 200},
		{doctor, "GET", "/AuditEvent/" + event + "/$proof", "", 403},
	} {
		t.Run(fmt.Sprintf("%s %s %d", c.method, c.path, c.status), func(t *testing.T) {
			alone := send(c.by, request{method: c.method, path: c.path, body: c.body}).Want(c.status)
			changes, accesses := n.logSizes()
			batch := c.by.Post("/", bundleJSON("batch", entryJSON(c.method, c.path[1:], c.body, ""))).WantStatuses(fmt.Sprint(c.status))
			after, more := n.logSizes()
			if after-changes+more-accesses != 1 {
				t.Fatalf("%d changes and %d accesses recorded, want one entry", after-changes, more-accesses)
			}
			if want, got := whatWasTold(n.auditEvent(alone)), whatWasTold(n.auditEvent(batch)); got != want {
				t.Errorf("recorded was\n%s\nand by itself\n%s", got, want)
			}
		})
	}
}

// whatWasTold is what an AuditEvent says of what was asked, answered, and whom it concerns.
func whatWasTold(event map[string]any) string {
	var all []string
	for _, name := range []string{"action", "outcome", "subtype", "purposeOfEvent"} {
		all = append(all, fmt.Sprint(event[name]))
	}
	entities, _ := event["entity"].([]any)
	for _, e := range entities {
		if what, ok := e.(map[string]any)["what"].(map[string]any); ok && what["reference"] != nil { // the id of the request differs
			all = append(all, fmt.Sprint(what))
		}
	}
	slices.Sort(all[4:])
	return strings.Join(all, "\n")
}
