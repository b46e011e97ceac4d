package node

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// For every role and every type: a search is answered or refused by policy, never as
// something that the server does not do, and shows exactly what the role may read one by one.
func TestMetadataClaimsOfEveryRole(t *testing.T) {
	n := startNode(t, t.TempDir())
	system, types := n.as("system", "HOPERAT"), n.statement().Rest[0].Resource
	twoPatients(n)
	stored := map[string][]string{"Patient": {"p1", "p2"}}
	for _, typ := range putExamples(t, system) {
		stored[typ] = append(stored[typ], "example")
	}
	for role, caller := range everyRole(n) {
		parallel(len(types), func(i int) int {
			typ := types[i].Type
			if typ == "AuditEvent" {
				return 0
			}
			var readable []string
			for _, id := range stored[typ] {
				if a := peek(caller, "/"+typ+"/"+id); a.Status == http.StatusOK || typ == "Binary" && a.Status == http.StatusNoContent {
					readable = append(readable, id)
				}
			}
			a := peek(caller, "/"+typ+"?_count=1000")
			if a.Status == http.StatusForbidden && len(readable) == 0 {
				return 1
			}
			found := slices.DeleteFunc(matchIDs(a), func(id string) bool { return !slices.Contains(stored[typ], id) })
			slices.Sort(found)
			slices.Sort(readable)
			if a.Status != http.StatusOK || a.Has("not-supported") || strings.Join(found, " ") != strings.Join(readable, " ") {
				t.Errorf("%s: a search of %s (%d) finds %v, reads show %v", role, typ, a.Status, found, readable)
			}
			return 1
		})
	}
}

// everyRole is a caller of each role, and a researcher.
func everyRole(n *testNode) map[string]user {
	return map[string]user{
		"system": n.as("system", "HOPERAT"), "practitioner": n.as("practitioner", "TREAT"), "researcher": n.as("practitioner", "HRESCH"), "privacy-officer": n.as("privacy-officer", "HOPERAT"),
		"administrator": n.as("administrator", "HOPERAT"), "patient": n.as("patient", "PATRQT", func(g *Grant) { g.Patient = "p1" }),
	}
}

// putExamples stores an example of each type that takes one, with the id example.
func putExamples(t *testing.T, system user) (types []string) {
	t.Helper()
	for typ, document := range exampleDocuments(t) {
		c := claimant{t: t, by: system, document: document}
		if a := system.Put("/"+typ+"/example", c.body("example")); a.Status == http.StatusCreated {
			types = append(types, typ)
		}
	}
	return types
}

// matchIDs are the ids of a searchset.
func matchIDs(a response) (ids []string) {
	entries, _ := a.JSON()["entry"].([]any)
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		resource, _ := entry["resource"].(map[string]any)
		if id, ok := resource["id"].(string); ok {
			ids = append(ids, id)
		}
	}
	return ids
}
