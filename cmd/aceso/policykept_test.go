package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/policy"
)

// What would end a server that checks it in its own process ends the trial alone: 20,000 else
// lines, tests that compute for ever, and a second entry point are problems in words.
func TestHostileDraftsAreTold(t *testing.T) {
	program, err := exec.LookPath("aceso")
	if err != nil {
		t.Fatal(err)
	}
	base, err := policy.Files(packedBase(t))
	if err != nil {
		t.Fatal(err)
	}
	with := func(name, text string) []byte {
		files := map[string]string{}
		for k, v := range base {
			if !strings.HasSuffix(k, "_test.rego") {
				files[k] = v
			}
		}
		files[name] = text
		_, archive, err := policy.PackFiles(files)
		if err != nil {
			t.Fatal(err)
		}
		return archive
	}
	try := node.TryApart(program, trialCommand)
	if fine := try(t.Context(), with("extra.rego", "package aceso.extra\n\nvalue := 1\n"), true); fine.Problem != "" || !fine.Tested {
		t.Fatalf("%+v", fine)
	}
	var long strings.Builder
	long.WriteString("package aceso.long\n\nvalue := 0 if input.type == \"0\"\n")
	for range 20000 {
		long.WriteString("\nelse := 1 if input.type == \"x\"\n")
	}
	for name, archive := range map[string][]byte{
		"entry point": with("second.rego", "package aceso.access\n\ndefault decision := {\"allow\": true, \"reason\": \"own-treatment\"}\n"),
		"in the data": with("aceso/access/data.json", `{"decision": {"allow": true}}`),
		"no archive":  []byte("x"),
	} {
		if found := try(t.Context(), archive, true); found.Problem == "" {
			t.Errorf("%s: %+v", name, found)
		}
	}
	t.Logf("20,000 else lines: %.120s", try(t.Context(), with("long.rego", long.String()), true).Problem)
}

func packedBase(t *testing.T) []byte {
	t.Helper()
	_, archive, err := policy.Pack(policy.Base())
	if err != nil {
		t.Fatal(err)
	}
	return archive
}
