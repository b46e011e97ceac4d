package node

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/policy/narrow"
	"github.com/aceso-health/aceso/policy/revision"
)

// proofAlone works out what can be told of a change of policies without the data: that of a
// command beside a server.
func proofAlone(ctx context.Context, _ revision.By, before, after []byte, _ string) (*policy.Impact, error) {
	old, next, err := bothOf(before, after)
	if err != nil {
		return nil, err
	}
	proof, err := prove(ctx, old.folder, next.folder)
	return &policy.Impact{Proof: proof, NoPeople: "A command does not look at data: ask the server that runs, POST /admin/policies/[revision]/impact."}, err
}

// weigh works out the impact of a change of policies. What past requests would have got is a
// question of its own, which costs more: a replay.
func (n *Node) weigh(users *session.Users) func(context.Context, revision.By, []byte, []byte, string) (*policy.Impact, error) {
	turn := make(chan struct{}, 1) // one at a time: it takes a processor for some seconds
	return func(ctx context.Context, by revision.By, before, after []byte, detail string) (*policy.Impact, error) {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		report, err := proofAlone(ctx, by, before, after, detail)
		if err != nil {
			return nil, err
		}
		report.NoPeople = ""
		asked, err := n.seersQuestion(ctx, users, before, after)
		if err != nil {
			return nil, err
		}
		asked.Detail = detail
		call := &access.Call{Agent: by.Agent, Request: by.Call.Request, Address: by.Call.Address}
		report.People, err = n.gate.Seers(ctx, call, *asked)
		by.Call.Receipts = append(by.Call.Receipts, call.Receipts...)
		return report, err
	}
}

// candidate are policies that are compared.
type candidate struct {
	folder fs.FS
	files  map[string]string
}

func bothOf(before, after []byte) (old, next candidate, err error) {
	for archive, c := range map[*[]byte]*candidate{&before: &old, &after: &next} {
		if c.folder, err = policy.Unpack(*archive); err != nil {
			return old, next, err
		}
		if c.files, err = policy.Files(*archive); err != nil {
			return old, next, err
		}
	}
	return old, next, nil
}

// seersQuestion asks who sees whom otherwise with other policies: all staff there is, for the
// purposes that matter.
func (n *Node) seersQuestion(ctx context.Context, users *session.Users, before, after []byte) (*access.SeersQuestion, error) {
	old, next, err := bothOf(before, after)
	if err != nil {
		return nil, err
	}
	a, err := policy.Look(ctx, old.folder)
	if err != nil {
		return nil, fmt.Errorf("the policies in force: %w", err)
	}
	b, err := policy.Look(ctx, next.folder)
	if err != nil {
		return nil, err
	}
	scopes, err := n.gate.CheckScopes("user/*.rs")
	if err != nil {
		return nil, err
	}
	asked := &access.SeersQuestion{Before: a, After: b, Purposes: purposesOf(old.files, next.files), As: func(subject string) agent.Agent {
		a := agent.Agent{Subject: subject, Role: agent.Practitioner, Organization: n.organization, Scopes: scopes}
		a.Actors = auth.Actors(&a, "")
		return a
	}}
	if asked.Named, err = narrow.Named(ctx, old.folder, next.folder); err != nil {
		asked.Apart = true // it looks into texts: nobody is like anybody else
	}
	err = users.All(ctx, func(u oauth.User) error {
		if u.Role != agent.Patient {
			a := asked.As(u.Subject)
			a.Role, a.Organization, a.Name = u.Role, u.Organization, u.Name
			a.Actors = auth.Actors(&a, "")
			asked.Users, asked.UserPurposes = append(asked.Users, a), append(asked.UserPurposes, u.Purposes)
		}
		return nil
	})
	return asked, err
}

// mostPurposes bounds the purposes of use that are asked about.
const mostPurposes = 30

var purposeCode = regexp.MustCompile(`\b[A-Z][A-Z0-9]{2,}\b`)

// purposesOf are the leading purposes of use, and those that files name which differ.
func purposesOf(before, after map[string]string) []string {
	all := []string{"TREAT", "ETREAT", "HPAYMT", "HOPERAT", "HRESCH"}
	names := slices.AppendSeq(slices.Collect(maps.Keys(before)), maps.Keys(after))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if before[name] == after[name] || strings.HasSuffix(name, "_test.rego") {
			continue
		}
		for _, code := range purposeCode.FindAllString(before[name]+" "+after[name], -1) {
			if agent.PurposeFamily(code) != "" && !slices.Contains(all, code) && len(all) < mostPurposes {
				all = append(all, code)
			}
		}
	}
	return all
}

// prove proves what can be proved of a change. What is no policy is an error.
func prove(ctx context.Context, before, after fs.FS) (policy.Proof, error) {
	r, err := narrow.Compare(ctx, before, after)
	return policy.Proof{Verdict: string(r.Verdict), Why: r.Why, Cases: r.Cases, More: exampleOf(r.More), Less: exampleOf(r.Less)}, err
}

func exampleOf(e *narrow.Example) *policy.ProofExample {
	if e == nil {
		return nil
	}
	return &policy.ProofExample{Input: e.Input, Matters: e.Matters, Before: e.Old.InWords(), After: e.New.InWords()}
}
