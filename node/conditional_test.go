package node

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// Whatever is sent at once, one creates and all others find what it created.
func TestConditionalCreateIsExactlyOne(t *testing.T) {
	n := startNode(t, t.TempDir())
	doctor := n.as("practitioner", "TREAT")
	statuses := parallel(64, func(int) int {
		r, err := doctor.Try("POST", "/Patient", withIdentifier(withoutID(patientJSON("x", "A"), "x"), "only"), "If-None-Exist", "identifier=urn:test|only")
		if err != nil {
			return 0
		}
		return r.Status
	})
	if statuses[201] != 1 || statuses[200] != 63 {
		t.Errorf("statuses %v", statuses)
	}
	if got := doctor.Get("/Patient?_summary=count").JSON()["total"]; got != 1.0 {
		t.Errorf("%v patients", got)
	}
}

// parallel counts the results of calls at the same time.
func parallel(n int, call func(i int) int) map[int]int {
	var mu sync.Mutex
	counts := map[int]int{}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			result := call(i)
			mu.Lock()
			defer mu.Unlock()
			counts[result]++
		})
	}
	all.Wait()
	return counts
}

// Of updates that all name the same version exactly one wins; deletes, too.
func TestIfMatchHasOneWinner(t *testing.T) {
	n := startNode(t, t.TempDir())
	n.as("system", "HOPERAT").Put("/Patient/p1", patientJSON("p1", "A")).Want(201)
	doctor := n.as("practitioner", "TREAT")
	race := func(method, match string, good int) {
		t.Helper()
		statuses := parallel(32, func(i int) int {
			body := ""
			if method == "PUT" {
				body = patientJSON("p1", fmt.Sprintf("B%d", i))
			}
			r, err := doctor.Try(method, "/Patient/p1", body, "If-Match", match)
			if err != nil {
				return 0
			}
			return r.Status
		})
		if statuses[good] != 1 || statuses[412] != 31 {
			t.Errorf("%s: %v", method, statuses)
		}
	}
	race("PUT", `W/"1"`, 200)
	race("DELETE", `W/"2"`, 204)
	doctor.Do("PUT", "/Patient?family=Nobody", withoutID(patientJSON("x", "New"), "x"), "If-Match", `W/"1"`).Want(404)
	if h := doctor.Get("/Patient/p1/_history").Want(200); h.JSON()["total"] != 3.0 {
		t.Errorf("history: %s", h.Body)
	}
}

// Updates that name no version never fail because of each other.
func TestUpdatesWithoutVersionAllSucceed(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	system.Put("/Patient/p1", patientJSON("p1", "A")).Want(201)
	statuses := parallel(64, func(i int) int {
		r, err := system.Try("PUT", "/Patient/p1", patientJSON("p1", fmt.Sprintf("B%d", i)))
		if err != nil {
			return 0
		}
		return r.Status
	})
	if statuses[200] != 64 {
		t.Errorf("statuses %v", statuses)
	}
	if h := system.Get("/Patient/p1/_history?_count=1").Want(200); h.JSON()["total"] != 65.0 {
		t.Errorf("history: %v versions", h.JSON()["total"])
	}
}

// Conditional references have a meaning in transactions only; kept as they are
// they would name no patient.
func TestConditionalReferencesNeedATransaction(t *testing.T) {
	n := leakNode(t, true)
	doctor := n.as("practitioner", "TREAT")
	reference := strings.Replace(withoutID(observationJSON("x", "p1", 1), "x"), "Patient/p1", "Patient?family=Familyp1", 1)
	doctor.Post("/Observation", reference).Want(422)
	doctor.Post("/", bundleJSON("batch", entryJSON("POST", "Observation", reference, ""))).WantStatuses("422")
	doctor.Post("/", bundleJSON("transaction", entryJSON("POST", "Observation", reference, ""))).WantStatuses("201")
}

// A condition that selects nothing would mean whatever there is.
func TestConditionsMustSelect(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	system.Put("/Patient/only", patientJSON("only", "A")).Want(201)
	for _, criteria := range []string{"_count=1", "_sort=family", "_summary=false", "_elements=name", "_total=none", "_include=Patient:organization", "family=", "_id=", "family=,", "nonsense=1"} {
		for _, r := range []request{
			{method: "DELETE", path: "/Patient?" + criteria},
			{method: "PUT", path: "/Patient?" + criteria, body: patientJSON("only", "B")},
			{method: "POST", path: "/Patient", body: withoutID(patientJSON("x", "B"), "x"), header: []string{"If-None-Exist", criteria}},
			{method: "POST", path: "/", body: bundleJSON("transaction", entryJSON("DELETE", "Patient?"+criteria, "", ""))},
			{method: "POST", path: "/", body: bundleJSON("transaction", entryJSON("POST", "Observation", strings.Replace(withoutID(observationJSON("x", "p", 1), "x"), "Patient/p", "Patient?"+criteria, 1), ""))},
		} {
			if got := send(system, r); got.Status != 400 {
				t.Errorf("%s: %d\n%s", r, got.Status, got.Body)
			}
		}
	}
	if r := system.Get("/Patient/only").Want(200); r.Header.Get("ETag") != `W/"1"` {
		t.Errorf("the patient was changed: %s", r.Body)
	}
}

// Consents and conditional creates at the same time hold each other up, but make
// each other fail never.
func TestConditionsNextToConsentChanges(t *testing.T) {
	n := startNode(t, t.TempDir())
	system, doctor := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT")
	system.Put("/Patient/p1", withIdentifier(patientJSON("p1", "A"), "one")).Want(201)
	statuses := parallel(96, func(i int) int {
		var r response
		var err error
		if i%2 == 0 {
			id := fmt.Sprintf("c%d", i)
			r, err = system.Try("PUT", "/Consent/"+id, privacyConsent(id, "p1", `{"type":"permit"}`))
		} else {
			r, err = doctor.Try("POST", "/", bundleJSON("transaction",
				entryJSON("POST", "Patient", withIdentifier(withoutID(patientJSON("x", "A"), "x"), "one"), `"ifNoneExist":"identifier=urn:test|one"`),
				entryJSON("POST", "Observation", withoutID(observationJSON("x", "p1", float64(i)), "x"), "")))
		}
		if err != nil {
			return 0
		}
		return r.Status
	})
	if statuses[200] != 48 || statuses[201] != 48 {
		t.Errorf("statuses %v", statuses)
	}
}
