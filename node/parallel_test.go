package node

import (
	"fmt"
	"strings"
	"testing"
)

// sides are a node alone, and two nodes on one database.
func sides(t *testing.T, do func(t *testing.T, role func(role, purpose string) []user)) {
	t.Run("one node", func(t *testing.T) {
		n := startNode(t, t.TempDir())
		do(t, func(role, purpose string) []user { return []user{n.as(role, purpose)} })
	})
	t.Run("two nodes", func(t *testing.T) {
		do(t, newCluster(t, 2).users)
	})
}

// statuses counts the answers to 64 requests at once, spread over the nodes.
func statuses(all []user, ask func(u user, i int) (response, error)) map[int]int {
	return parallel(64, func(i int) int {
		r, err := ask(all[i%len(all)], i)
		if err != nil {
			return 0
		}
		return r.Status
	})
}

// patientNamed is a Patient without id, with the record number 1 and a family name of its own.
func patientNamed(i int) string {
	return withIdentifier(withoutID(patientJSON("x", fmt.Sprint("Name", i)), "x"), "1")
}

// Of creates under conditions that name one identifier in different ways at most one
// creates, next to others without a condition, too.
func TestParallelCreatesAreExactlyOne(t *testing.T) {
	criteria := []string{"identifier=urn:test|1", "identifier=1", "identifier=urn:test|1&_lastUpdated=ge2000", "identifier=urn:test|1,urn:test|2"}
	sides(t, func(t *testing.T, role func(string, string) []user) {
		doctors := role("practitioner", "TREAT")
		got := statuses(doctors, func(u user, i int) (response, error) {
			return u.Try("POST", "/Patient", patientNamed(i), "If-None-Exist", criteria[i/2%len(criteria)])
		})
		if got[201] != 1 || got[200] != 63 {
			t.Errorf("conditional: %v", got)
		}
		next := func(body string) string { return strings.Replace(body, `"1"`, `"3"`, 1) }
		got = statuses(doctors, func(u user, i int) (response, error) {
			if i < 4 {
				return u.Try("POST", "/Patient", next(patientNamed(i)))
			}
			return u.Try("POST", "/Patient", next(patientNamed(i)), "If-None-Exist", "identifier=urn:test|3")
		})
		if got[201] < 4 || got[201] > 5 || got[201]+got[200]+got[412] != 64 {
			t.Errorf("next to unconditional ones: %v", got)
		}
		if total := doctors[0].Get("/Patient?identifier=3&_summary=count").Want(200).JSON()["total"]; total != float64(got[201]) {
			t.Errorf("%v patients after %v", total, got)
		}
	})
}

// Conditional updates all change the one resource that the first of them creates; with
// If-Match one of them wins.
func TestParallelConditionalUpdatesAreExact(t *testing.T) {
	sides(t, func(t *testing.T, role func(string, string) []user) {
		doctors := role("practitioner", "TREAT")
		got := statuses(doctors, func(u user, i int) (response, error) {
			return u.Try("PUT", "/Patient?identifier=urn:test|1", patientNamed(i))
		})
		if got[201] != 1 || got[201]+got[200]+got[409] != 64 || len(doctors) == 1 && got[409] > 0 {
			t.Errorf("updates: %v", got)
		}
		version := wantVersions(t, doctors[0], got[201]+got[200])
		got = statuses(doctors, func(u user, i int) (response, error) {
			return u.Try("PUT", "/Patient?identifier=urn:test|1", patientNamed(100+i), "If-Match", fmt.Sprintf(`W/"%d"`, version))
		})
		if got[200] != 1 || got[412] != 63 {
			t.Errorf("updates of one version: %v", got)
		}
	})
}

// wantVersions counts the versions of the one patient, and returns how many there are.
func wantVersions(t *testing.T, u user, want int) int {
	t.Helper()
	ids := u.Get("/Patient?identifier=urn:test|1").Want(200).IDs()
	if len(ids) != 1 {
		t.Fatalf("patients %v", ids)
	}
	if got := u.Get("/" + ids[0] + "/_history?_count=1").Want(200).JSON()["total"]; got != float64(want) {
		t.Errorf("%v versions, want %d", got, want)
	}
	return want
}

// No conditional patch is lost; with If-Match, or a test of what another one changes, one
// wins.
func TestParallelPatchesAreExact(t *testing.T) {
	const json = "application/json-patch+json"
	sides(t, func(t *testing.T, role func(string, string) []user) {
		doctors := role("practitioner", "TREAT")
		doctors[0].Post("/Patient", patientNamed(0)).Want(201)
		got := statuses(doctors, func(u user, i int) (response, error) {
			return u.Try("PATCH", "/Patient?identifier=urn:test|1", fmt.Sprintf(`[{"op":"add","path":"/name/-","value":{"family":"More%d"}}]`, i), "Content-Type", json)
		})
		done := got[200]
		if done+got[409] != 64 || len(doctors) == 1 && got[409] > 0 {
			t.Errorf("patches: %v", got)
		}
		if a := doctors[0].Get("/Patient?identifier=urn:test|1"); strings.Count(string(a.Body), "More") != done {
			t.Errorf("%d of %d patches are there: %s", strings.Count(string(a.Body), "More"), done, a.Body)
		}
		version := wantVersions(t, doctors[0], 1+done)
		got = statuses(doctors, func(u user, i int) (response, error) {
			return u.Try("PATCH", "/Patient?identifier=urn:test|1", fmt.Sprintf(`[{"op":"replace","path":"/name/0/family","value":"Other%d"}]`, i), "Content-Type", json, "If-Match", fmt.Sprintf(`W/"%d"`, version))
		})
		if got[200] != 1 || got[412] != 63 {
			t.Errorf("patches of one version: %v", got)
		}
		doctors[0].Do("PATCH", "/Patient?identifier=urn:test|1", `[{"op":"replace","path":"/name/0/family","value":"Free"}]`, "Content-Type", json).Want(200)
		got = statuses(doctors, func(u user, i int) (response, error) {
			return u.Try("PATCH", "/Patient?identifier=urn:test|1", fmt.Sprintf(`[{"op":"test","path":"/name/0/family","value":"Free"},{"op":"replace","path":"/name/0/family","value":"Won%d"}]`, i), "Content-Type", json)
		})
		if got[200] != 1 || got[422] != 63 {
			t.Errorf("patches that test: %v", got)
		}
	})
}

// Conditional deletes delete each match once.
func TestParallelDeletesAreExact(t *testing.T) {
	sides(t, func(t *testing.T, role func(string, string) []user) {
		doctors := role("practitioner", "TREAT")
		var ids []string
		for i := range 5 {
			id, _ := doctors[0].Post("/Patient", patientNamed(i)).Want(201).JSON()["id"].(string)
			ids = append(ids, id)
		}
		got := statuses(doctors, func(u user, _ int) (response, error) {
			return u.Try("DELETE", "/Patient?identifier=urn:test|1", "")
		})
		if got[204]+got[409] != 64 || len(doctors) == 1 && got[409] > 0 {
			t.Errorf("deletes: %v", got)
		}
		for _, id := range ids {
			if total := doctors[0].Get("/Patient/" + id + "/_history").Want(200).JSON()["total"]; total != 2.0 {
				t.Errorf("%s has %v versions", id, total)
			}
		}
	})
}
