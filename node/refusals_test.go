package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// TestRefusalsAreSent sends what testdata/refusals has for the sentences of docs/refusals.md,
// each file to a node of its own, which has the rule of the policy beside it if there is one, and
// compares status and sentence. That none is missing is held by
// TestEachRefusalIsSent.
//
// A block of lines is a request: the sentences that refuse it, each after its status (and that of
// the page, if it is another one), then method and path, headers and the body. Without a
// sentence it must succeed. "as" and "save" are those of the scripts in testdata/http;
// ${NAME} is what was saved, ⟪N*TEXT⟫ is TEXT N times, with the number of each for §, and
// \xHH a byte.
func TestRefusalsAreSent(t *testing.T) {
	files, err := filepath.Glob("testdata/refusals/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no refusals: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			house := func(_ *Node, o *Options) {
				if rule, err := os.ReadFile(strings.TrimSuffix(name, "txt") + "rego"); err == nil {
					o.Policies = houseFolder(t, string(rule))
				}
			}
			d := &dialog{conversation: conversation{node: startNode(t, t.TempDir(), house)}, saved: map[string]string{}, page: fhirtest.Refusals(t)}
			for _, block := range strings.Split(string(text), "\n\n") {
				if err := d.run(block); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// dialog is a conversation that is read from blocks of lines.
type dialog struct {
	conversation
	saved map[string]string
	page  *regexp.Regexp // of all sentences
}

// numberedOperation stands before what is wrong with an operation of a patch.
var numberedOperation = regexp.MustCompile(`^Operation \d+ of the patch: `)

var (
	refusalLine = regexp.MustCompile(`^(\d{3})(?:/(?:\d{3}|…))? (.*)$`)
	requestLine = regexp.MustCompile(`^(GET|HEAD|POST|PUT|PATCH|DELETE|TRACE) (\S+)$`)
	headerLine  = regexp.MustCompile(`^([A-Z][A-Za-z-]+): ?(.*)$`)
	multiple    = regexp.MustCompile(`⟪(\d+)\*([^⟪⟫]*)⟫`)
)

func (d *dialog) run(block string) error {
	var refusals [][]string
	lines := strings.Split(strings.TrimRight(block, "\n"), "\n")
	for i, line := range lines {
		words := strings.Fields(line)
		switch m := refusalLine.FindStringSubmatch(line); {
		case m != nil:
			refusals = append(refusals, m[1:])
		case requestLine.MatchString(d.expand(line)):
			return d.request(d.expand(line), lines[i+1:], refusals)
		case len(words) > 2 && words[0] == "as" || line == "as nobody":
			if err := d.as(nil, words[1:]); err != nil {
				return err
			}
		case len(words) > 2 && words[0] == "save":
			if err := d.keep(words[1:]); err != nil {
				return err
			}
		case line != "" && !strings.HasPrefix(line, "#"):
			return fmt.Errorf("no request: %s", line)
		}
	}
	return nil
}

// keep is the command save.
func (d *dialog) keep(words []string) error {
	text, err := d.part(append(words[1:], "")[:2])
	if err == nil && len(words) > 3 {
		if m := regexp.MustCompile(words[3]).FindStringSubmatch(text); m != nil {
			text = m[len(m)-1]
		}
	}
	if text == "" {
		return fmt.Errorf("nothing to save: %s", d.answer.Body)
	}
	d.saved[words[0]] = text
	return err
}

func (d *dialog) expand(text string) string {
	text = variable.ReplaceAllStringFunc(text, func(v string) string { return d.saved[v[2:len(v)-1]] })
	for multiple.MatchString(text) {
		text = multiple.ReplaceAllStringFunc(text, repetition)
	}
	return octet.ReplaceAllStringFunc(text, func(x string) string {
		n, _ := strconv.ParseUint(x[2:], 16, 8)
		return string([]byte{byte(n)})
	})
}

// repetition is what ⟪N*TEXT⟫ stands for.
func repetition(written string) string {
	m := multiple.FindStringSubmatch(written)
	n, _ := strconv.Atoi(m[1])
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(m[2], "§", strconv.Itoa(i)))
	}
	return b.String()
}

// request sends one and looks for its refusals in the answer.
func (d *dialog) request(line string, rest []string, refusals [][]string) error {
	m := requestLine.FindStringSubmatch(line)
	var header []string
	for len(rest) > 0 {
		h := headerLine.FindStringSubmatch(rest[0])
		if h == nil {
			break
		}
		header, rest = append(header, h[1], d.expand(h[2])), rest[1:]
	}
	r, err := d.conversation.request(m[1], m[2], d.expand(strings.Join(rest, "\n")), header)
	if err != nil {
		return err
	}
	if strings.HasPrefix(m[2], "//ui/") { // browsers have no header
		r.AddCookie(&http.Cookie{Name: "aceso-token", Value: d.token})
		r.Header.Del("Authorization")
	}
	if d.answer, err = d.node.Exchange(line, r); err != nil {
		return err
	}
	if len(refusals) == 0 && d.answer.Status >= 300 {
		return fmt.Errorf("refused: %s", d.answer)
	}
	for _, told := range texts(d.answer) {
		if told = numberedOperation.ReplaceAllString(told, ""); d.answer.Status >= 400 && !d.page.MatchString(told) {
			err = errors.Join(err, fmt.Errorf("docs/refusals.md does not name %q", told))
		}
	}
	for _, want := range refusals {
		if !refuses(d.answer, want[0], want[1]) {
			err = errors.Join(err, fmt.Errorf("not refused with %s %s", want[0], want[1]))
		}
	}
	if err != nil {
		err = fmt.Errorf("%w\n%.200s: %d %.3000s", err, line, d.answer.Status, d.answer.Body)
	}
	return err
}

// refuses tells whether an answer, or an entry of it, has a status and a sentence.
func refuses(a response, status, sentence string) bool {
	says := regexp.MustCompile("(?s)" + strings.ReplaceAll(regexp.QuoteMeta(sentence), "…", ".+"))
	found := status == strconv.Itoa(a.Status)
	var doc any
	if json.Unmarshal(a.Body, &doc) != nil {
		return found && says.MatchString(html.UnescapeString(string(a.Body)))
	}
	found = found || tells(doc, "status", regexp.MustCompile("^"+status))
	return found && (tells(doc, "text", says) || tells(doc, "outcomeDesc", says) || tells(doc, "error_description", says))
}

// texts are the sentences of an OperationOutcome.
func texts(a response) []string {
	if !a.Has(`"OperationOutcome"`) {
		return nil
	}
	all, _ := a.Find("issue.details.text")
	return all
}

// tells says whether a member with a name, somewhere in a document, has a text.
func tells(doc any, name string, text *regexp.Regexp) bool {
	switch doc := doc.(type) {
	case []any:
		for _, one := range doc {
			if tells(one, name, text) {
				return true
			}
		}
	case map[string]any:
		for key, one := range doc {
			if s, ok := one.(string); ok && key == name && text.MatchString(s) || tells(one, name, text) {
				return true
			}
		}
	}
	return false
}
