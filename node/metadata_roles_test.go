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
	for typ, document := range exampleDocuments(t) {
		c := claimant{t: t, by: system, document: document}
		if a := system.Put("/"+typ+"/example", c.body("example")); a.Status == http.StatusCreated {
			stored[typ] = append(stored[typ], "example")
		}
	}
	callers := map[string]user{
		"system": system, "practitioner": n.as("practitioner", "TREAT"), "researcher": n.as("practitioner", "HRESCH"), "privacy-officer": n.as("privacy-officer", "HOPERAT"),
		"administrator": n.as("administrator", "HOPERAT"), "patient": n.as("patient", "PATRQT", func(g *Grant) { g.Patient = "p1" }),
	}
	for role, caller := range callers {
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
