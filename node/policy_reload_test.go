package node

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/policy"
)

// policyFolder is a folder with the built-in policies, without their tests: those hold
// what a test is going to change.
func policyFolder(t *testing.T) string {
	t.Helper()
	dir := testedFolder(t)
	tests, err := filepath.Glob(filepath.Join(dir, "*_test.rego"))
	if err != nil || len(tests) == 0 {
		t.Fatal("no tests of policies", err)
	}
	for _, file := range tests {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// testedFolder is a folder with the built-in policies and their tests.
func testedFolder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "policies")
	if err := os.CopyFS(dir, policy.Base()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// rewrite replaces text in a file.
func rewrite(t *testing.T, path, from, to string) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(old, []byte(from)) {
		t.Fatalf("%s has no %q", path, from)
	}
	if err := os.WriteFile(path, bytes.Replace(old, []byte(from), []byte(to), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}

// soon asks until the answer fits. How long that took is told, not judged; only a
// server that never gets there fails.
func soon(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if ask() {
			t.Logf("%s: after %v", what, time.Since(begin).Round(10*time.Millisecond))
			return
		}
	}
	t.Fatalf("%s: never", what)
}

// revision is the policy revision in the record of an answer.
func (n *testNode) revision(r response) string {
	n.T.Helper()
	extensions, _ := n.auditEvent(r)["extension"].([]any)
	for _, e := range extensions {
		m := e.(map[string]any)
		if url, _ := m["url"].(string); strings.HasSuffix(url, "/policy-revision") {
			return m["valueString"].(string)
		}
	}
	n.T.Fatalf("the AuditEvent of %s has no policy revision", r.What)
	return ""
}

func (n *testNode) readiness() (status int, words string) {
	n.T.Helper()
	r, err := n.Client.Get(n.Server.URL + "/readyz")
	if err != nil {
		n.T.Fatal(err)
	}
	defer r.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(r.Body)
	return r.StatusCode, b.String()
}

// A change of the policy folder is in force without a restart, and every record says
// under which policies it was decided. A folder that does not compile changes nothing
// but readiness.
func TestPoliciesAreReloaded(t *testing.T) {
	dir := policyFolder(t)
	n := startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.Policies = dir })
	twoPatients(n)
	researcher, doctor := n.as("practitioner", "HRESCH"), n.as("practitioner", "TREAT")
	first := researcher.Get("/Patient/p1").Want(http.StatusOK)
	old := n.revision(first)
	if old != n.node.policy.Revision() || old == "" {
		t.Errorf("the record names revision %q, in force is %q", old, n.node.policy.Revision())
	}

	// Research is refused for everybody.
	const permit, refuse = `permit("research-needs-consent", "permits", outsider_rows) if purpose`, `deny("purpose-not-allowed") if purpose`
	file := filepath.Join(dir, "clinician.rego")
	rewrite(t, file, permit, refuse)
	var refused response
	soon(t, "research is refused", func() bool { refused = researcher.Get("/Patient/p1"); return refused.Status == http.StatusForbidden })
	doctor.Get("/Patient/p1").Want(http.StatusOK)
	changed := n.revision(refused)
	if changed == old || changed != n.node.policy.Revision() {
		t.Errorf("the refusal is recorded under %q, after %q", changed, old)
	}
	if n.revision(first) != old {
		t.Error("the record from before names another revision now")
	}
	if status, words := n.readiness(); status != http.StatusOK {
		t.Errorf("readyz: %d %s", status, words)
	}

	// A broken file: the policies before it stay in force, and the node says so.
	rewrite(t, file, "package aceso.access", "package aceso.access\n\nclinician := {")
	soon(t, "the node is not ready", func() bool { status, _ := n.readiness(); return status == http.StatusServiceUnavailable })
	if _, words := n.readiness(); !strings.Contains(words, "policy folder does not compile") || strings.Contains(words, dir) {
		t.Errorf("readyz says %q", words)
	}
	researcher.Get("/Patient/p1").Want(http.StatusForbidden)
	if r := doctor.Get("/Patient/p1").Want(http.StatusOK); n.revision(r) != changed {
		t.Errorf("a broken folder changed the revision to %q", n.revision(r))
	}

	// Repaired and back to the beginning: the same policies have the same revision.
	rewrite(t, file, "package aceso.access\n\nclinician := {", "package aceso.access")
	rewrite(t, file, refuse, permit)
	soon(t, "the node is ready", func() bool { status, _ := n.readiness(); return status == http.StatusOK })
	soon(t, "research is allowed", func() bool { return researcher.Get("/Patient/p1").Status == http.StatusOK })
	if r := researcher.Get("/Patient/p1").Want(http.StatusOK); n.revision(r) != old {
		t.Errorf("the first policies again have revision %q, not %q", n.revision(r), old)
	}
}

// A folder whose own tests fail is not put in force: the policies before it stay, and the
// node says so. With such a folder no node starts.
func TestPoliciesWhoseTestsFailAreNotActivated(t *testing.T) {
	dir := testedFolder(t)
	n := startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.Policies = dir })
	twoPatients(n)
	before := n.node.policy.Revision()
	rewrite(t, filepath.Join(dir, "clinician.rego"), `deny("type-not-allowed") if input.type == "AuditEvent"`, `permit("own-treatment", "none", launch_rows) if input.type == "AuditEvent"`)
	soon(t, "the node is not ready", func() bool { status, _ := n.readiness(); return status == http.StatusServiceUnavailable })
	if _, words := n.readiness(); !strings.Contains(words, "fails its tests") {
		t.Errorf("readyz says %q", words)
	}
	if n.node.policy.Revision() != before {
		t.Error("policies whose tests fail are in force")
	}
	n.as("practitioner", "TREAT").Get("/AuditEvent").Want(http.StatusForbidden)
	wantNoStart(t, dir, "tests of the policies fail, the first is data.aceso.access_test.")
}

// wantNoStart wants a node to refuse a policy folder, in words that name folder and flag.
func wantNoStart(t *testing.T, dir, says string) {
	t.Helper()
	data, err := CreateFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), data, Options{Organization: "hospital", Name: "n1", BaseURL: "http://127.0.0.1/fhir", Policies: dir, Log: quiet()})
	if err == nil {
		_ = n.Close()
	}
	for _, words := range []string{says, "--policies", dir} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("start: %v, want words of %q", err, words)
		}
	}
}

// A folder that is not there is said to be so.
func TestPolicyFolderThatIsMissing(t *testing.T) {
	wantNoStart(t, filepath.Join(t.TempDir(), "nothere"), "there is no folder ")
}

// Policies that fail to decide refuse; readiness and metrics tell it.
func TestPoliciesThatFailToDecideAreTold(t *testing.T) {
	dir := policyFolder(t)
	rewrite(t, filepath.Join(dir, "clinician.rego"), `deny("scope-missing") if not scoped`, `deny("scope-missing") if 1 / count(input.agent.patient) < 0`)
	n := startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.Policies = dir })
	if status, words := n.readiness(); status != http.StatusOK || strings.Contains(words, "failed to decide") {
		t.Fatalf("readyz: %d %s", status, words)
	}
	n.as("practitioner", "TREAT").Get("/Patient/p1").Want(http.StatusForbidden)
	soon(t, "the node is not ready", func() bool { status, _ := n.readiness(); return status == http.StatusServiceUnavailable })
	a, err := n.Client.Do(mustRequest(t, n, n.as("administrator", "HOPERAT")))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if text, _ := io.ReadAll(a.Body); !bytes.Contains(text, []byte("aceso_policy_failures_total 1")) {
		t.Errorf("metrics: %d %s", a.StatusCode, text)
	}
}

// Rules can come in files of their own, and take effect for the roles they name.
func TestPolicyFileIsAdded(t *testing.T) {
	dir := policyFolder(t)
	n := startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.Policies = dir })
	twoPatients(n)
	doctor := n.as("practitioner", "TREAT")
	doctor.Get("/Patient/p1").Want(http.StatusOK)
	rule := "package aceso.access\n\nnobody := deny(\"purpose-not-allowed\") if input.type == \"Patient\"\n"
	if err := os.WriteFile(filepath.Join(dir, "closed.rego"), []byte(rule), 0o600); err != nil {
		t.Fatal(err)
	}
	rewrite(t, filepath.Join(dir, "decision.rego"), `decision := clinician if input.agent.role == "practitioner"`,
		"decision := nobody if {\n\tinput.agent.role == \"practitioner\"\n\tinput.type == \"Patient\"\n}\n\ndecision := clinician if {\n\tinput.agent.role == \"practitioner\"\n\tinput.type != \"Patient\"\n}")
	soon(t, "Patients are closed", func() bool { return doctor.Get("/Patient/p1").Status == http.StatusForbidden })
	doctor.Get("/Observation/o-p1").Want(http.StatusOK)
}
