package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func runPolicy(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = policyCommand(args, &out, &errs)
	return code, out.String(), errs.String()
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(old, text...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A privacy officer's round: start from the built-in policies, break things, be told.
func TestPolicyCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "policies")
	steps := []struct {
		name   string
		before func()
		args   []string
		code   int
		says   string
	}{
		{"init", nil, []string{"init", dir}, exitOK, "built-in policies"},
		{"init again", nil, []string{"init", dir}, exitFailed, "never overwritten"},
		{"check", nil, []string{"check", dir}, exitOK, "ok, revision"},
		{"test", nil, []string{"test", "-coverage", "100", dir}, exitOK, "0 failed; 100.0 %"},
		{"fmt", nil, []string{"fmt", dir}, exitOK, ""},
		{"not formatted", func() { appendTo(t, filepath.Join(dir, "request.rego"), "\n\nnight   if input.now > \"2\"\n") },
			[]string{"fmt", dir}, exitFailed, "request.rego"},
		{"fmt writes", nil, []string{"fmt", "-w", dir}, exitOK, "request.rego"},
		{"formatted", nil, []string{"fmt", dir}, exitOK, ""},
		{"not covered", nil, []string{"test", "-v", "-coverage", "100", dir}, exitFailed, "not evaluated: request.rego"},
		{"failing test", func() {
			appendTo(t, filepath.Join(dir, "office_test.rego"), "\ntest_wrong if decision.allow with input as request\n\ntest_odd if decision.allow == false with input as request\n")
		},
			[]string{"test", dir}, exitFailed, "FAIL  data.aceso.access_test.test_odd"},
		{"check runs tests", nil, []string{"check", dir}, exitFailed, "the first is data.aceso.access_test.test_odd (office_test.rego:"},
		{"mistyped", func() { appendTo(t, filepath.Join(dir, "request.rego"), "\nlate if not input.noww\n") },
			[]string{"check", dir}, exitFailed, "request.rego:"},
		{"mistyped tests", nil, []string{"test", dir}, exitFailed, "input.noww"},
		{"no folder", nil, []string{"check", dir + "x"}, exitFailed, "there is no folder " + dir + "x"},
		{"no arguments", nil, nil, exitUsage, "usage"},
		{"unknown", nil, []string{"applaud", dir}, exitUsage, "applaud"},
	}
	for _, s := range steps {
		if s.before != nil {
			s.before()
		}
		code, stdout, stderr := runPolicy(s.args...)
		if code != s.code || !strings.Contains(stdout+stderr, s.says) {
			t.Fatalf("%s: exit %d, want %d\n%s%s", s.name, code, s.code, stdout, stderr)
		}
	}
}
