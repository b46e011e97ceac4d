package web_test

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/web"
)

func pages(t *testing.T) *web.Pages {
	t.Helper()
	p, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// proof has so many levels, with siblings now on one side, now on the other.
func proof(levels int, anchor *web.Anchor) web.Proof {
	p := web.Proof{
		AuditEvent: "n1.accesses.0.17", Source: "hospital/n1/accesses.0", Seq: 17, Size: 1 << min(levels, 50),
		Facts: []web.Fact{{Name: "Purpose", Value: "TREAT"}}, Checkpoint: "the note", Anchor: anchor,
	}
	for i := range levels {
		p.Path = append(p.Path, web.Step{
			Sibling: sha256.Sum256([]byte{byte(i)}), Left: i%3 == 0, BesideFrom: 1 << min(i, 50), BesideTo: 2 << min(i, 50),
			Node: sha256.Sum256([]byte{byte(i), 1}), BelowTo: 2 << min(i, 50),
		})
	}
	if levels > 0 {
		p.Root = p.Path[levels-1].Node
	}
	return p
}

var anchored = &web.Anchor{Size: 20, Channel: "records", Transaction: strings.Repeat("ab", 32), Block: 7, BlockHash: strings.Repeat("cd", 32), Endorsements: 2}

// Nothing of a picture overlaps or leaves it, however deep the tree is.
func TestPictureIsTidy(t *testing.T) {
	for levels := range 54 {
		d := proof(levels, anchored).Picture()
		for i, b := range d.Boxes {
			if b.X < 0 || b.Y < 0 || b.X+b.W > d.Width || b.Y+b.H > d.Height {
				t.Errorf("%d levels: %+v is outside of %dx%d", levels, b, d.Width, d.Height)
			}
			for _, c := range d.Boxes[:i] {
				if b.X < c.X+c.W && c.X < b.X+b.W && b.Y < c.Y+c.H && c.Y < b.Y+b.H {
					t.Errorf("%d levels: %+v overlaps %+v", levels, b, c)
				}
			}
		}
		if boxes, lines := 2*levels+4, 2*levels+3; len(d.Boxes) != boxes || len(d.Lines) != lines {
			t.Errorf("%d levels: %d boxes, %d lines", levels, len(d.Boxes), len(d.Lines))
		}
	}
}

// The picture and the table say the same, hash by hash.
func TestProofPageIsComplete(t *testing.T) {
	p := proof(5, anchored)
	body, err := pages(t).Proof(p)
	if err != nil {
		t.Fatal(err)
	}
	svg, table, _ := strings.Cut(string(body), "</svg>")
	hashes := []string{fmt.Sprintf("%x", p.Leaf), anchored.BlockHash}
	for _, s := range p.Path {
		hashes = append(hashes, fmt.Sprintf("%x", s.Sibling), fmt.Sprintf("%x", s.Node))
	}
	for _, h := range hashes {
		if !strings.Contains(svg, h) || !strings.Contains(table, h) {
			t.Errorf("%s: in the picture %v, in the table %v", h, strings.Contains(svg, h), strings.Contains(table, h))
		}
	}
	for _, part := range []string{`role="img" aria-labelledby="picture-title picture-text"`, `<title id="picture-title">`, `<desc id="picture-text">`, "gives the root", "block 7", "2 peers signed", anchored.Transaction} {
		if !strings.Contains(string(body), part) {
			t.Errorf("no %s", part)
		}
	}
}

// The words and the picture say how far the record has come, and no more.
func TestProofPageWithoutBlock(t *testing.T) {
	waits, noted := proof(5, nil), *anchored
	waits.Waits, noted.BlockHash, noted.Endorsements = true, "", 0
	for name, c := range map[string]struct {
		page   web.Proof
		has    []string
		hasNot []string
	}{
		"waits":            {waits, []string{">checkpointed, not anchored yet<", `box absent`, ">not anchored yet<"}, []string{"box block", "state good"}},
		"alone":            {proof(0, nil), []string{">checkpointed<", "leaf, the root", ">none in this proof<"}, []string{"anchored yet", "box block"}},
		"without evidence": {proof(5, &noted), []string{">anchored, without evidence<", "block 7 of records", "no evidence now", "box absent"}, []string{"box block", "state good", "endorsed by"}},
	} {
		body, err := pages(t).Proof(c.page)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range c.has {
			if !strings.Contains(string(body), part) {
				t.Errorf("%s: no %s", name, part)
			}
		}
		for _, part := range c.hasNot {
			if strings.Contains(string(body), part) {
				t.Errorf("%s: says %s", name, part)
			}
		}
	}
}

// Every page is well-formed; a missing end tag could swallow what follows.
func TestPagesAreWellFormed(t *testing.T) {
	p, frame := pages(t), web.Frame{Title: "T", Who: "W", SignOut: "S", Receipts: []string{"R"}}
	for name, render := range map[string]func() ([]byte, error){
		"sign in": func() ([]byte, error) { return p.SignIn(web.SignIn{Frame: frame, Form: "F", Problem: "P"}) },
		"problem": func() ([]byte, error) { return p.Problem(web.Problem{Frame: frame, Status: 404, Detail: "D"}) },
		"ledger": func() ([]byte, error) {
			return p.Ledger(web.Ledger{Frame: frame, Organization: "o", Node: "n", At: time.Now(), Sources: []web.Source{{Name: "a", Local: true, Newest: "x", Alarm: "A"}, {Name: "b", Anchor: anchored, Waiting: 3}}})
		},
		"proof": func() ([]byte, error) {
			p2 := proof(3, anchored)
			p2.Frame, p2.Receipt = frame, "r"
			return p.Proof(p2)
		},
	} {
		body, err := render()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if what := unbalanced(string(body)); what != "" {
			t.Errorf("%s: %s\n%s", name, what, body)
		}
	}
	for _, broken := range []string{"<p>", "</p>", "<b><i></b></i>", "<svg><g></svg>"} {
		if unbalanced(broken) == "" {
			t.Errorf("%s passes", broken)
		}
	}
}

var tag = regexp.MustCompile(`<(/?)([a-z0-9]+)[^>]*?(/?)>`)

// unbalanced says which element is not closed where it should be.
func unbalanced(page string) string {
	var open []string
	for _, m := range tag.FindAllStringSubmatch(page, -1) {
		end, name := m[1] != "", m[2]
		switch {
		case m[3] != "" || slices.Contains([]string{"meta", "link", "input", "br", "wbr"}, name):
		case !end:
			open = append(open, name)
		case len(open) == 0 || open[len(open)-1] != name:
			return fmt.Sprintf("</%s> within %q", name, open)
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return fmt.Sprintf("%q stay open", open)
	}
	return ""
}
