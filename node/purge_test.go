package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/node/nodetest"
	"github.com/aceso-health/aceso/purge"
)

// purgeHouse is a node with a patient who is to be removed, one who stays, and two officers.
type purgeHouse struct {
	*testNode
	system, doctor, asks, approves user
	receipts                       []string
}

const quagmire = `{"resourceType":"Patient","id":"p-zyxomma","identifier":[{"system":"urn:mrn","value":"MRN-471147"}],"name":[{"family":"Quagmire","given":["Zyxomma"]}],"birthDate":"19%d-01-02"}`

func newPurgeHouse(n *testNode) *purgeHouse {
	h := &purgeHouse{testNode: n}
	h.users()
	for i := range 2 {
		h.put("Patient/p-zyxomma", fmt.Sprintf(quagmire, 60+i))
	}
	h.put("Patient/p-quince", `{"resourceType":"Patient","id":"p-quince","name":[{"family":"Quince"}]}`)
	for i := range 30 {
		h.put(fmt.Sprintf("Observation/o%d", i), fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","status":"final","code":{"text":"Zyxomma's weight"},"subject":{"reference":"Patient/p-zyxomma","display":"Zyxomma Quagmire"},"valueString":"%d"}`, i, i))
	}
	h.put("Binary/b1", `{"resourceType":"Binary","id":"b1","contentType":"text/plain","data":"UXVhZ21pcmU="}`)
	h.put("DocumentReference/d1", `{"resourceType":"DocumentReference","id":"d1","status":"current","subject":{"reference":"Patient/p-zyxomma"},"content":[{"attachment":{"url":"Binary/b1"}}]}`)
	h.put("Observation/quinces", `{"resourceType":"Observation","id":"quinces","status":"final","code":{"text":"mother of Zyxomma Quagmire"},"subject":{"reference":"Patient/p-quince"}}`)
	h.put("Communication/both", `{"resourceType":"Communication","id":"both","status":"completed","subject":{"reference":"Patient/p-quince"},"recipient":[{"reference":"Patient/p-zyxomma"}]}`)
	h.put("Observation/o1", `{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"Zyxomma's weight, again"},"subject":{"reference":"Patient/p-zyxomma"},"valueString":"2"}`)
	h.system.Do("DELETE", "/Observation/o2", "").Want(204)
	return h
}

// users are with the node as it runs now.
func (h *purgeHouse) users() {
	h.system, h.doctor, h.asks = h.as("system", "HOPERAT"), h.as("practitioner", "TREAT"), h.as("privacy-officer", "HOPERAT")
	h.approves = h.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Subject = "Practitioner/second-officer" })
}

func (h *purgeHouse) put(path, body string) {
	h.T.Helper()
	r := h.system.Put("/"+path, body)
	if r.Status != 200 && r.Status != 201 {
		h.T.Fatalf("PUT %s: %d %s", path, r.Status, r.Body)
	}
	h.receipts = append(h.receipts, r.Header.Get("X-Aceso-Record"))
}

// site asks for what is beside the FHIR base.
func (h *purgeHouse) site(u user, method, path, body string) nodetest.Answer {
	h.T.Helper()
	r, err := http.NewRequest(method, h.Server.URL+path, strings.NewReader(body))
	if err != nil {
		h.T.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+u.Token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	a, err := h.Exchange(method+" "+path, r)
	if err != nil {
		h.T.Fatal(err)
	}
	return a
}

// purge decodes the purge of an answer.
func (h *purgeHouse) purge(a nodetest.Answer) (p purge.Purge) {
	h.T.Helper()
	if err := json.Unmarshal(a.Body, &p); err != nil {
		h.T.Fatalf("%s: %v: %s", a.What, err, a.Body)
	}
	return p
}

// until waits for a state of a purge.
func (h *purgeHouse) until(id, state string) (p purge.Purge) {
	h.T.Helper()
	nodetest.Until(h.T, "the purge is "+state, func() bool {
		p = h.purge(h.site(h.asks, "GET", "/admin/purges/"+id, "").Want(200))
		return p.State == state
	})
	return p
}

// ask begins a purge of the patient, and waits until it can be approved.
func (h *purgeHouse) ask() purge.Purge {
	h.T.Helper()
	p := h.purge(h.site(h.asks, "POST", "/fhir/Patient/p-zyxomma/$purge", `{"reason":"she has asked for it"}`).Want(202))
	return h.until(p.ID, purge.Asked)
}

func (h *purgeHouse) approve(p purge.Purge) nodetest.Answer {
	h.T.Helper()
	return h.site(h.approves, "POST", "/admin/purges/"+p.ID+"/approve", fmt.Sprintf(`{"digest":%q}`, p.Preview.Digest))
}

// inFolder says which files of a folder have some bytes in them.
func inFolder(t *testing.T, dir, what string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all, err := os.ReadFile(path)
		if bytes.Contains(all, []byte(what)) {
			files = append(files, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestAPatientIsPurged: asked for by one officer, decided line by line, approved by another,
// and then nothing of her is left, in any answer or file; all else is, and verifies.
func TestAPatientIsPurged(t *testing.T) {
	dir := t.TempDir()
	h := newPurgeHouse(startNode(t, dir))
	p := h.ask()
	if got := p.Preview; got.Types["Observation"] != 30 || got.Types["Patient"] != 1 || got.Types["DocumentReference"] != 1 || got.Types["Binary"] != 1 || got.Versions != 36 {
		t.Errorf("what goes: %+v", got)
	}
	if got := p.Preview; len(got.Shared) != 1 || got.Shared[0].Ref != "Communication/both" || len(got.Mentions) != 1 || got.Mentions[0].Ref != "Observation/quinces" {
		t.Errorf("what stays: %+v", got)
	}
	h.site(h.approves, "POST", "/admin/purges/"+p.ID+"/decide", `{"goes":["Patient/p-quince"]}`).Want(422)
	h.site(h.asks, "POST", "/admin/purges/"+p.ID+"/decide", `{"goes":["Observation/quinces"]}`).Want(200)
	again := h.until(p.ID, purge.Asked)
	h.approve(p).Want(409) // another digest
	h.approve(again).Want(200)
	done := h.until(p.ID, purge.Done)
	if done.Gone.Resources != 34 || done.Gone.Versions != 37 {
		t.Errorf("gone: %+v", done.Gone)
	}
	h.gone()
	for _, what := range []string{"MRN-471147", "Quagmire", "quagmire", "Zyxomma's", "zyxomma's"} {
		if files := inFolder(t, dir, what); len(files) > 0 {
			t.Errorf("%q is still in %v", what, files)
		}
	}
	if len(inFolder(t, dir, "quince")) == 0 {
		t.Error("the search in the folder finds nothing at all")
	}
	cert := h.site(h.asks, "GET", "/admin/purges/"+p.ID+"/certificate", "").Want(200)
	if !cert.Has("aceso purge 1\n") || !cert.Has(p.ID) || cert.Has("Quagmire") {
		t.Errorf("certificate %s", cert.Body)
	}
	h.site(h.asks, "POST", "/fhir/Patient/p-zyxomma/$purge", `{"reason":"again"}`).Want(404)
	h.stop()
	wantWhole(t, h.data, h.database, h.receipts...)
}

// gone holds that nobody is shown anything, and that others' data are there.
func (h *purgeHouse) gone() {
	h.T.Helper()
	for _, path := range []string{"/Patient/p-zyxomma/_history/1", "/Observation/o1/_history/1", "/Observation/o2/_history", "/Patient/p-zyxomma/_history", "/Observation/quinces/_history/1"} {
		h.doctor.Get(path).Want(404)
	}
	for _, path := range []string{"/Patient/p-zyxomma", "/Observation/o1", "/DocumentReference/d1", "/Binary/b1", "/Observation/quinces"} {
		if r := h.doctor.Get(path); r.Status != 410 && r.Status != 404 {
			h.T.Errorf("%s: %d", path, r.Status)
		}
	}
	nodetest.WantIDs(h.T, h.doctor.Get("/Observation?_total=accurate"), 0)
	nodetest.WantIDs(h.T, h.doctor.Get("/Patient?_total=accurate"), 1, "Patient/p-quince")
	nodetest.WantIDs(h.T, h.doctor.Get("/Patient?name=quagmire"), -1)
	h.doctor.Get("/Communication/both").Want(200)
	if all := h.system.Get("/_history?_count=1000"); all.Has("Quagmire") || all.Has("weight") {
		h.T.Error("a history shows what was purged")
	}
}

// TestPurgesNeedTwoPersons: neither another token nor another browser, nobody of another
// house, and nobody but officers.
func TestPurgesNeedTwoPersons(t *testing.T) {
	h := newPurgeHouse(startNode(t, t.TempDir()))
	for _, role := range []string{"practitioner", "system", "administrator"} {
		h.site(h.as(role, "HOPERAT"), "POST", "/fhir/Patient/p-zyxomma/$purge", `{"reason":"x"}`).Want(403)
	}
	p := h.ask()
	body := fmt.Sprintf(`{"digest":%q}`, p.Preview.Digest)
	for name, u := range map[string]user{
		"herself":             h.asks,
		"another token":       h.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Client = "another-browser" }),
		"renamed":             h.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Subject = "practitioner/PRIVACY-OFFICER" }),
		"no deputy":           h.as("practitioner", "HOPERAT"),
		"a doctor who treats": h.doctor,
	} {
		if r := h.site(u, "POST", "/admin/purges/"+p.ID+"/approve", body); r.Status != 403 {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
		}
	}
	h.site(h.doctor, "GET", "/admin/purges/"+p.ID, "").Want(403)
	h.site(h.doctor, "GET", "/admin/purges/aaaaaaaaaaaaaaaaaaaaaaaaaa", "").Want(403)
	h.site(h.doctor, "GET", "/admin/purges", "").Want(403)
	h.site(h.doctor, "POST", "/admin/holds", `{"patient":"Patient/p-zyxomma"}`).Want(403)
	h.site(h.asks, "POST", "/admin/purges/"+p.ID+"/drop", "{}").Want(200)
	h.approve(p).Want(409)
	h.doctor.Get("/Patient/p-zyxomma").Want(200)
	denied := h.asks.Get("/AuditEvent?action=E&outcome=4&_count=1000&patient=Patient/p-zyxomma").Want(200)
	if !denied.Has("second-person") {
		t.Errorf("no record says that somebody meant to approve the own work: %.1000s", denied.Body)
	}
}

// TestWhatLawKeepsIsNotPurged: a hold stops all of it at every step, a rule keeps what it
// names, and what changed since is looked at again.
func TestWhatLawKeepsIsNotPurged(t *testing.T) {
	h := newPurgeHouse(startNode(t, t.TempDir()))
	hold := func(reason string, status int) {
		h.site(h.asks, "POST", "/admin/holds", fmt.Sprintf(`{"patient":"Patient/p-zyxomma","reason":%q}`, reason)).Want(status)
	}
	hold("", 404)
	hold("a court has asked", 204)
	h.site(h.asks, "POST", "/fhir/Patient/p-zyxomma/$purge", `{"reason":"x"}`).Want(409)
	hold("", 204)
	p := h.ask()
	hold("a court has asked", 204)
	h.approve(p).Want(409)
	hold("", 204)
	h.site(h.asks, "PUT", "/admin/retention", `{"rules":[{"type":"Observation","years":10,"law":"an Act"},{"years":0,"law":"y"}]}`).Want(422)
	h.site(h.asks, "PUT", "/admin/retention", `{"rules":[{"type":"Observation","years":10,"law":"an Act"}]}`).Want(204)
	h.approve(p).Want(200)
	again := h.until(p.ID, purge.Asked)
	if again.Preview.Types["Observation"] != 0 || len(again.Preview.Kept) != 30 || !strings.Contains(again.Preview.Kept[0].Why, "an Act") {
		t.Errorf("with a rule goes %v, and %d are kept", again.Preview.Types, len(again.Preview.Kept))
	}
	h.approve(again).Want(200)
	h.until(p.ID, purge.Done)
	h.doctor.Get("/Observation/o1/_history/1").Want(200)
	h.doctor.Get("/Patient/p-zyxomma").Want(410)
}

// TestAVersionIsPurged: it alone, and not the current one.
func TestAVersionIsPurged(t *testing.T) {
	h := newPurgeHouse(startNode(t, t.TempDir()))
	p := h.purge(h.site(h.asks, "POST", "/fhir/Patient/p-zyxomma/_history/1/$purge", `{"reason":"a wrong date"}`).Want(202))
	p = h.until(p.ID, purge.Asked)
	h.approve(p).Want(200)
	h.until(p.ID, purge.Done)
	h.doctor.Get("/Patient/p-zyxomma/_history/1").Want(404)
	if r := h.site(h.asks, "GET", "/admin/purges/"+h.purge(h.site(h.asks, "POST", "/fhir/Patient/p-zyxomma/_history/2/$purge", `{"reason":"not yet"}`)).ID+"/certificate", "").Want(404); !r.Has(strings.TrimSuffix("There is no certificate: the purge is ….", "….")) {
		t.Errorf("without a certificate: %s", r.Body)
	}
	h.doctor.Get("/Patient/p-zyxomma").Want(200)
	if ids := h.doctor.Get("/Patient/p-zyxomma/_history").Want(200).IDs(); !slices.Equal(ids, []string{"Patient/p-zyxomma"}) {
		t.Errorf("the history shows %v", ids)
	}
	now := h.purge(h.site(h.asks, "POST", "/fhir/Patient/p-zyxomma/_history/2/$purge", `{"reason":"x"}`).Want(202))
	now = h.until(now.ID, purge.Asked)
	h.approve(now).Want(200)
	nodetest.Until(t, "it says why it does not go on", func() bool {
		now = h.purge(h.site(h.asks, "GET", "/admin/purges/"+now.ID, "").Want(200))
		return now.Problem == "The current version of a resource cannot be purged alone: update or delete the resource first."
	})
	h.doctor.Get("/Patient/p-zyxomma").Want(200)
	h.stop()
	wantWhole(t, h.data, h.database, h.receipts...)
}

// TestAPurgeOnMongoDB is the same with a database.
func TestAPurgeOnMongoDB(t *testing.T) {
	c := newCluster(t, 2)
	h := newPurgeHouse(c.nodes[0])
	p := h.ask()
	h.site(h.asks, "POST", "/admin/purges/"+p.ID+"/decide", `{"goes":["Observation/quinces"]}`).Want(200)
	h.approve(h.until(p.ID, purge.Asked)).Want(200)
	h.until(p.ID, purge.Done)
	h.gone()
	h.stop()
	wantWhole(t, h.data, c.options(), h.receipts...)
}

// TestTheRemovalPage is the same with a browser, whose forms no other site can send.
func TestTheRemovalPage(t *testing.T) {
	h := newPurgeHouse(startNode(t, t.TempDir()))
	post := func(u user, path, form string) nodetest.Answer {
		t.Helper()
		r, err := http.NewRequest("POST", h.Server.URL+path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: "aceso-token", Value: u.Token})
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		a, err := h.Exchange(path, r)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	formOf := func(u user, path string) string {
		t.Helper()
		page := u.Page(path).Want(200)
		_, rest, ok := strings.Cut(string(page.Body), `name="form" value="`)
		if !ok {
			t.Fatalf("no form on %s: %s", path, page.Body)
		}
		value, _, _ := strings.Cut(rest, `"`)
		return value
	}
	ask := "&step=ask&of=Patient%2Fp-zyxomma&reason=" + strings.Repeat("%3Cscript%3E", 1)
	post(h.asks, "/ui/purges", "form=guessed"+ask).Want(403)
	post(h.asks, "/ui/purges", "form="+formOf(h.approves, "/ui/purges")+ask).Want(403)
	seen := post(h.asks, "/ui/purges", "form="+formOf(h.asks, "/ui/purges")+ask)
	p := h.purges()[0]
	if seen.Status != 200 && seen.Status != 303 {
		t.Fatalf("asked: %d %s", seen.Status, seen.Body)
	}
	h.until(p.ID, purge.Asked)
	page := h.approves.Page("/ui/purges/" + p.ID).Want(200)
	if !page.Has("Observation/quinces") || !page.Has("Communication/both") || !page.Has("&lt;script&gt;") || page.Has("<script>") {
		t.Errorf("the page is %s", page.Body)
	}
	digest := h.until(p.ID, purge.Asked).Preview.Digest
	post(h.asks, "/ui/purges/"+p.ID, "form="+formOf(h.asks, "/ui/purges/"+p.ID)+"&step=approve&digest="+digest).Want(403)
	post(h.approves, "/ui/purges/"+p.ID, "form="+formOf(h.approves, "/ui/purges/"+p.ID)+"&step=approve&digest="+digest)
	h.until(p.ID, purge.Done)
	if cert := h.asks.Page("/ui/purges/" + p.ID + "/certificate").Want(200); !cert.Has("aceso purge 1") {
		t.Errorf("certificate %s", cert.Body)
	}
	h.doctor.Page("/ui/purges").Want(403)
}

// purges lists them.
func (h *purgeHouse) purges() []purge.Purge {
	h.T.Helper()
	var all struct{ Purges []purge.Purge }
	a := h.site(h.asks, "GET", "/admin/purges", "").Want(200)
	if err := json.Unmarshal(a.Body, &all); err != nil || len(all.Purges) == 0 {
		h.T.Fatalf("%v: %s", err, a.Body)
	}
	return all.Purges
}
