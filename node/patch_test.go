package node

import (
	"fmt"
	"testing"
)

const jsonPatch = "application/json-patch+json"

// givenNames is how many given names a patient has.
func givenNames(t *testing.T, u user, path string) int {
	t.Helper()
	name, _ := u.Get(path).Want(200).JSON()["name"].([]any)
	if len(name) == 0 {
		return 0
	}
	first, _ := name[0].(map[string]any)
	given, _ := first["given"].([]any)
	return len(given)
}

const named = `{"resourceType":"Patient","id":"p1","identifier":[{"system":"urn:test","value":"one"}],"name":[{"given":["A"]}]}`

// addsName is a patch that adds a given name.
func addsName(u user, path string, i int, header ...string) int {
	r, err := u.Try("PATCH", path, fmt.Sprintf(`[{"op":"add","path":"/name/0/given/-","value":"N%d"}]`, i), append([]string{"Content-Type", jsonPatch}, header...)...)
	if err != nil {
		return 0
	}
	return r.Status
}

// Whatever is sent at once, each patch is applied once, on what the ones before it have
// made; of those that name the same version one is.
func TestPatchesAtOnceAreEachAppliedOnce(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	system.Put("/Patient/p1", named).Want(201)
	if statuses := parallel(64, func(i int) int { return addsName(system, "/Patient/p1", i) }); statuses[200] != 64 {
		t.Errorf("statuses %v", statuses)
	}
	if got := givenNames(t, system, "/Patient/p1"); got != 65 {
		t.Errorf("%d names", got)
	}
	statuses := parallel(64, func(i int) int { return addsName(system, "/Patient?identifier=urn:test|one", i, "If-Match", `W/"65"`) })
	if statuses[200] != 1 || statuses[412] != 63 || givenNames(t, system, "/Patient/p1") != 66 {
		t.Errorf("If-Match: %v", statuses)
	}
}

// So it is through different nodes. Who loses too often is told, and nothing is lost.
func TestPatchesThroughAllNodesAreEachAppliedOnce(t *testing.T) {
	c := newCluster(t, 3)
	system := c.users("system", "HOPERAT")
	system[0].Put("/Patient/p1", named).Want(201)
	statuses := parallel(24, func(i int) int { return addsName(system[i%3], "/Patient?identifier=urn:test|one", i) })
	if got := givenNames(t, system[1], "/Patient/p1"); got != 1+statuses[200] || statuses[200] == 0 || statuses[200]+statuses[409] != 24 {
		t.Errorf("%d names after %v", got, statuses)
	}
	one := parallel(24, func(i int) int {
		return addsName(system[i%3], "/Patient/p1", i, "If-Match", fmt.Sprintf(`W/"%d"`, 1+statuses[200]))
	})
	if one[200] != 1 || one[200]+one[412]+one[409] != 24 {
		t.Errorf("If-Match: %v", one)
	}
}

// Conditional creates under different criteria that share an identifier create once,
// through whichever node.
func TestDifferentCriteriaOfOneIdentifierCreateOnce(t *testing.T) {
	c := newCluster(t, 3)
	system := c.users("system", "HOPERAT")
	patient := withoutID(named, "p1")
	statuses := parallel(24, func(i int) int {
		criteria := []string{"identifier=urn:test|one", "identifier=urn:test|one&_count=1", "given=A&identifier=urn:test|one"}[i/3%3]
		r, err := system[i%3].Try("POST", "/Patient", patient, "If-None-Exist", criteria)
		if err != nil {
			return 0
		}
		return r.Status
	})
	if statuses[201] != 1 || statuses[201]+statuses[200]+statuses[409] != 24 {
		t.Errorf("statuses %v", statuses)
	}
	if got := system[2].Get("/Patient?_summary=count").JSON()["total"]; got != 1.0 {
		t.Errorf("%v patients", got)
	}
}
