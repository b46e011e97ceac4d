package server_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/server"
)

// parameters is a Parameters resource as the resource of an entry.
const parameters = `"resource":{"resourceType":"Parameters","parameter":[{"name":"code","valueCode":"x"}]},`

// requestsApart are those that a batch answers like by themselves, and what the gate is asked.
var requestsApart = []struct{ method, url, more, status, asked string }{
	{"HEAD", "Patient/1", "", "200 OK", "read Patient/1"},
	{"HEAD", base + "/Patient/1/_history/2", "", "200 OK", "vread Patient/1 2"},
	{"HEAD", "Patient?name=x", "", "200 OK", "search {Type:Patient Params:[{Name:name Value:x}] Compartment: Lenient:false Link:}"},
	{"GET", "metadata", "", "200 OK", ""},
	{"GET", "/metadata?mode=terminology", "", "200 OK", ""},
	{"POST", "Patient/_search?name=x", "", "200 OK", "search {Type:Patient Params:[{Name:name Value:x}] Compartment: Lenient:false Link:}"},
	{"POST", "_search?_type=Patient", "", "200 OK", "search {Type: Params:[{Name:_type Value:Patient}] Compartment: Lenient:false Link:}"},
	{"POST", "AuditEvent/_search", "", "200 OK", "audit search {Type:AuditEvent Params:[] Compartment: Lenient:false Link:}"},
	{"GET", "Patient/1/$meta", "", "200 OK", "meta Patient/1"},
	{"GET", "Patient/1/%24everything?_count=3", "", "200 OK", "everything {Ref:Patient/1 Params:[{Name:_count Value:3}] Link:}"},
	{"POST", "Patient/1/$everything", "", "200 OK", "everything {Ref:Patient/1 Params:[] Link:}"},
	{"GET", "CodeSystem/$lookup?code=x", "", "200 OK", "terms lookup CodeSystem  [{code x}] "},
	{"POST", "CodeSystem/$lookup", parameters, "200 OK", `terms lookup CodeSystem  [] {"resourceType":"Parameters","parameter":[{"name":"code","valueCode":"x"}]}`},
	{"POST", "Patient/$validate?mode=create", `"resource":{"resourceType":"Patient","birthDate":"x"},`, "200 OK", `validate Patient/ create [] {"resourceType":"Patient","birthDate":"x"}`},
	{"GET", "Patient/1/$access-report", "", "200 OK", "report Patient/1 {Type:AuditEvent Params:[] Compartment:Patient/1 Lenient:false Link:}"},
	{"GET", "AuditEvent/7/$proof", "", "200 OK", "proof 7"},
	{"GET", "Patient/1/_history/2/$verify", "", "200 OK", "verify Patient/1 2"},
	{"POST", "Patient/1/$meta-add", `"resource":{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"a"}]}}]},`, "200 OK", "PATCH Patient/1 v0 match [] false [] "},
	{"GET", "Patient/1/$fly", "", "404 Not Found", ""},
	{"GET", "CodeSystem/1/$everything", "", "404 Not Found", ""},
	{"GET", "CodeSystem/$meta-add", "", "404 Not Found", ""},
	{"POST", "Patient/1/_history/2/$verify", "", "405 Method Not Allowed", ""},
	{"HEAD", "Foo/1", "", "404 Not Found", ""},
	{"HEAD", "http://other/Patient/1", "", "400 Bad Request", ""},
	{"POST", "Patient/_search", parameters, "400 Bad Request", ""},
	{"HEAD", "Patient/1", parameters, "400 Bad Request", ""},
}

// What is no interaction with its own words is answered in a batch as by itself, with a
// record of its own. A transaction refuses it, and says so.
func TestBatchesAnswerRequestsApart(t *testing.T) {
	for _, c := range requestsApart {
		t.Run(c.method+" "+c.url, func(t *testing.T) {
			n := start(t)
			got := n.do("POST", "/fhir", bundle("batch", entry(c.method, c.url, c.more))).want(200).entries()[0]
			if got.Response.Status != c.status {
				t.Errorf("status %s: %s", got.Response.Status, got.Response.Outcome)
			}
			n.wantAsked(c.asked)
			if (len(got.Response.Extension) == 1) != (c.asked != "") {
				t.Errorf("receipts %v", got.Response.Extension)
			}
			shows := c.method != "HEAD" && strings.HasPrefix(c.status, "200")
			if (got.Resource != nil) != shows || shows && !strings.Contains(string(got.Resource), "resourceType") {
				t.Errorf("answered with %s", got.Resource)
			}
			n = start(t)
			a := n.do("POST", "/fhir", bundle("transaction", entry(c.method, c.url, c.more))).want(400)
			if !strings.HasPrefix(c.status, "400") && !strings.Contains(a.issue().Details.Text, "are for a batch") {
				t.Errorf("refused with %s", a.body)
			}
			n.untouched()
		})
	}
}

// The conditions of an entry, and what the batch prefers, hold for what it asks.
func TestEntriesApartHaveTheirConditions(t *testing.T) {
	n := start(t)
	got := n.do("POST", "/fhir", bundle("batch",
		`{"request":{"method":"HEAD","url":"Patient/1","ifNoneMatch":"W/\"3\""}}`,
		`{"resource":{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"a"}]}}]},"request":{"method":"POST","url":"Patient/1/$meta-delete","ifMatch":"W/\"4\""}}`,
		entry("POST", "Patient/_search?colour=x", ""),
	), "Prefer", "handling=lenient").want(200).entries()
	if s := statuses(got); s != "304 Not Modified, 200 OK, 200 OK" || got[0].Response.Etag != `W/"3"` {
		t.Errorf("statuses %s, %+v", s, got[0].Response)
	}
	if asked := strings.Join(n.asked, "\n"); !strings.Contains(asked, "match [4]") || !strings.Contains(asked, "Lenient:true") {
		t.Errorf("asked\n%s", asked)
	}
}

// A proof is no resource: in a Bundle a Binary holds it.
func TestProofsInABatchAreBinaries(t *testing.T) {
	got := start(t).do("POST", "/fhir", bundle("batch", entry("GET", "AuditEvent/7/$proof", ""))).want(200).entries()[0]
	media, _, data, err := fhir.ReadBinary(got.Resource)
	if err != nil || media != "application/json" || string(data) != `{"proof":1}` {
		t.Errorf("%v: %s %s", err, media, data)
	}
}

// Answers that the gate does not make count, too: a batch of them ends with its room.
func TestBatchesOfTheServersOwnAnswersAreBounded(t *testing.T) {
	n := start(t)
	n.body = `{"resourceType":"Binary","data":"` + strings.Repeat("A", 20<<20) + `"}`
	for _, c := range [][2]string{{"GET", "metadata"}, {"HEAD", "Patient/1"}} {
		got := n.do("POST", "/fhir", bundle("batch", strings.Repeat(entry(c[0], c[1], "")+",", 199)+entry(c[0], c[1], ""))).want(200).entries()
		if first, last := got[0].Response.Status, got[199].Response.Status; first != "200 OK" || !strings.HasPrefix(last, "413") {
			t.Errorf("%s %s: %s first, %s last", c[0], c[1], first, last)
		}
	}
}

// What the server answers by itself is held in memory, too: a client who has too much of it
// under way is told so in the entry.
func TestLargeEntriesApartAreBounded(t *testing.T) {
	n := start(t)
	g := greedy{n.fakeGate, map[string]int64{"large": 47 << 20}, make(chan struct{}), make(chan struct{})}
	n = start(t, func(c *server.Config) { c.Gate = g })
	end := sync.OnceFunc(func() { close(g.end) })
	defer end()
	var under sync.WaitGroup
	for range 2 {
		under.Go(func() { n.get("/fhir/Patient/large").want(200) })
		<-g.begun
	}
	metadata := strings.Repeat(entry("GET", "metadata", "")+",", 19) + entry("GET", "metadata", "")
	got := n.do("POST", "/fhir", bundle("batch", metadata)).want(200).entries()
	if first, last := got[0].Response.Status, got[19].Response.Status; first != "200 OK" || !strings.HasPrefix(last, "429") {
		t.Errorf("%s first, %s last", first, last)
	}
	end()
	under.Wait()
}
