package node

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
	if got := strconv.Itoa(c.answer.Status); got != args[0] {
		return fmt.Errorf("status %s, want %s", got, args[0])
	}
	return nil
}

// header NAME [VALUE]
func (c *conversation) hasHeader(_ *testscript.TestScript, args []string) error {
	got := strings.Join(c.answer.Header.Values(args[0]), ", ")
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
			ok = c.answer.Has(text)
		case "lacks":
			ok = !c.answer.Has(text)
		case "is":
			ok = len(c.answer.Body) == 0 && text == "empty" || string(c.answer.Body) == text
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
	values, err := c.answer.Find(args[0])
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
	if err := json.Unmarshal(c.answer.Body, &outcome); err != nil {
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
