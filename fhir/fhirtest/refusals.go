package fhirtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Refusals matches each sentence of docs/refusals.md, and nothing else.
func Refusals(t testing.TB) *regexp.Regexp {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "refusals.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(page)) {
		cells := strings.SplitN(strings.TrimSuffix(strings.TrimSpace(line), " |"), " | ", 2)
		if len(cells) < 2 || !strings.HasPrefix(cells[0], "| ") {
			continue
		}
		sentence := strings.NewReplacer(`\|`, "|", "&lt;", "<", `\[`, "[").Replace(cells[1])
		all = append(all, strings.ReplaceAll(regexp.QuoteMeta(sentence), "…", "(?s:.*)"))
	}
	return regexp.MustCompile("^(?:" + strings.Join(all, "|") + ")$")
}
