package node

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/policy"
)

// posts sends a form of a page that the visitor sees, and returns the page that it leads to.
func (v *visitor) posts(path string, status int, form url.Values, words ...string) (page, at string) {
	v.T.Helper()
	if m := formOfPage.FindStringSubmatch(v.page("/ui/policies", 200)); m != nil {
		form.Set("form", m[1])
	}
	return v.postsAs(path, status, form, words...)
}

// postsAs is posts with whatever anti-forgery value the form has.
func (v *visitor) postsAs(path string, status int, form url.Values, words ...string) (page, at string) {
	v.T.Helper()
	r, err := v.PostForm(v.Server.URL+path, form)
	if err != nil {
		v.T.Fatal(err)
	}
	return v.reads(r, path, status, words...), r.Request.URL.Path
}

// officers are two who are signed in.
func officers(n *testNode) (a, b *visitor) {
	as := func(subject, name string) *visitor {
		return visitorWith(n, n.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Subject, g.Name = subject, name }))
	}
	return as("Practitioner/eva", "Eva Lind"), as("Practitioner/max", "Max Roth")
}

// restricted is the change "labels R only for ETREAT".
func restricted(t *testing.T) url.Values {
	t.Helper()
	files, err := policy.Files(packedBase(t))
	if err != nil {
		t.Fatal(err)
	}
	return draftOf(files, "R only for ETREAT", map[string]string{"decision.rego": files["decision.rego"] + onlyForEmergencies})
}

// draftOf is the form of the editor with files, some of them changed or new.
func draftOf(files map[string]string, reason string, changed map[string]string) url.Values {
	form := url.Values{"do": {"save"}, "reason": {reason}}
	for name, text := range changed {
		files[name] = text
	}
	for name, text := range files {
		form["name"] = append(form["name"], name)
		form["text"] = append(form["text"], strings.ReplaceAll(text, "\n", "\r\n"))
	}
	return form
}

// hashOf is the revision of the files of a form.
func hashOf(t *testing.T, form url.Values) string {
	t.Helper()
	files := map[string]string{}
	for i, name := range form["name"] {
		files[name] = strings.ReplaceAll(form["text"][i], "\r\n", "\n")
	}
	hash, _, err := policy.PackFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func packedBase(t *testing.T) []byte {
	t.Helper()
	_, archive, err := policy.Pack(policy.Base())
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

var queryOf = regexp.MustCompile(`"query":"([^"]*)"`)

// recorded says that records of an interaction have these details.
func (n *testNode) recorded(interaction string, details ...string) {
	n.T.Helper()
	found, all := n.as("privacy-officer", "HOPERAT").Get("/AuditEvent?subtype="+interaction+"&_count=200").Want(200), ""
	for _, m := range queryOf.FindAllStringSubmatch(string(found.Body), -1) {
		text, err := base64.StdEncoding.DecodeString(m[1])
		if err != nil {
			n.T.Fatal(err)
		}
		all += string(text) + "\n"
	}
	for _, want := range details {
		if !strings.Contains(all, want) {
			n.T.Errorf("no record of %s says %s:\n%s", interaction, want, all)
		}
	}
}

var hashAt = regexp.MustCompile(`^/ui/policies/([0-9a-f]{64})$`)

// A change goes from the editor to its activation by forms alone: two persons, each step on
// the page, refusals in place, and back with one click.
func TestPoliciesAreChangedOnPages(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	n.as("system", "HOPERAT").Put("/Practitioner/ada", `{"resourceType":"Practitioner","id":"ada"}`).Want(201)
	eva, max := officers(n)
	before := n.node.policy.Revision()
	eva.page("/ui/policies", 200, before, "It came with the program.", "New draft from it")
	eva.page("/ui/policies/new?base="+before, 200, "clinician.rego", "input.agent.subject", "Keep this draft")
	form := restricted(t)
	form.Set("reason", "")
	eva.posts("/ui/policies/new", 422, form, "A draft needs a reason", "decision.rego")
	form.Set("reason", "R only for ETREAT")
	_, at := eva.posts("/ui/policies/new", 200, form, "draft", "Run the tests")
	m := hashAt.FindStringSubmatch(at)
	if want := hashOf(t, form); m == nil || m[1] != want {
		t.Fatalf("%s, not %s", at, want)
	}
	step := func(v *visitor, step string, status int, words ...string) {
		t.Helper()
		v.posts(at, status, url.Values{"step": {step}}, words...)
	}
	step(eva, "submit", 409, `role="alert"`, "only one whose tests passed can be submitted")
	step(eva, "check", 200, "The check passes.")
	step(eva, "test", 200, "tests passed, 0 failed", "submit")
	eva.page(at+"/impact", 200, "Work out the impact")
	eva.posts(at+"/impact", 200, url.Values{}, "nothing is permitted that is refused now", "<code>purpose</code>", "may see less", "Patient/p1", "2 patients")
	if page := eva.page(at+"/impact", 200, "may see less", "The report is kept as"); strings.Contains(page, "Patient/p") {
		t.Errorf("what is kept names patients:\n%s", page)
	}
	n.recorded("explain", "impact-of="+m[1])
	step(eva, "submit", 200, "Submitted by", "Eva Lind")
	step(eva, "approve", 403, `role="alert"`)
	max.page("/ui/desk", 200, "Policies that wait for approval", "R only for ETREAT")
	max.page(at, 200, "<h3>decision.rego", "<ins>", `<span class="keyword">package</span>`)
	step(max, "approve", 200, "Approved by", "Max Roth")
	step(max, "activate", 200, "Put in force by", "in force")
	soon(t, "in force", func() bool { return n.node.policy.Revision() == m[1] })
	eva.posts("/ui/policies", 200, url.Values{"step": {"rollback"}})
	soon(t, "rolled back", func() bool { return n.node.policy.Revision() == before })
	eva.posts("/ui/policies", 409, url.Values{"step": {"rollback"}}, "There is no revision to roll back to.")
	n.recorded("policy-write", "step=activate", "step=rollback", "step=submit", "step=test", "step=draft")
	n.recorded("policy-approve", "step=approve")
	n.recorded("policy-read", "list", "read="+m[1])
}

// A check in the editor keeps nothing, says where something is wrong, and what a test got.
func TestTheEditorSaysWhatIsWrong(t *testing.T) {
	n := startNode(t, t.TempDir())
	eva, _ := officers(n)
	files, err := policy.Files(packedBase(t))
	if err != nil {
		t.Fatal(err)
	}
	form := draftOf(files, "", map[string]string{"house.rego": "package aceso.access\n\nlate if input.noww\n"})
	form.Set("do", "check")
	page, _ := eva.posts("/ui/policies/new", 200, form, "The check does not pass.", `data-file="house.rego" data-line="3"`, "late if input.noww")
	if !regexp.MustCompile(`<a href="#text-\d+" data-file="house.rego"`).MatchString(page) {
		t.Errorf("no link to the field:\n%s", page)
	}
	form.Set("as", "json")
	eva.posts("/ui/policies/new", 200, form, `"passes":false`, `"file":"house.rego","line":3`)
	form = draftOf(files, "", map[string]string{
		"house.rego":      "package aceso.access\n",
		"house_test.rego": "package aceso.access_test\n\nimport data.aceso.access.decision\n\ntest_wrong if {\n\td := decision with input as {}\n\td.reason == \"local-permit\"\n}\n",
	})
	form.Set("do", "test")
	eva.posts("/ui/policies/new", 200, form, "1 failed", "test_wrong", `d.reason == &#34;local-permit&#34;`, "d.reason: &#34;role-unknown&#34;")
	if list := eva.page("/ui/policies", 200); strings.Count(list, `scope="row"`) != 1 {
		t.Errorf("something was kept:\n%s", list)
	}
	n.recorded("policy-write", "step=look", "step=look-test")
	form.Add("name", "house.rego")
	form.Add("text", "package aceso.access\n")
	eva.posts("/ui/policies/new", 400, form, "The form has two files of the same name.")
}

// A file can be left out; of very long files the page shows the first lines, and says so.
func TestThePageOfARevisionIsBounded(t *testing.T) {
	n := startNode(t, t.TempDir())
	eva, _ := officers(n)
	form := draftOf(map[string]string{"gone.rego": "package b\n"}, "long", map[string]string{"a.rego": "package a\n" + strings.Repeat("# a\n", 20_010)})
	form["gone"] = []string{"gone.rego"}
	page, _ := eva.posts("/ui/policies/new", 200, form, "11 more lines are not shown here.")
	if strings.Contains(page, "package b") {
		t.Error("a file that was left out is there")
	}
}

// Text, file names, reasons and organisations are text on every page, whatever is in them.
func TestPolicyPagesShowTextAsText(t *testing.T) {
	n := startNode(t, t.TempDir())
	eva, max := officers(n)
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	files, err := policy.Files(packedBase(t))
	if err != nil {
		t.Fatal(err)
	}
	form := draftOf(files, "why "+evil, map[string]string{
		"a<script>alert(1)<.rego": "package aceso.access\n\n# " + evil + "\n</textarea><script>alert(2)</script>",
	})
	form.Set("do", "check")
	pages := []string{first(eva.posts("/ui/policies/new", 200, form))}
	form = draftOf(files, "why "+evil, map[string]string{"a<script>alert(1)<.rego": "package aceso.access\n\n# " + evil + "\n"})
	body, at := eva.posts("/ui/policies/new", 200, form)
	pages = append(pages, body)
	for _, path := range []string{"/ui/policies", at, "/ui/policies/new?base=" + strings.TrimPrefix(at, "/ui/policies/")} {
		pages = append(pages, eva.page(path, 200, "&lt;script&gt;"))
	}
	pages = append(pages, first(max.posts(at, 422, url.Values{"step": {"canary"}, "organizations": {evil}})))
	pages = append(pages, eva.page("/ui/policies/%3Cscript%3E", 404))
	for _, page := range pages {
		page = strings.ReplaceAll(page, `<script src="/ui/editor.js"></script>`, "")
		if strings.Contains(page, "<script") || strings.Contains(page, "<img") {
			t.Errorf("markup of somebody:\n%s", page)
		}
	}
}

func first(a, _ string) string { return a }

// Nobody but an officer of the house sees the pages, or does a step; a form of another
// browser does nothing.
func TestPolicyPagesAreForTheOffice(t *testing.T) {
	n := startNode(t, t.TempDir())
	eva, max := officers(n)
	before := n.node.policy.Revision()
	doctor := visitorWith(n, n.as("practitioner", "TREAT"))
	guest := visitorWho(n, n.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Organization = "elsewhere" }), 403)
	for _, path := range []string{"/ui/policies", "/ui/policies/" + before, "/ui/policies/new"} {
		doctor.page(path, 403)
		guest.page(path, 403)
		(&visitor{n, http.Client{}}).page(path, 401, "Sign in")
	}
	if page := doctor.page("/ui/desk", 200); strings.Contains(page, "/ui/policies") {
		t.Errorf("it leads where she may not go:\n%s", page)
	}
	foreign := formOfPage.FindStringSubmatch(max.page("/ui/policies", 200))[1]
	for _, value := range []string{"", "guessed", foreign} {
		for path, form := range map[string]url.Values{"/ui/policies": {"step": {"rollback"}}, "/ui/policies/" + before: {"step": {"shadow"}}, "/ui/policies/new": restricted(t)} {
			form.Set("form", value)
			eva.postsAs(path, 403, form, "This form was not made for this browser")
		}
	}
	if list := eva.page("/ui/policies", 200); strings.Count(list, `scope="row"`) != 1 {
		t.Errorf("something was kept:\n%s", list)
	}
	own := formOfPage.FindStringSubmatch(doctor.page("/ui/desk", 200))[1]
	form := restricted(t)
	form.Set("form", own)
	doctor.postsAs("/ui/policies/new", 403, form)
}

// Only the page of the editor may run a script, and only the server's own.
func TestOnlyTheEditorRunsAScript(t *testing.T) {
	n := startNode(t, t.TempDir())
	eva, _ := officers(n)
	for path, want := range map[string]bool{"/ui/policies/new": true, "/ui/policies": false, "/ui/policies/" + n.node.policy.Revision(): false} {
		r, err := eva.Client.Get(n.Server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		csp := r.Header.Get("Content-Security-Policy")
		if strings.Contains(csp, "script-src 'self'; connect-src 'self'") != want || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", path, csp)
		}
	}
}
