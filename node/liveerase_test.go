package node

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/node/nodetest"
	"github.com/aceso-health/aceso/purge"
)

// erases asks for the erasure of a patient from the records.
func (h *purgeHouse) erases(u user, patient string) nodetest.Answer {
	h.T.Helper()
	return h.site(u, "POST", "/fhir/"+patient+"/$erase-records", `{"reason":"she has asked for it"}`)
}

func (h *purgeHouse) approves1(u user, id string) nodetest.Answer {
	h.T.Helper()
	return h.site(u, "POST", "/admin/purges/"+id+"/approve", "{}")
}

// A patient is erased from the records of a house that goes on serving: it takes two persons,
// says what it did, names her nowhere afterwards, and leaves resources and logs whole.
func TestErasedWhileTheServerServes(t *testing.T) {
	stores := map[string]func(*testing.T) (*purgeHouse, []*testNode, Database){
		"SQLite": func(t *testing.T) (*purgeHouse, []*testNode, Database) {
			h := newPurgeHouse(startNode(t, t.TempDir()))
			return h, []*testNode{h.testNode}, h.database
		},
		"MongoDB": func(t *testing.T) (*purgeHouse, []*testNode, Database) {
			c := newCluster(t, 2)
			return newPurgeHouse(c.nodes[0]), c.nodes, c.options()
		},
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			h, nodes, database := open(t)
			for _, path := range []string{"/Patient/p-zyxomma", "/Observation?patient=p-zyxomma", "/Observation?patient=p-zyxomma,p-quince"} {
				nodes[len(nodes)-1].as("practitioner", "TREAT").Get(path).Want(200)
			}
			h.erases(h.doctor, "Patient/p-zyxomma").Want(403)
			p := h.purge(h.erases(h.asks, "Patient/p-zyxomma").Want(202))
			if r := p.Records; p.State != purge.Asked || r == nil || r.Keys != 1 || r.Changes < 35 || r.Accesses < 3 {
				t.Fatalf("what would become unreadable: %s %+v", p.State, p.Records)
			}
			h.approves1(h.asks, p.ID).Want(403)
			h.approves1(h.approves, p.ID).Want(200)
			done := h.until(p.ID, purge.Done)
			before := "&_lastUpdated=lt" + url.QueryEscape(time.Now().Format(time.RFC3339Nano))
			if done.Patient != "" || done.Reason != "" || done.Records.Changes < 35 || len(done.Gone.Records) != 1 || done.Certificate == "" {
				t.Errorf("what was done: %+v", done)
			}
			for i, n := range nodes {
				h.unnamed(n.as("privacy-officer", "HOPERAT"), i, before)
			}
			h.doctor.Get("/Patient/p-zyxomma").Want(200)
			h.doctor.Get("/Observation/o1").Want(200)
			for _, n := range nodes {
				n.stop()
			}
			wantWhole(t, h.data, database, h.receipts...)
		})
	}
}

// unnamed holds that no record from before an instant names the patient, on a node.
func (h *purgeHouse) unnamed(officer user, node int, before string) {
	h.T.Helper()
	for _, path := range []string{"/AuditEvent?_count=1000&patient=Patient/p-zyxomma", "/AuditEvent?entity=Observation/o3", "/Patient/p-zyxomma/$access-report?_count=100"} {
		r := officer.Get(path + before)
		if r.Status == 503 { // its record was sealed with the key that is gone
			r = officer.Get(path + before)
		}
		if ids := r.Want(200).IDs(); len(ids) > 0 {
			h.T.Errorf("node %d: %s finds %v", node, path, ids)
		}
	}
	all := officer.Get("/AuditEvent?_count=1000" + before).Want(200)
	if all.Has("p-zyxomma") || !all.Has("Patient/p-quince") || !all.Has("two-persons") {
		h.T.Errorf("node %d: records name who was erased, or nobody, or not the erasure: %.2000s", node, all.Body)
	}
}

// Who never was a patient cannot be erased, however often somebody asked for the id; nor can
// who was erased before, or who is under legal hold.
func TestWhoCannotBeErased(t *testing.T) {
	h := newPurgeHouse(startNode(t, t.TempDir()))
	h.doctor.Get("/Patient/nobody").Want(404) // a record that concerns nobody
	for _, patient := range []string{"Patient/nobody", "Patient/never-asked-for", "Patient/never-asked-for"} {
		if r := h.erases(h.asks, patient).Want(404); !r.Has("There never was such a patient here: check the id.") {
			t.Errorf("%s: %s", patient, r.Body)
		}
	}
	h.erases(h.asks, "Observation/o1").Want(404)
	if r := h.site(h.asks, "POST", "/fhir/Patient/p-zyxomma/$erase-records", `{"reason":" "}`).Want(422); !r.Has(strings.ReplaceAll("An erasure needs a reason, of up to … bytes.", "…", fmt.Sprint(purge.MostReason))) {
		t.Errorf("without a reason: %s", r.Body)
	}
	h.site(h.asks, "POST", "/admin/holds", `{"patient":"Patient/p-zyxomma","reason":"a court has asked"}`).Want(204)
	h.erases(h.asks, "Patient/p-zyxomma").Want(409)
	h.site(h.asks, "POST", "/admin/holds", `{"patient":"Patient/p-zyxomma"}`).Want(204)
	p := h.purge(h.erases(h.asks, "Patient/p-zyxomma").Want(202))
	h.site(h.asks, "POST", "/admin/holds", `{"patient":"Patient/p-zyxomma","reason":"a court has asked"}`).Want(204)
	h.approves1(h.approves, p.ID).Want(409)
	h.site(h.asks, "POST", "/admin/holds", `{"patient":"Patient/p-zyxomma"}`).Want(204)
	h.approves1(h.approves, p.ID).Want(200)
	h.until(p.ID, purge.Done)
	denied := h.asks.Get("/AuditEvent?outcome=4,8&_count=1000").Want(200)
	if !denied.Has("unknown-patient") {
		t.Errorf("no record says that an unknown patient was to be erased: %.500s", denied.Body)
	}
}

// Records that are made while a patient is erased are whole afterwards: none is sealed with
// the key that is gone.
func TestRecordsMadeDuringAnErasureAreWhole(t *testing.T) {
	h := newPurgeHouse(startNode(t, t.TempDir()))
	p := h.purge(h.erases(h.asks, "Patient/p-zyxomma").Want(202))
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for i := range 4 {
		busy.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if r := h.doctor.Get(fmt.Sprintf("/Observation/o%d", 3+(i+n)%20)); r.Status != 200 && r.Status != 503 {
					t.Errorf("meanwhile: %d", r.Status)
				}
			}
		})
	}
	h.approves1(h.approves, p.ID).Want(200)
	h.until(p.ID, purge.Done)
	close(stop)
	busy.Wait()
	h.doctor.Get("/Observation/o3").Want(200)
	h.stop()
	wantWhole(t, h.data, h.database, h.receipts...)
}
