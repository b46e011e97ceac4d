package policy

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const (
	openTest  = "package aceso.access_test\n\ntest_reads if data.aceso.access.decision.allow with input.action as \"r\"\n"
	wrongTest = "package aceso.access_test\n\ntest_refused if not data.aceso.access.decision.allow with input.action as \"r\"\n"
	errorTest = "package aceso.access_test\n\ntest_divides if 1 / count([]) > 0\n"
)

// A folder whose own tests fail is not put in force: not at the start, and not later.
func TestFailingTestsAreNotActivated(t *testing.T) {
	tested := func(text string) fstest.MapFS {
		return fstest.MapFS{"p.rego": {Data: []byte(openText)}, "p_test.rego": {Data: []byte(text)}}
	}
	for _, c := range []struct{ text, says string }{
		{wrongTest, "1 of 1 tests of the policies fail, the first is data.aceso.access_test.test_refused (p_test.rego:3)"},
		{openTest + strings.TrimPrefix(wrongTest, "package aceso.access_test"), "1 of 2 tests"},
		{errorTest, "divide by zero"},
		{"package aceso.access_test\n\ntest_x if input.nowhere", "undefined ref"},
	} {
		if _, err := New(t.Context(), tested(c.text), Options{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", c.text, err)
		}
		if err := Check(t.Context(), tested(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("check: %s: got %v", c.text, err)
		}
		e := newEngine(t, fstest.MapFS{"p.rego": {Data: []byte(shutText)}}, Options{})
		before := e.Revision()
		if err := e.Reload(t.Context(), tested(c.text)); err == nil || e.Problem() == nil || e.Revision() != before || allows(t, e) {
			t.Errorf("%s: in force: %v", c.text, err)
		}
	}
	todo := strings.Replace(wrongTest, "test_refused", "todo_test_refused", 1)
	for _, text := range []string{openTest, todo} {
		if e := newEngine(t, tested(text), Options{}); !allows(t, e) {
			t.Errorf("%s: not in force", text)
		}
	}
}

// The tests of a watched folder count, too, although they decide nothing: a change that
// breaks them is told, and mending them alone mends the folder.
func TestWatchRunsTests(t *testing.T) {
	e, dir, reloads := watched(t, Options{Settle: time.Millisecond, Poll: time.Millisecond})
	before := e.Revision()
	write(t, dir, "p_test.rego", openTest)
	if r := taken(reloads); r.revision != before {
		t.Errorf("told %+v", r)
	}
	write(t, dir, "p.rego", shutText)
	for r := range reloads { // a half-written file may be seen first
		if r.err != nil && strings.Contains(r.err.Error(), "test_reads") {
			break
		}
	}
	if !allows(t, e) || e.Problem() == nil {
		t.Errorf("problem %v", e.Problem())
	}
	write(t, dir, "p_test.rego", wrongTest)
	if r := taken(reloads); allows(t, e) || e.Problem() != nil || r.revision == before {
		t.Errorf("told %+v, problem %v", r, e.Problem())
	}
}

// A folder with other tests is another folder, though it decides the same.
func TestFoldersDifferByTheirTests(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "p.rego", openText)
	e := newEngine(t, os.DirFS(dir), Options{})
	before := e.look(t.Context(), dir, "")
	write(t, dir, "p_test.rego", wrongTest)
	if e.look(t.Context(), dir, before) == before || e.Problem() == nil {
		t.Errorf("a test that fails is not noticed: %v", e.Problem())
	}
}

// Failures to decide are counted, for as long as the policies are in force.
func TestFailuresAreCounted(t *testing.T) {
	failing := byDefault + "decision := " + permit + " if 1 / count(input.agent.patient) > 0"
	e := newEngine(t, folder(failing), Options{})
	for range 3 {
		if _, err := e.Decide(t.Context(), input()); err == nil {
			t.Fatal("decided")
		}
	}
	with := input()
	with.Agent.Patient = "Patient/1"
	for range 2 { // the second is remembered
		if _, err := e.Decide(t.Context(), with); err != nil {
			t.Fatal(err)
		}
	}
	if times, failed := e.Evaluated(); times != 4 || failed != 3 {
		t.Errorf("%d evaluated, %d failed", times, failed)
	}
	if err := e.Reload(t.Context(), Base()); err != nil {
		t.Fatal(err)
	}
	if times, failed := e.Evaluated(); times != 0 || failed != 0 {
		t.Errorf("new policies: %d evaluated, %d failed", times, failed)
	}
}
