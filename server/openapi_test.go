package server_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/server"
)

// The description has every route of FHIR, each with the parameters of its path, and needs
// no token.
func TestOpenAPIDescribesAllRoutes(t *testing.T) {
	n := start(t)
	a := n.get("/openapi.json", "Authorization", "").want(200).header("Content-Type", "application/json")
	n.untouched()
	var d struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(a.body), &d); err != nil || d.OpenAPI != "3.1.0" {
		t.Fatal(d.OpenAPI, err)
	}
	segment := regexp.MustCompile(`\{(\w+)\}`)
	for _, row := range server.Routes() {
		parts := strings.Fields(row)
		path := parts[1]
		if len(parts) == 3 {
			path = strings.Replace(path, ":type", parts[2], 1)
		}
		path = regexp.MustCompile(`:(\w+)`).ReplaceAllString(path, "{$1}")
		if !strings.HasPrefix(path, "/fhir") {
			continue
		}
		if d.Paths[path][strings.ToLower(parts[0])] == nil {
			t.Errorf("%s is not described as %s", row, path)
		}
		for _, name := range segment.FindAllStringSubmatch(path, -1) {
			if !strings.Contains(string(d.Paths[path]["parameters"]), `"name":"`+name[1]+`"`) {
				t.Errorf("%s lacks the parameter %s", path, name[1])
			}
		}
	}
	if d.Paths["/ui"] != nil || !strings.Contains(string(d.Paths["/fhir/Patient/{id}/$everything"]["get"]), `"_since"`) {
		t.Error("pages are described, or $everything is not")
	}
}
