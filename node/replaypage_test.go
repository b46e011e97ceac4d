package node

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/policy"
)

var testOfPage = regexp.MustCompile(`name="test" value="([^"]*)"`)

// An officer sees on the page of the impact what past requests would have got, and keeps one
// of them as a test with one form; what cannot be is said there.
func TestPastRequestsAreDecidedAgainOnThePage(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	for range 3 {
		n.as("practitioner", "TREAT", func(g *Grant) { g.Subject = "Practitioner/<b>x" }).Get("/Patient/p1").Want(200)
	}
	n.journaled()
	eva, max := officers(n)
	hash := n.drafted(builtIn(t, "decision.rego", `decision := clinician if input.agent.role == "practitioner"`, `decision := {"allow": false, "reason": "role-unknown"} if input.agent.role == "practitioner"`), "No practitioners")
	at := "/ui/policies/" + hash
	if page := eva.page(at+"/impact", 200, "Decide past requests again"); strings.Contains(page, "Records read") {
		t.Error("a page that nobody asked for it decides past requests again")
	}
	page, _ := eva.posts(at+"/impact", 200, url.Values{"step": {"replay"}}, "3 of ", "3 that were permitted are refused", "By role", "By person", "refused: role-unknown",
		"permitted: own-treatment", "Erased", "Not known", "root <code>", "proof</a> verified", "Keep as a test", "Practitioner/&lt;b&gt;x", "differs: allow, reason")
	if strings.Contains(page, "<b>x") {
		t.Error("what a record says is markup")
	}
	n.recorded("audit-search", "replay="+hash)
	m := testOfPage.FindStringSubmatch(page)
	if m == nil {
		t.Fatal("no example has a test")
	}
	keep := url.Values{"step": {"keep"}, "test": {strings.ReplaceAll(html.UnescapeString(m[1]), "\n", "\r\n")}}
	if _, to := eva.posts(at+"/impact", 200, keep, "test_recorded_", "No practitioners", "draft"); to != at {
		t.Errorf("kept at %s", to)
	}
	eva.posts(at+"/impact", 409, keep, `role="alert"`, "The revision has this record as a test already.")
	eva.posts(at, 200, url.Values{"step": {"test"}}, "0 tests passed, 1 failed")
	same := builtIn(t, "decision.rego", "# The decision", "# A decision")
	same["recorded_test.rego"] = html.UnescapeString(m[1])
	eva.posts("/ui/policies/"+n.drafted(same, "as then"), 200, url.Values{"step": {"test"}}, "1 tests passed, 0 failed")
	eva.posts(at+"/impact", 400, url.Values{"step": {"keep"}, "test": {"package x"}}, "not well-formed")
	eva.posts(at+"/impact", 400, url.Values{"step": {"other"}}, "not well-formed")
	for _, step := range []string{"replay", "keep"} {
		eva.postsAs(at+"/impact", 403, url.Values{"step": {step}, "test": keep["test"]}, "not made for this browser")
	}
	wrong := n.drafted(builtIn(t, "decision.rego", "default decision", "default default decision"), "wrong")
	max.posts("/ui/policies/"+wrong+"/impact", 409, url.Values{"step": {"replay"}}, `role="alert"`, "has not passed its check", "Decide past requests again")
	nurse := visitorWith(n, n.as("practitioner", "TREAT"))
	for _, step := range []string{"replay", "keep"} {
		own := formOfPage.FindStringSubmatch(nurse.page("/ui/desk", 200))
		nurse.postsAs(at+"/impact", http.StatusForbidden, url.Values{"step": {step}, "test": keep["test"], "form": own[1:]}, "Only a privacy officer")
	}
}

// A revision that was submitted takes no test, which is said where it was tried; one that
// takes it comes from where it came from.
func TestWhatWasSubmittedTakesNoTestOfThePast(t *testing.T) {
	n := startNode(t, t.TempDir())
	eva, _ := officers(n)
	files, err := policy.Files(packedBase(t))
	if err != nil {
		t.Fatal(err)
	}
	base := n.node.policy.Revision()
	files["decision.rego"] += "\n# A word.\nword := true\n"
	form := draftOf(files, "A word", nil)
	form.Set("base", base)
	_, at := eva.posts("/ui/policies/new", 200, form)
	test := func(name string) url.Values {
		return url.Values{"step": {"keep"}, "test": {"package aceso.access_test\n\ntest_recorded_" + name + " if {\n\ttrue\n}\n"}}
	}
	eva.posts(at+"/impact", 200, test("a"), "test_recorded_a", "A word", `made from <a href="/ui/policies/`+base)
	for _, step := range []string{"test", "submit"} {
		eva.posts(at, 200, url.Values{"step": {step}})
	}
	eva.posts(at+"/impact", 409, test("b"), `role="alert"`, "which was submitted. Withdraw it")
}
