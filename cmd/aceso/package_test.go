package main

import (
	"bytes"
	"strings"
	"testing"
)

// packages runs `aceso package` in this process.
func packages(args ...string) (code int, out string) {
	var all bytes.Buffer
	code = run(append([]string{"package"}, args...), &all, &all)
	return code, all.String()
}

// Packages are added, listed and removed while the server runs.
func TestPackages(t *testing.T) {
	dir := t.TempDir()
	startChild(t, dir)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"list", "--data", dir}, exitOK, ""},
		{[]string{"add", "../../fhir/validate/testdata/ips.tgz", "--data", dir}, exitOK, "added hl7.fhir.uv.ips#2.0.0\nnot here: hl7.fhir.uv.extensions.r4#5.2.0"},
		{[]string{"list", "--data", dir}, exitOK, "hl7.fhir.uv.ips#2.0.0"},
		{[]string{"remove", "hl7.fhir.uv.ips", "--data", dir}, exitOK, ""},
		{[]string{"remove", "hl7.fhir.uv.ips", "--data", dir}, exitFailed, "there is no package"},
		{[]string{"add", "package.go", "--data", dir}, exitFailed, "read package"},
		{[]string{"add", "nothere", "--data", dir}, exitFailed, "nothere"},
		{[]string{"add", "testdata", "--data", dir}, exitFailed, "has no packages"},
		{[]string{"list", "--data", dir + "/none"}, exitFailed, "there is no data folder"},
		{[]string{"list", "--data", dir, "--store", "file:x"}, exitUsage, "connection string"},
		{nil, exitUsage, "usage: aceso package"},
		{[]string{"add"}, exitUsage, "usage: aceso package"},
	} {
		if code, out := packages(c.args...); code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%q: exit %d, %s", c.args, code, out)
		}
	}
	if code, out := runs("serve", "--data", dir, "--validate", "much"); code != exitUsage || !strings.Contains(out, "off, structure, base, profiles") {
		t.Errorf("exit %d, %s", code, out)
	}
}

func runs(args ...string) (code int, out string) {
	var all bytes.Buffer
	code = run(args, &all, &all)
	return code, all.String()
}
