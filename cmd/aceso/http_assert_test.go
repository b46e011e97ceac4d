package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// status N
func (c *conversation) status(_ *testscript.TestScript, args []string) error {
	if got := strconv.Itoa(c.answer.status); got != args[0] {
		return fmt.Errorf("status %s, want %s", got, args[0])
	}
	return nil
}

// header NAME [VALUE]
func (c *conversation) hasHeader(_ *testscript.TestScript, args []string) error {
	got := strings.Join(c.answer.header.Values(args[0]), ", ")
	if got == "" {
		return fmt.Errorf("there is no header %s", args[0])
	}
	return fits(args[0], got, args[1:])
}

// body contains TEXT..., body lacks TEXT..., and body empty (written "body is empty")
func (c *conversation) hasBody(_ *testscript.TestScript, args []string) error {
	for _, text := range args[1:] {
		var ok bool
		switch args[0] {
		case "contains":
			ok = c.answer.has(text)
		case "lacks":
			ok = !c.answer.has(text)
		case "is":
			ok = len(c.answer.body) == 0 && text == "empty" || string(c.answer.body) == text
		default:
			return fmt.Errorf("body contains, body lacks or body is")
		}
		if !ok {
			return fmt.Errorf("the body does not fit: %s %s", args[0], text)
		}
	}
	return nil
}

// json PATH [VALUE]
func (c *conversation) hasJSON(_ *testscript.TestScript, args []string) error {
	values, err := c.answer.find(args[0])
	if err != nil {
		return err
	}
	if len(values) == 0 {
		return fmt.Errorf("there is no %s", args[0])
	}
	return fits(args[0], strings.Join(values, " "), args[1:])
}

// fits compares with a value, or with an expression between slashes.
func fits(name, got string, want []string) error {
	if len(want) == 0 {
		return nil
	}
	ok := got == want[0]
	if n := len(want[0]); n > 1 && want[0][0] == '/' && want[0][n-1] == '/' {
		ok = regexp.MustCompile(want[0][1 : n-1]).MatchString(got)
	}
	if !ok {
		return fmt.Errorf("%s is %q, want %q", name, got, want[0])
	}
	return nil
}

// issue CODE [EXPRESSION [TEXT]] finds an issue of an OperationOutcome, which must
// say something in words.
func (c *conversation) hasIssue(_ *testscript.TestScript, args []string) error {
	var outcome struct {
		ResourceType string
		Issue        []struct {
			Code       string
			Details    struct{ Text string }
			Expression []string
		}
	}
	if err := json.Unmarshal(c.answer.body, &outcome); err != nil {
		return err
	}
	if outcome.ResourceType != "OperationOutcome" {
		return fmt.Errorf("the answer is no OperationOutcome")
	}
	args = append(args, "", "")
	for _, i := range outcome.Issue {
		place := strings.Join(i.Expression, " ")
		if i.Code == args[0] && (args[1] == "" || place == args[1]) && i.Details.Text != "" && strings.Contains(i.Details.Text, args[2]) {
			return nil
		}
	}
	return fmt.Errorf("no issue %s at %q with the words %q", args[0], args[1], args[2])
}

var step = regexp.MustCompile(`^(\w+)(?:\[(\d+)\])?$`)

// find follows a path such as entry[0].resource.id. Lists are gone through, so that
// entry.resource.id is all ids; a last step count() is how many there are.
func (r response) find(path string) ([]string, error) {
	var all any
	if err := json.Unmarshal(r.body, &all); err != nil {
		return nil, err
	}
	nodes := []any{all}
	for s := range strings.SplitSeq(path, ".") {
		if s == "count()" {
			return []string{strconv.Itoa(len(nodes))}, nil
		}
		m := step.FindStringSubmatch(s)
		if m == nil {
			return nil, fmt.Errorf("%q is no step of a path", s)
		}
		nodes = members(nodes, m[1])
		if m[2] != "" {
			n, _ := strconv.Atoi(m[2])
			nodes = nodes[min(n, len(nodes)):min(n+1, len(nodes))]
		}
	}
	var values []string
	for _, n := range nodes {
		text, ok := n.(string)
		if !ok {
			data, err := json.Marshal(n)
			if err != nil {
				return nil, err
			}
			text = string(data)
		}
		values = append(values, text)
	}
	return values, nil
}

func members(nodes []any, name string) (found []any) {
	for _, n := range nodes {
		object, _ := n.(map[string]any)
		switch v := object[name].(type) {
		case nil:
		case []any:
			found = append(found, v...)
		default:
			found = append(found, v)
		}
	}
	return found
}
