package node

import (
	"fmt"
	"strings"
	"testing"
)

// observed is an Observation with some codings, or a text.
func observed(id, patient, date string, codes ...string) string {
	var codings []string
	for _, c := range codes {
		if text, ok := strings.CutPrefix(c, "text:"); ok {
			return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","code":{"text":%q},"subject":{"reference":"Patient/%s"},"effectiveDateTime":%q}`, id, text, patient, date)
		}
		codings = append(codings, fmt.Sprintf(`{"system":"http://loinc.org","code":%q}`, c))
	}
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","category":[{"coding":[{"code":"vital-signs"}]}],"code":{"coding":[%s]},"subject":{"reference":"Patient/%s"},"effectiveDateTime":%q}`,
		id, strings.Join(codings, ","), patient, date)
}

// $lastn shows the newest Observations of each code, as a search would show them; hidden ones
// count for nothing.
func TestTheLastObservationsOfEachCode(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	twoPatients(n)
	for id, o := range map[string]string{
		"a1": observed("a1", "p1", "2024-01-01", "a"), "a2": observed("a2", "p1", "2024-02-01", "a", "b"), "b3": observed("b3", "p1", "2024-03-01", "b"),
		"c1": observed("c1", "p1", "2023-01-01", "c"), "t1": observed("t1", "p1", "2022-01-01", "text:pain"), "t2": observed("t2", "p1", "2022-02-01", "text:pain"),
		"x1": observed("x1", "p2", "2024-01-01", "a"),
	} {
		system.Put("/Observation/"+id, o).Want(201)
	}
	system.Do("DELETE", "/Observation/o-p1", "").Want(204)
	for query, want := range map[string]string{
		"patient=p1":                                  "b3 c1 t2",
		"patient=Patient/p1&max=2":                    "b3 a2 c1 t2 t1",
		"subject=Patient/p1&code=a&max=5":             "a2 a1",
		"patient=p1&category=vital-signs&date=lt2024": "c1",
	} {
		a := system.Get("/Observation/$lastn?" + query)
		wantIDs(t, a, len(strings.Fields(want)), of("Observation?", want)...)
		if first := a.IDs(); len(first) > 0 && first[0] != of("Observation?", want)[0] {
			t.Errorf("%s: %v, want %s first", query, first, want)
		}
	}
	for _, query := range []string{"code=a", "patient=p1&max=0", "patient=p1&max=101", "patient=p1&_sort=date", "patient=p1&nonsense=1"} {
		system.Get("/Observation/$lastn?" + query).Want(400)
	}
	n.as("administrator", "HOPERAT").Get("/Observation/$lastn?patient=p1").Want(403)
	system.Put("/Consent/c-p1", researchConsent("c-p1", "p1", "deny")).Want(200)
	research := n.as("practitioner", "HRESCH")
	wantIDs(t, research.Get("/Observation/$lastn?patient=p1"), 0)
	wantIDs(t, research.Get("/Observation/$lastn?patient=p2"), 2, "Observation/x1", "Observation/o-p2")
	report := n.as("privacy-officer", "HOPERAT").Get("/Patient/p2/$access-report?_count=1").Want(200)
	if !report.Has("Observation/x1/_history/1") {
		t.Errorf("the record does not name what was shown: %s", report.Body)
	}
}
