package consent

import (
	"os"
	"strings"
	"testing"
)

// The worked examples of docs/consent.md: each JSON block is a root provision, each
// row of the table after it a request and its verdict.
func TestDocumentedExamples(t *testing.T) {
	page, err := os.ReadFile("../docs/consent.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```json\n")[1:]
	rows := 0
	for _, b := range blocks {
		provision, after, _ := strings.Cut(b, "```")
		rules := mustCompile(t, `"status":"active","scope":<privacy>,"provision":`+provision)
		for line := range strings.Lines(after) {
			cell := strings.Split(line, " | ")
			if len(cell) != 4 || !strings.HasPrefix(line, "| Organization/") {
				continue
			}
			rows++
			f := observation()
			f.Type = cell[2]
			want := strings.TrimSuffix(strings.TrimSpace(cell[3]), " |")
			purpose, _, declared := strings.Cut(cell[1], ", declared")
			s := asker(purpose, strings.TrimPrefix(cell[0], "| "))
			s.BreakGlass = declared
			if got, _, _ := Evaluate(rules, s, f); got.String() != want {
				t.Errorf("%s: %v", strings.TrimSpace(line), got)
			}
		}
	}
	if len(blocks) != 5 || rows != 16 {
		t.Errorf("%d examples with %d rows", len(blocks), rows)
	}
}
