package node

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// later sends a request to be answered later, and waits for the answer. It returns where it was.
func later(t *testing.T, u user, method, path, body string, header ...string) (at string, a response) {
	t.Helper()
	a = u.Do(method, path, body, append(header, "Prefer", "respond-async")...).Want(http.StatusAccepted)
	where, err := url.Parse(a.Header.Get("Content-Location"))
	if err != nil || where.Path == "" {
		t.Fatalf("Content-Location %q", a.Header.Get("Content-Location"))
	}
	at = strings.TrimPrefix(where.Path, "/fhir")
	until(t, "the answer of "+path, func() bool {
		a = u.Get(at)
		return a.Status != http.StatusAccepted && a.Status != http.StatusTooManyRequests
	})
	return at, a
}

// Searches, counts, batches and transactions are answered later as they would be at once,
// on both stores; a Consent that comes before the answer leaves binds it, and each delivery
// stands in the patient's access report.
func TestLaterAnswersAreThoseOfTheMoment(t *testing.T) {
	sides(t, func(t *testing.T, role func(string, string) []user) {
		system, doctor, officer := role("system", "HOPERAT")[0], role("practitioner", "TREAT")[0], role("privacy-officer", "HOPERAT")[0]
		for _, id := range []string{"p1", "p2"} {
			system.Put("/Patient/"+id, patientJSON(id, "A")).Want(201)
			system.Put("/Observation/o-"+id, observationJSON("o-"+id, id, 1)).Want(201)
		}
		at, all := later(t, doctor, "GET", "/Observation?status=final", "")
		wantIDs(t, all.Want(200), 2, "Observation/o-p1", "Observation/o-p2")
		countAt, count := later(t, doctor, "GET", "/Observation?_summary=count", "")
		batchAt, batch := later(t, doctor, "POST", "/", bundleJSON("batch", entryJSON("GET", "Patient/p2", "", ""), entryJSON("POST", "Observation", withoutID(observationJSON("x", "p1", 2), "x"), "")))
		if count.JSON()["total"] != 2.0 || !batch.Has("200 OK") || !batch.Has("201 Created") || !batch.Has(`"id":"p2"`) {
			t.Errorf("count %s\nbatch %s", count.Body, batch.Body)
		}
		if report := officer.Get("/Patient/p2/$access-report?agent=Practitioner/practitioner&_count=100").Want(200); len(report.IDs()) != 6 {
			t.Errorf("%d events, want one of each request and one of each delivery: %s", len(report.IDs()), report.Body)
		}
		system.Put("/Consent/c", privacyConsent("c", "p2", `{"type":"deny"}`)).Want(201)
		until(t, "the answers under the Consent", func() bool {
			found, counted := doctor.Get(at), doctor.Get(countAt)
			return found.Status == 200 && len(found.IDs()) == 2 && !found.Has("o-p2") && counted.Status == 200 && counted.JSON()["total"] == 2.0
		})
		if bare := doctor.Get(batchAt).Want(200); bare.Has(`"id":"p2"`) || !bare.Has("409 Conflict") || !bare.Has("201 Created") {
			t.Errorf("%s", bare.Body)
		}
		doctor.Do("DELETE", at, "").Want(http.StatusAccepted)
		doctor.Get(at).Want(http.StatusNotFound)
		_, made := later(t, system, "POST", "/", bundleJSON("transaction", entryJSON("PUT", "Patient/p3", patientJSON("p3", "C"), "")))
		made.Want(200)
		system.Get("/Patient/p3").Want(200)
	})
}

// What is under way when a node stops ends with it.
func TestLaterAnswersEndWithTheNode(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	twoPatients(n)
	a := system.Do("GET", "/Patient?_total=accurate", "", "Prefer", "respond-async").Want(http.StatusAccepted)
	stopped := make(chan struct{})
	go func() { n.stop(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(20 * time.Second):
		t.Fatalf("the node does not stop: %s", a.Header.Get("Content-Location"))
	}
}
