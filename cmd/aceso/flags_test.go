package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestAnchorFlags(t *testing.T) {
	for says, flags := range map[string][]string{
		"neither local nor fabric:PROFILE": {"--ledger", "ethereum:x"},
		"neither local nor":                {"--ledger", "fabric:"},
		"neither":                          {"--ledger", "fabric"},
		"must be 1 to 10000":               {"--anchor-most", "10001"},
		"must not be negative":             {"--anchor-warn", "-1s"},
		"must be a MongoDB connection":     {"--store", "postgres://h1/x"},
	} {
		var out bytes.Buffer
		if code := run(append([]string{"serve", "--data", t.TempDir()}, flags...), &out, &out); code != exitUsage || !strings.Contains(out.String(), says) {
			t.Errorf("%q: exit %d, want %q\n%s", flags, code, says, out.String())
		}
	}
	for _, args := range [][]string{{}, {"--profile", "x"}, {"sources"}, {"--profile", "x", "report-fork"}, {"--profile", "x", "sources", "more"}} {
		var out bytes.Buffer
		if code := run(append([]string{"ledger"}, args...), &out, &out); code != exitUsage {
			t.Errorf("ledger %q: exit %d\n%s", args, code, out.String())
		}
	}
}
