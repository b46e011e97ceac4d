package web_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/web"
)

// Highlighting neither loses nor adds a letter, whatever the text.
func TestHighlightedTextIsTheText(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const letters = "ab\"`#\\1.: \n\tinput if<>é"
	for range 3000 {
		var text strings.Builder
		for range r.IntN(60) {
			text.WriteByte(letters[r.IntN(len(letters))])
		}
		var lines []string
		for _, pieces := range web.Rego(text.String()) {
			var line strings.Builder
			for _, p := range pieces {
				line.WriteString(p.Text)
			}
			lines = append(lines, line.String())
		}
		if got := strings.Join(lines, "\n"); got != strings.TrimSuffix(text.String(), "\n") {
			t.Fatalf("%q became %q", text.String(), got)
		}
	}
}

func TestHighlightingKnowsTheWords(t *testing.T) {
	lines := web.Rego("x := `if\nelse` if { input.purpose == \"a # \\\" b\" } # if 1\n")
	var all []string
	for _, pieces := range lines {
		for _, p := range pieces {
			if p.Kind != "" {
				all = append(all, p.Kind+" "+p.Text)
			}
		}
	}
	want := "string `if|string else`|keyword if|name input|string \"a # \\\" b\"|comment # if 1"
	if got := strings.Join(all, "|"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// A difference leads from one text to the other, and leaves out only what both have.
func TestADifferenceLeadsFromOneTextToTheOther(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		before, after := someLines(r), someLines(r)
		i, j := 0, 0
		for _, c := range web.Diff(before, after) {
			switch c.Op {
			case "gap":
				for range c.Gap {
					if before[i] != after[j] {
						t.Fatalf("%q %q: a gap hides a change", before, after)
					}
					i, j = i+1, j+1
				}
				continue
			case "-", "=":
				if i++; c.Old != i || c.Text != before[i-1] {
					t.Fatalf("%q %q: %+v", before, after, c)
				}
			}
			if c.Op != "-" {
				if j++; c.New != j || c.Text != after[j-1] {
					t.Fatalf("%q %q: %+v", before, after, c)
				}
			}
		}
		if i != len(before) || j != len(after) {
			t.Fatalf("%q %q: it ends at %d and %d", before, after, i, j)
		}
	}
}

// A small change of a long text is a small difference; texts without a common line are shown
// one after the other, at a bounded cost.
func TestADifferenceIsSmall(t *testing.T) {
	before := make([]string, 5000)
	for i := range before {
		before[i] = string(rune('a' + i%26))
	}
	after := append(append(append([]string{}, before[:2000]...), "new"), before[2001:]...)
	if d := web.Diff(before, after); len(d) != 2+1+2*3+1 {
		t.Errorf("%d lines: %+v", len(d), d)
	}
	var one, other []string
	for i := range 1000 {
		one = append(one, fmt.Sprint("same", i), fmt.Sprint("old", i))
		other = append(other, fmt.Sprint("same", i), fmt.Sprint("new", i))
	}
	alike := 0
	for _, c := range web.Diff(one, other) {
		if c.Op == "=" {
			alike++
		}
	}
	if alike > 1 { // the first line
		t.Errorf("%d lines of a long way are found alike", alike)
	}
}

func someLines(r *rand.Rand) (lines []string) {
	for range r.IntN(20) {
		lines = append(lines, string(rune('a'+r.IntN(3))))
	}
	return lines
}
