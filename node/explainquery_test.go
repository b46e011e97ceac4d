package node

import (
	"fmt"
	"strings"
	"testing"
)

// What drives a search is told to administrators, in order, without values; whether few
// resources are there, or none, changes nothing of it. It is recorded like a search.
func TestQueriesAreExplained(t *testing.T) {
	n := startNode(t, t.TempDir())
	system, admin := n.as("system", "HOPERAT"), n.as("administrator", "HOPERAT")
	const question = "/Observation/$explain-query?code=8867-4&status:not=final&subject:Patient.family=Familyp1&date=ge2020&_sort=-date"
	empty := admin.Get(question).Want(200)
	twoPatients(n)
	a := admin.Get(question).Want(200)
	if string(a.Body) != string(empty.Body) {
		t.Errorf("few resources change the answer:\n%s\n%s", empty.Body, a.Body)
	}
	if a.Has("8867-4") || a.Has("Familyp1") || a.Has("amilyp1") {
		t.Errorf("values are told: %s", a.Body)
	}
	var steps []string
	types, _ := a.JSON()["parameter"].([]any)
	parts, _ := types[0].(map[string]any)["part"].([]any)
	for _, p := range parts {
		if inner, ok := p.(map[string]any)["part"].([]any); ok {
			steps = append(steps, fmt.Sprint(inner[0].(map[string]any)["valueString"], " ", inner[1].(map[string]any)["valueBoolean"], " ", inner[2].(map[string]any)["valueDecimal"]))
		}
	}
	if got := strings.Join(steps, ", "); got != "code true 1000, date true 1000, subject.family false 1000, status false 1000" {
		t.Errorf("steps: %s", got)
	}
	system.Get(question).Want(403)
	admin.Get("/Observation/$explain-query?nonsense=1").Want(400)
	admin.Get("/AuditEvent/$explain-query?agent=x").Want(400)
	officer := n.as("privacy-officer", "HOPERAT")
	if log := officer.Get("/AuditEvent?_count=5").Want(200); !log.Has("$explain") && !log.Has("operations") {
		t.Errorf("the question is not recorded: %s", log.Body)
	}
}
