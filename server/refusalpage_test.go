package server_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// refusalPage has the sentences of docs/refusals.md as patterns.
var refusalPage = sync.OnceValues(func() (*regexp.Regexp, error) {
	page, err := os.ReadFile("../docs/refusals.md")
	if err != nil {
		return nil, err
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
	return regexp.Compile("^(?:" + strings.Join(all, "|") + ")$")
})

// wantNamed checks that the page of refusals names a sentence.
func wantNamed(t *testing.T, sentence string) {
	t.Helper()
	page, err := refusalPage()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains([]string{"A sentence.", "A bearer token is needed.", "All OK"}, sentence) && !page.MatchString(sentence) { // of fakes, and no refusal
		t.Errorf("docs/refusals.md does not name %q", sentence)
	}
}
