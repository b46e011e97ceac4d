package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/server"
)

// secret is in every document of these tests, and must be in no answer to a request
// that could not be recorded.
const secret = "Zyxomma"

// outage is a node whose disk fails for a while.
type outage struct {
	t               *testing.T
	system, doctor  user
	patient, office user
	before          []byte // Patient/p1 as it was read before
	event           string // the record of that
}

// newOutage loads what the requests of an outage ask for.
func newOutage(t *testing.T, n *testNode) *outage {
	t.Helper()
	o := &outage{t: t, system: n.as("system", "HOPERAT"), doctor: n.as("practitioner", "TREAT"), office: n.as("privacy-officer", "HOPERAT")}
	o.patient = n.as("patient", "PATRQT", func(g *grant) { g.patient = "p1" })
	for _, p := range []string{"p1", "p2"} {
		o.system.put("/Patient/"+p, patientJSON(p, secret+p)).want(201)
		o.system.put("/Observation/o-"+p, observationJSON("o-"+p, p, 70)).want(201)
	}
	before := o.doctor.get("/Patient/p1").want(200)
	o.before, o.event = before.body, before.event()
	return o
}

// reads is one request of each kind that only reads.
func (o *outage) reads() []response {
	var all []response
	for _, path := range []string{
		"/Patient/p1", "/Patient/p1/_history/1", "/Patient/p1/_history", "/Patient", "/Patient?family=" + secret + "&_total=accurate",
		"/Patient/p1/Observation", "/Observation?_include=Observation:subject", "/_history", "/Patient/absent", "/Patient/p1/_history/1/$verify",
	} {
		all = append(all, o.doctor.get(path))
	}
	for _, path := range []string{"/AuditEvent/" + o.event, "/AuditEvent/" + o.event + "/$proof", "/AuditEvent?entity=Patient/p1"} {
		all = append(all, o.office.get(path))
	}
	all = append(all, o.patient.get("/Patient/p1"), o.patient.get("/Patient/p1/$access-report"))
	return append(all, o.doctor.post("/", bundleOfReads("transaction")))
}

// batchRefused checks that a batch, which answers each entry by itself, refuses them all.
func (o *outage) batchRefused() {
	o.t.Helper()
	r := o.doctor.post("/", bundleOfReads("batch")).want(200)
	if r.has(secret) || strings.Count(string(r.body), `"status":"503`) != 2 {
		o.t.Errorf("batch: %s", r.body)
	}
}

func bundleOfReads(kind string) string {
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[
		{"request":{"method":"GET","url":"Patient/p1"}},{"request":{"method":"GET","url":"Patient?family=` + secret + `"}}]}`
}

// writes is one request of each kind that writes; number makes them differ.
func (o *outage) writes(number int) []response {
	x := fmt.Sprintf("x%d", number)
	created := strings.Replace(patientJSON("x", secret+"created"+x), `"id":"x",`, "", 1)
	return []response{
		o.doctor.post("/Patient", created),
		o.system.put("/Patient/"+x, patientJSON(x, secret)),
		o.doctor.put("/Patient/p1", patientJSON("p1", secret+x)),
		o.doctor.do("DELETE", "/Observation/o-p2", ""),
		o.system.post("/", `{"resourceType":"Bundle","type":"transaction","entry":[
			{"resource":`+patientJSON("t"+x, secret)+`,"request":{"method":"PUT","url":"Patient/t`+x+`"}},
			{"resource":`+observationJSON("t"+x, "t"+x, 3)+`,"request":{"method":"PUT","url":"Observation/t`+x+`"}}]}`),
	}
}

// refused checks that answers tell that the server is not available, and nothing else.
func (o *outage) refused(answers []response) {
	o.t.Helper()
	for _, r := range answers {
		r.t = o.t
		if r.want(503).json()["resourceType"] != "OperationOutcome" {
			o.t.Errorf("%s: not an OperationOutcome: %s", r.what, r.body)
		}
		told := fmt.Sprint(r.header) + string(r.body)
		for _, data := range []string{secret, "p1", "1970-01-01", "8867-4", "sqlite", "disk", ".db"} {
			if strings.Contains(told, data) {
				o.t.Errorf("%s: the answer contains %q: %s", r.what, data, told)
			}
		}
		if r.header.Get("Retry-After") == "" || r.header.Get("ETag") != "" {
			o.t.Errorf("%s: headers %v", r.what, r.header)
		}
		if receipt := r.header.Get(server.RecordHeader); receipt != "" && !strings.Contains(receipt, "/accesses.") {
			o.t.Errorf("%s: the receipt %s is of a change", r.what, receipt) // of the failure it may be
		}
	}
}

// over checks that the node serves again, that what it had is as it was, and that
// nothing of the writes 0 to number-1 is there.
func (o *outage) over(number int) {
	o.t.Helper()
	if got := o.doctor.get("/Patient/p1").want(200).body; !bytes.Equal(got, o.before) {
		o.t.Errorf("Patient/p1 was %s, is %s", o.before, got)
	}
	o.doctor.get("/Patient/p1/_history/2").want(404)
	o.doctor.get("/Observation/o-p2").want(200)
	for i := range number {
		x := fmt.Sprintf("x%d", i)
		for _, id := range []string{"Patient/" + x, "Patient/t" + x, "Observation/t" + x} {
			o.doctor.get("/" + id).want(404)
		}
	}
	wantIDs(o.t, o.doctor.get("/Patient?_total=accurate"), 2, "Patient/p1", "Patient/p2")
	for i, r := range o.writes(number) {
		r.want([]int{201, 201, 200, 204, 200}[i])
	}
	o.doctor.get("/Observation/t" + fmt.Sprintf("x%d", number)).want(200)
}
