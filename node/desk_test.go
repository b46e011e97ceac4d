package node

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/node/nodetest"
)

// visitor is somebody with a browser that runs no scripts.
type visitor struct {
	*testNode
	http.Client
}

var formOfPage = regexp.MustCompile(`name="form" value="([^"]*)"`)

// visitorWith signs in with the token of a user.
func visitorWith(n *testNode, u user) *visitor {
	n.T.Helper()
	return visitorWho(n, u, 200)
}

// visitorWho is visitorWith for somebody whom the desk answers with a status.
func visitorWho(n *testNode, u user, status int) *visitor {
	n.T.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		n.T.Fatal(err)
	}
	v := &visitor{n, http.Client{Jar: jar}}
	m := formOfPage.FindStringSubmatch(v.page("/ui/sign-in", 200))
	r, err := v.PostForm(n.Server.URL+"/ui/sign-in", url.Values{"form": {m[1]}, "token": {u.Token}})
	if err != nil || r.StatusCode != status || r.Request.URL.Path != "/ui/desk" {
		n.T.Fatal(r.Status, r.Request.URL, err)
	}
	r.Body.Close()
	return v
}

// page is the text of a page, which must have a status and these words.
func (v *visitor) page(path string, status int, words ...string) string {
	v.T.Helper()
	r, err := v.Client.Get(v.Server.URL + path)
	if err != nil {
		v.T.Fatal(err)
	}
	return v.reads(r, path, status, words...)
}

// reads is the text of an answer, which must have a status and these words.
func (v *visitor) reads(r *http.Response, path string, status int, words ...string) string {
	v.T.Helper()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status {
		v.T.Fatalf("%s: status %d, want %d, %v\n%s", path, r.StatusCode, status, err, body)
	}
	for _, w := range words {
		if !strings.Contains(string(body), w) {
			v.T.Errorf("%s: no %q in\n%s", path, w, body)
		}
	}
	return string(body)
}

// A privacy officer finds who saw a patient, why, and who was refused, by names.
func TestOfficerSeesWhoSawWhat(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor := n.as("practitioner", "TREAT", func(g *Grant) { g.Name = "Ada Doc" })
	doctor.Get("/Patient/p1").Want(200)
	n.as("practitioner", "TREAT", func(g *Grant) { g.Name = "<b>Bert</b>" }).Get("/Patient/p1").Want(200)
	doctor.Get("/Observation?patient=p1&code=%3Cb%3E").Want(200)
	doctor.Do("DELETE", "/Consent/none", "").Want(403)
	v := visitorWith(n, n.as("privacy-officer", "HOPERAT"))

	v.page("/ui/desk", 200, "All logs are whole", "Refused today", "Ada Doc", "refused")
	v.page("/ui/accesses", 200, "Ada Doc", "own-treatment", "Familyp1", `href="/ui/accesses?patient=Patient%2fp1"`)
	hers := v.page("/ui/accesses?patient=familyp1", 200, "read", "Ada Doc", "permitted", "&lt;b&gt;Bert")
	if strings.Contains(hers, "<b>Bert") || strings.Contains(v.page("/ui/accesses?patient=familyp1&what=read", 200), "Familyp2") {
		t.Errorf("it says too much:\n%s", hers)
	}
	if refused := v.page("/ui/accesses?decision=deny", 200, "refused"); strings.Contains(refused, "permitted") {
		t.Errorf("not only refusals:\n%s", refused)
	}
	v.page("/ui/accesses?patient=family", 200, "Which patient?", "Familyp2")
	v.page("/ui/accesses?patient=nobody", 200, "No patient fits.")
	v.page("/ui/accesses?person=Ada", 200, "Ada Doc")
	v.page("/ui/accesses?from=nonsense", 200, `role="alert"`)
	v.page("/ui/accesses?page=nonsense", 200, `role="alert"`, "Search again.")

	rows, err := csv.NewReader(strings.NewReader(v.page("/ui/accesses.csv?patient=Patient/p1&what=read", 200))).ReadAll()
	if err != nil || len(rows) != 3 || rows[2][4] != "Ada Doc" || rows[2][10] != "A Familyp1" {
		t.Errorf("the file has %q, %v", rows, err)
	}
	v.page("/ui/patients/p1/report", 200, "Who saw the data of A Familyp1", "Looked at your data: patient (1).", "your treatment", "Questions about many people", "What this report does not show")
	v.page("/ui/patients/p1/report?format=csv", 200, "Ada Doc")
	v.page("/ui/patients/p1/report?format=pdf", 200, "%PDF-1.", "%%EOF")
	v.page("/ui/patients/p1/report?from=2001-01-01&to=2001-01-02", 200, "Nobody, in this time.")
}

// The desk says who asked about many patients, and about somebody of the same surname.
func TestDeskSaysWhatIsUnusual(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	system := n.as("system", "HOPERAT")
	for i := range 51 {
		id := fmt.Sprint("q", i)
		system.Put("/Patient/"+id, nodetest.PatientJSON(id, "Other")).Want(201)
	}
	as := func(subject, name string) user {
		return n.as("practitioner", "TREAT", func(g *Grant) { g.Subject, g.Name = "Practitioner/"+subject, name })
	}
	as("kin", "Ada Familyp1").Get("/Patient/p1").Want(200)
	as("kin", "Ada Familyp1").Get("/Patient/p2").Want(200)
	as("busy", "Bea Busy").Get("/Patient?_count=1000").Want(200)
	v := visitorWith(n, n.as("privacy-officer", "HOPERAT"))
	page := v.page("/ui/desk", 200, "Practitioner/busy</a>: 53 patients", "Ada Familyp1, about A Familyp1")
	if strings.Contains(page, "about A Familyp2") || strings.Contains(page, "Practitioner/kin</a>: ") {
		t.Errorf("it says too much:\n%s", page)
	}
	v.page("/ui/accesses?person=Practitioner/busy", 200, "and 48 more")
}

// The pages show to nobody else what only the privacy office may see; patients see their
// own report.
func TestDeskIsForItsReader(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor := n.as("practitioner", "TREAT", func(g *Grant) { g.Name = "Ada Doc" })
	doctor.Get("/Patient/p1").Want(200)
	d := visitorWith(n, doctor)
	if page := d.page("/ui/desk", 200, "There is nothing to do for you here."); strings.Contains(page, "/ui/accesses") {
		t.Errorf("it leads where she may not go:\n%s", page)
	}
	d.page("/ui/accesses", 403)
	d.page("/ui/accesses.csv", 403)
	d.page("/ui/patients/p1/report", 403)
	p := visitorWith(n, n.as("patient", "PATRQT", func(g *Grant) { g.Subject, g.Patient = "Patient/p1", "Patient/p1" }))
	p.page("/ui/desk", 200, `href="/ui/patients/p1/report"`)
	p.page("/ui/patients/p1/report", 200, "Ada Doc")
	p.page("/ui/patients/p2/report", 404)
	for _, path := range []string{"/ui/desk", "/ui/accesses", "/ui/accesses.csv", "/ui/patients/p1/report"} {
		(&visitor{n, http.Client{}}).page(path, 401, "Sign in")
	}
}

// What a client sent is no formula in a spreadsheet.
func TestFilesHaveNoFormulas(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	n.as("practitioner", "TREAT", func(g *Grant) { g.Name = "=1+1" }).Get("/Patient/p1").Want(200)
	v := visitorWith(n, n.as("privacy-officer", "HOPERAT"))
	if file := v.page("/ui/accesses.csv?patient=Patient/p1", 200, "'=1+1"); strings.Contains(file, ",=1+1") {
		t.Errorf("a formula:\n%s", file)
	}
}

// The pages of the desk, on a desk and on a phone, by day and by night.
func TestDeskInABrowser(t *testing.T) {
	b := openBrowser(t)
	b.scripts() // those of axe: the pages have none
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor := n.as("practitioner", "TREAT", func(g *Grant) { g.Name = "Ada Doc" })
	doctor.Get("/Patient/p1").Want(200)
	doctor.Do("DELETE", "/Consent/none", "").Want(403)
	b.screen(1280, 900, "light")
	b.visit(n.Server.URL + "/ui/")
	b.sees("This is an Aceso server")
	b.axe()
	b.visit(n.Server.URL + "/ui/desk")
	b.fill("#token", n.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Name = "Eva Lind" }).Token)
	b.sees("Eva Lind", "Refused today")
	for _, screen := range []struct {
		name, scheme string
		width        int
	}{{"day", "light", 1280}, {"night", "dark", 1280}, {"phone", "light", 320}, {"phone-night", "dark", 320}} {
		b.screen(screen.width, 900, screen.scheme)
		for _, page := range []struct{ name, path, words string }{
			{"desk", "/ui/desk", "Refused today"}, {"accesses", "/ui/accesses?patient=familyp1", "Ada Doc"}, {"which", "/ui/accesses?patient=family", "Which patient?"}, {"report", "/ui/patients/p1/report", "Looked at your data"},
		} {
			b.visit(n.Server.URL + page.path)
			b.sees(page.words)
			b.fits()
			b.axe()
			b.shoot(page.name + "-" + screen.name)
		}
	}
	b.onlyAsked(n.Server.URL)
}
