package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

func bundle(typ string, entries ...string) string {
	return `{"resourceType":"Bundle","type":"` + typ + `","entry":[` + strings.Join(entries, ",") + `]}`
}

func entry(method, url, more string) string {
	return fmt.Sprintf(`{%s"request":{"method":%q,"url":%q}}`, more, method, url)
}

type answered struct {
	FullURL  string `json:"fullUrl"`
	Resource json.RawMessage
	Response struct {
		Status, Location, Etag, LastModified string
		Outcome                              json.RawMessage
		Extension                            []struct{ URL, ValueString string }
	}
}

func (a reply) entries() []answered {
	a.t.Helper()
	var b struct {
		ResourceType, Type string
		Entry              []answered
	}
	if err := json.Unmarshal([]byte(a.body), &b); err != nil || b.ResourceType != "Bundle" || !strings.HasSuffix(b.Type, "-response") {
		a.t.Fatalf("%v: %s", err, a.body)
	}
	return b.Entry
}

func statuses(entries []answered) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Response.Status)
	}
	return strings.Join(all, ", ")
}

// A transaction asks the gate once, in processing order, and is answered in the order
// of the request.
func TestTransaction(t *testing.T) {
	n := start(t)
	n.result.Matches = []access.Version{*n.version(fhir.Ref{Type: "Patient", ID: "9"}, 1)}
	request := bundle("transaction",
		entry("GET", "Patient?name=x", ""),
		entry("GET", "Patient/7", ""),
		entry("PUT", "Patient/1", `"resource":`+patient1+`,`),
		entry("POST", "Patient", `"fullUrl":"urn:uuid:0b9f4ab0-5ca5-4ab5-a0dc-c8a0e8b7a7d1","resource":`+patient+`,`),
		`{"request":{"method":"DELETE","url":"Patient/2","ifMatch":"W/\"4\""}}`,
	)
	a := n.do("POST", "/fhir", request).want(200).header("X-Aceso-Record", recorded)
	n.wantAsked("DELETE Patient/2 v0 match [4] false [] Bundle.entry[4]; " +
		"POST Patient/ v0 match [] false [] urn:uuid:0b9f4ab0-5ca5-4ab5-a0dc-c8a0e8b7a7d1Bundle.entry[3]; " +
		"PUT Patient/1 v0 match [] false [] Bundle.entry[2]; " +
		"GET Patient/ v0 match [] false [{name x}] Bundle.entry[0]; GET Patient/7 v0 match [] false [] Bundle.entry[1]")
	got := a.entries()
	if s := statuses(got); s != "200 OK, 200 OK, 200 OK, 201 Created, 204 No Content" {
		t.Errorf("statuses %s", s)
	}
	if !strings.Contains(string(got[0].Resource), "searchset") || got[0].FullURL != "" {
		t.Errorf("search answered %s", got[0].Resource)
	}
	if string(got[1].Resource) != n.body || got[1].FullURL != base+"/Patient/7" {
		t.Errorf("read answered %s", got[1].Resource)
	}
	if got[3].Response.Location != base+"/Patient/new/_history/1" || got[3].Response.Etag != `W/"1"` || got[3].Resource != nil {
		t.Errorf("create answered %+v", got[3])
	}
	got = n.do("POST", "/fhir/", request, "Prefer", "return=representation").want(200).entries()
	if string(got[3].Resource) != n.body || got[3].FullURL != base+"/Patient/new" || got[4].Resource != nil {
		t.Errorf("create answered %+v", got[3])
	}
	got = n.do("POST", "/fhir", request, "Prefer", "return=OperationOutcome").want(200).entries()
	if got[3].Resource != nil || !strings.Contains(string(got[3].Response.Outcome), "informational") {
		t.Errorf("create answered %+v", got[3])
	}
}

// Every entry of a batch asks the gate separately; its error is in its place.
func TestBatch(t *testing.T) {
	n := start(t)
	a := n.do("POST", "/fhir", bundle("batch",
		entry("GET", "Patient/1", ""),
		entry("GET", "Patient/1/_history/2", ""),
		entry("GET", "Patient/1/_history", ""),
		entry("GET", "Patient/1/Observation?code=x", ""),
		entry("GET", "AuditEvent?entity=Patient/1", ""),
		entry("GET", "AuditEvent/7", ""),
		`{"request":{"method":"GET","url":"Patient/1","ifNoneMatch":"W/\"3\""}}`,
		entry("POST", "Patient", `"resource":`+patient+`,`),
		entry("DELETE", "AuditEvent/7", ""),
		entry("PUT", "Patient/2", `"resource":`+patient1+`,`),
		entry("PATCH", "Patient/2", ""),
		entry("GET", "Foo", ""),
		entry("GET", "Patient/1?foo=bar", ""),
	)).want(200)
	got := a.entries()
	want := "200 OK, 200 OK, 200 OK, 200 OK, 200 OK, 200 OK, 304 Not Modified, 201 Created, " +
		"405 Method Not Allowed, 400 Bad Request, 400 Bad Request, 400 Bad Request, 200 OK"
	if s := statuses(got); s != want {
		t.Errorf("statuses\n%s\n%s", s, want)
	}
	for i, e := range got {
		if (len(e.Response.Outcome) > 0) != (i >= 8 && i < 12) {
			t.Errorf("entry %d: outcome %s", i, e.Response.Outcome)
		}
		if (len(e.Response.Extension) == 1) != (i < 8 || i == 12) {
			t.Errorf("entry %d: receipts %+v", i, e.Response.Extension)
		}
	}
	if !strings.Contains(string(got[9].Response.Outcome), "Bundle.entry[9].resource.id") {
		t.Errorf("place of %s", got[9].Response.Outcome)
	}
	asked := []string{
		"POST Patient/ v0 match [] false [] ", "read Patient/1", "vread Patient/1 2",
		"history {Type:Patient ID:1 Since:0001-01-01 00:00:00 +0000 UTC At:0001-01-01 00:00:00 +0000 UTC Until:0001-01-01 00:00:00 +0000 UTC Count:-1 Total:false Link: Self:}",
		"search {Type:Observation Params:[{Name:code Value:x}] Compartment:Patient/1 Lenient:false Link:}",
		"audit search {Type:AuditEvent Params:[{Name:entity Value:Patient/1}] Compartment: Lenient:false Link:}",
		"audit read 7", "read Patient/1", "read Patient/1",
	}
	if strings.Join(n.asked, "\n") != strings.Join(asked, "\n") {
		t.Errorf("asked\n%s", strings.Join(n.asked, "\n"))
	}
	if receipts := strings.Split(a.Header.Get("X-Aceso-Record"), ", "); len(receipts) != 9 {
		t.Errorf("receipts %v", receipts)
	}
}

// A GET in a batch has the parameters of a separate one, also for AuditEvents.
func TestBatchParameters(t *testing.T) {
	for _, path := range []string{"Patient/1", "AuditEvent/7"} {
		request := bundle("batch", entry("GET", path+"?foo=bar", ""), entry("GET", path+"?_elements=id", ""))
		got := start(t).do("POST", "/fhir", request).want(200).entries()
		if s := statuses(got); s != "200 OK, 200 OK" || !strings.Contains(string(got[1].Resource), "SUBSETTED") {
			t.Errorf("%s: statuses %s, %s", path, s, got[1].Resource)
		}
		got = start(t).do("POST", "/fhir", request, "Prefer", "handling=lenient").want(200).entries()
		if s := statuses(got); s != "200 OK, 200 OK" {
			t.Errorf("%s, lenient: statuses %s", path, s)
		}
	}
}

// An entry that the gate refuses has the refusal and its receipt.
func TestBatchOfRefusals(t *testing.T) {
	n := start(t)
	n.err = &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such resource.", Err: errors.New("secret")}
	a := n.do("POST", "/fhir", bundle("batch", entry("GET", "Patient/1", ""), entry("DELETE", "Patient/2", ""))).want(200)
	got := a.entries()
	if s := statuses(got); s != "404 Not Found, 404 Not Found" {
		t.Errorf("statuses %s", s)
	}
	if len(got[0].Response.Extension) != 1 || strings.Contains(a.body, "secret") || got[0].Resource != nil {
		t.Errorf("%s", a.body)
	}
	a.header("X-Aceso-Record", "org/node/accesses/1;c=x, org/node/accesses/2;c=x")
}

// HTTP clients limit headers: a huge batch has its receipts in the entries.
func TestHugeBatch(t *testing.T) {
	n := start(t)
	entries := make([]string, 3000)
	for i := range entries {
		entries[i] = entry("GET", "Patient/1", "")
	}
	a := n.do("POST", "/fhir", bundle("batch", entries...)).want(200)
	if size := len(a.Header.Get("X-Aceso-Record")); size < 30_000 || size > 40_000 {
		t.Errorf("header of %d bytes", size)
	}
	for i, e := range a.entries() {
		if len(e.Response.Extension) != 1 {
			t.Fatalf("entry %d has no receipt", i)
		}
	}
}
