package nodetest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/server"
)

// Secret is in every document of these tests, and must be in no answer to a request
// that could not be recorded.
const Secret = "Zyxomma"

// Outage is a node whose disk fails for a while.
type Outage struct {
	T               *testing.T
	System, Doctor  User
	Patient, Office User   // Patient is Patient/p1, Office a privacy officer
	before          []byte // Patient/p1 as it was read before
	event           string // the record of that
}

// Begin loads what the requests of an outage ask for.
func (o *Outage) Begin() {
	o.T.Helper()
	for _, p := range []string{"p1", "p2"} {
		o.System.Put("/Patient/"+p, PatientJSON(p, Secret+p)).Want(201)
		o.System.Put("/Observation/o-"+p, ObservationJSON("o-"+p, p, 70)).Want(201)
	}
	before := o.Doctor.Get("/Patient/p1").Want(200)
	o.before, o.event = before.Body, before.Event()
}

// Reads is one request of each kind that only reads.
func (o *Outage) Reads() []Answer {
	var all []Answer
	for _, path := range []string{
		"/Patient/p1", "/Patient/p1/_history/1", "/Patient/p1/_history", "/Patient", "/Patient?family=" + Secret + "&_total=accurate",
		"/Patient/p1/Observation", "/Observation?_include=Observation:subject", "/_history", "/Patient/absent", "/Patient/p1/_history/1/$verify",
	} {
		all = append(all, o.Doctor.Get(path))
	}
	for _, path := range []string{"/AuditEvent/" + o.event, "/AuditEvent/" + o.event + "/$proof", "/AuditEvent?entity=Patient/p1"} {
		all = append(all, o.Office.Get(path))
	}
	all = append(all, o.Patient.Get("/Patient/p1"), o.Patient.Get("/Patient/p1/$access-report"))
	return append(all, o.Doctor.Post("/", bundleOfReads("transaction")))
}

// BatchRefused checks that a batch, which answers each entry by itself, refuses them all.
func (o *Outage) BatchRefused() {
	o.T.Helper()
	r := o.Doctor.Post("/", bundleOfReads("batch")).Want(200)
	if r.Has(Secret) || strings.Count(string(r.Body), `"status":"503`) != 2 {
		o.T.Errorf("batch: %s", r.Body)
	}
}

func bundleOfReads(kind string) string {
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[
		{"request":{"method":"GET","url":"Patient/p1"}},{"request":{"method":"GET","url":"Patient?family=` + Secret + `"}}]}`
}

// Writes is one request of each kind that writes; number makes them differ.
func (o *Outage) Writes(number int) []Answer {
	x := fmt.Sprintf("x%d", number)
	created := strings.Replace(PatientJSON("x", Secret+"created"+x), `"id":"x",`, "", 1)
	return []Answer{
		o.Doctor.Post("/Patient", created),
		o.System.Put("/Patient/"+x, PatientJSON(x, Secret)),
		o.Doctor.Put("/Patient/p1", PatientJSON("p1", Secret+x)),
		o.Doctor.Do("DELETE", "/Observation/o-p2", ""),
		o.System.Post("/", `{"resourceType":"Bundle","type":"transaction","entry":[
			{"resource":`+PatientJSON("t"+x, Secret)+`,"request":{"method":"PUT","url":"Patient/t`+x+`"}},
			{"resource":`+ObservationJSON("t"+x, "t"+x, 3)+`,"request":{"method":"PUT","url":"Observation/t`+x+`"}}]}`),
	}
}

// Refused checks that answers tell that the server is not available, and nothing else.
func (o *Outage) Refused(answers []Answer) {
	o.T.Helper()
	for _, r := range answers {
		r.T = o.T
		if r.Want(503).JSON()["resourceType"] != "OperationOutcome" {
			o.T.Errorf("%s: not an OperationOutcome: %s", r.What, r.Body)
		}
		told := fmt.Sprint(r.Header) + string(r.Body)
		for _, data := range []string{Secret, "p1", "1970-01-01", "8867-4", "sqlite", "disk", ".db"} {
			if strings.Contains(told, data) {
				o.T.Errorf("%s: the answer contains %q: %s", r.What, data, told)
			}
		}
		if r.Header.Get("Retry-After") == "" || r.Header.Get("ETag") != "" {
			o.T.Errorf("%s: headers %v", r.What, r.Header)
		}
		if receipt := r.Header.Get(server.RecordHeader); receipt != "" && !strings.Contains(receipt, "/accesses.") {
			o.T.Errorf("%s: the receipt %s is of a change", r.What, receipt) // of the failure it may be
		}
	}
}

// Over checks that the node serves again, that what it had is as it was, and that
// nothing of the writes 0 to number-1 is there.
func (o *Outage) Over(number int) {
	o.T.Helper()
	if got := o.Doctor.Get("/Patient/p1").Want(200).Body; !bytes.Equal(got, o.before) {
		o.T.Errorf("Patient/p1 was %s, is %s", o.before, got)
	}
	o.Doctor.Get("/Patient/p1/_history/2").Want(404)
	o.Doctor.Get("/Observation/o-p2").Want(200)
	for i := range number {
		x := fmt.Sprintf("x%d", i)
		for _, id := range []string{"Patient/" + x, "Patient/t" + x, "Observation/t" + x} {
			o.Doctor.Get("/" + id).Want(404)
		}
	}
	WantIDs(o.T, o.Doctor.Get("/Patient?_total=accurate"), 2, "Patient/p1", "Patient/p2")
	for i, r := range o.Writes(number) {
		r.Want([]int{201, 201, 200, 204, 200}[i])
	}
	o.Doctor.Get("/Observation/t" + fmt.Sprintf("x%d", number)).Want(200)
}
