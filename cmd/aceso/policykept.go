package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/policy/revision"
)

// keptArguments are the verbs about policies that a folder or database keeps.
const keptArguments = "list | draft DIR | check|test|impact|submit|approve|withdraw|activate|emergency|shadow REVISION | canary REVISION ORG,... | end-shadow | end-canary | rollback | deputy SUBJECT|none | two-persons on|off"

// isKept says whether the arguments are about policies that are kept: check and test are
// also about folders.
func isKept(rest []string) bool {
	if len(rest) == 0 {
		return false
	}
	switch rest[0] {
	case "list", "draft", "impact", "submit", "approve", "withdraw", "activate", "emergency", "shadow", "canary", "end-shadow", "end-canary", "rollback", "deputy", "two-persons":
		return true
	case "check", "test":
		return len(rest) == 2 && len(rest[1]) == 64 && strings.Trim(rest[1], "0123456789abcdef") == ""
	}
	return false
}

// keptPolicies is one run of such a verb.
func (w policyWork) keptPolicies(rest []string) ([]string, error) {
	data, err := node.OpenFolder(w.data)
	if err != nil {
		return nil, err
	}
	try, err := tryApart()
	if err != nil {
		return nil, err
	}
	return node.ChangePolicies(context.Background(), data, w.database, try, func(s *revision.Service, by revision.By) error {
		return w.verb(context.Background(), s, by, rest)
	})
}

func (w policyWork) verb(ctx context.Context, s *revision.Service, by revision.By, rest []string) error {
	verb, about := rest[0], append(rest[1:], "", "")
	switch {
	case verb == "list" && len(rest) == 1:
		return w.list(ctx, s, by)
	case verb == "rollback" && len(rest) == 1:
		return w.show(s.Rollback(ctx, by))
	case verb == "end-shadow" && len(rest) == 1:
		return w.show(s.Shadow(ctx, by, ""))
	case verb == "end-canary" && len(rest) == 1:
		return w.show(s.Canary(ctx, by, "", nil))
	case verb == "draft" && len(rest) == 2:
		return w.draft(ctx, s, by, about[0])
	case verb == "deputy" && len(rest) == 2:
		return w.deputy(ctx, s, by, about[0])
	case verb == "two-persons" && len(rest) == 2 && (about[0] == "on" || about[0] == "off"):
		return s.SetTwoPersons(ctx, by, about[0] == "on")
	case len(rest) == 2, verb == "canary" && len(rest) == 3:
		return w.show(s.Step(ctx, by, verb, about[0], revision.More{Organizations: split(about[1])}))
	}
	return fmt.Errorf("usage: aceso policy %s", keptArguments)
}

func (w policyWork) deputy(ctx context.Context, s *revision.Service, by revision.By, subject string) error {
	if subject == "none" {
		subject = ""
	}
	err := s.Quorum.Name(ctx, by.Call, by.Agent, subject)
	if errors.Is(err, kept.ErrNotFound) {
		return errors.New("there is no deputy")
	}
	return err
}

// show prints what comes of a step.
func (w policyWork) show(result any, err error) error {
	if err != nil {
		return err
	}
	e := json.NewEncoder(w.stdout)
	e.SetIndent("", "  ")
	return e.Encode(result)
}

func (w policyWork) draft(ctx context.Context, s *revision.Service, by revision.By, dir string) error {
	folder, err := policy.Folder(dir)
	if err != nil {
		return err
	}
	_, archive, err := policy.Pack(folder)
	if err != nil {
		return err
	}
	files, err := policy.Files(archive)
	if err != nil {
		return err
	}
	d := revision.Draft{Files: map[string]*string{}, Reason: w.reason, Origin: "operator"}
	for name, text := range files {
		d.Files[name] = &text
	}
	r, err := s.Draft(ctx, by, d)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w.stdout, r.Hash)
	return err
}

func (w policyWork) list(ctx context.Context, s *revision.Service, by revision.By) error {
	all, active, err := s.List(ctx, by)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "REVISION\tSTATE\tORIGIN\tAUTHOR\tAPPROVED BY\tREASON")
	for i := range all {
		r, state, author, approver := &all[i], string(all[i].State), "", ""
		if r.Hash == active.Hash {
			state = "active"
		}
		if len(r.Authors) > 0 {
			author = r.Authors[0].Subject
		}
		if r.Approved != nil {
			approver = r.Approved.By.Subject
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Hash, state, r.Origin, author, approver, strings.Join(strings.Fields(r.Reason), " "))
	}
	return t.Flush()
}
