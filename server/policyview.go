package server

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/policy/revision"
	"github.com/aceso-health/aceso/web"
)

// The pages of policies show what the service of revisions says.

// mostPolicyLines bounds the lines of a revision that a page shows.
const mostPolicyLines = 20_000

func personName(p *agent.Person) string { return cmp.Or(p.Name, p.Subject) }

// policiesOf is the list, newest first.
func (s *server) policiesOf(all []revision.Revision, active *revision.Active) web.Policies {
	now := s.Now()
	page := web.Policies{Active: active.InForce(now), Since: active.Since, By: personName(&active.By), Previous: active.Previous}
	if page.Active == active.Hash {
		page.Until = active.Until
	} else {
		page.Since, page.By, page.Previous = active.Until, "", ""
	}
	if active.Canary != nil {
		page.Canary, page.Houses = active.Canary.Hash, active.Canary.Organizations
	}
	slices.SortFunc(all, func(a, b revision.Revision) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.Hash, b.Hash))
	})
	for i := range all {
		page.Rows = append(page.Rows, s.policyRow(&all[i], active))
	}
	return page
}

func (s *server) policyRow(r *revision.Revision, active *revision.Active) web.PolicyRow {
	tones := map[revision.State]web.Tone{revision.Submitted: web.Warn, revision.Approved: web.Good}
	row := web.PolicyRow{Hash: r.Hash, State: string(r.State), Tone: cmp.Or(tones[r.State], web.Plain), Reason: r.Reason, Origin: r.Origin, Created: r.Created, Uses: s.usesOf(r.Hash, active)}
	var names []string
	for i := range r.Authors {
		names = append(names, personName(&r.Authors[i]))
	}
	row.Authors = strings.Join(slices.Compact(names), ", ")
	if r.Approved != nil {
		row.Approver = personName(&r.Approved.By)
	}
	switch t := r.Trial; {
	case t == nil:
		row.Tests = "not run"
	case t.Tested && t.Passed+t.Failed > 0:
		row.Tests = fmt.Sprintf("%d passed, %d failed, %.1f %% covered", t.Passed, t.Failed, t.Coverage)
	case t.Problem != "":
		row.Tests = "the check does not pass"
	case t.Tested:
		row.Tests = "passed"
	default:
		row.Tests = "not run"
	}
	return row
}

// usesOf says for what a revision is in force.
func (s *server) usesOf(hash string, active *revision.Active) (uses []string) {
	if active.InForce(s.Now()) == hash {
		uses = append(uses, "in force")
	}
	if active.Previous == hash {
		uses = append(uses, "before")
	}
	if active.Canary != nil && active.Canary.Hash == hash {
		uses = append(uses, "canary")
	}
	if active.Shadow == hash {
		uses = append(uses, "shadow")
	}
	return uses
}

// revisionOf is a revision without its files.
func (s *server) revisionOf(r *revision.Revision, active *revision.Active) web.Policy {
	page := web.Policy{PolicyRow: s.policyRow(r, active), Base: r.Base, Impact: r.Impact, Version: r.Version, Trial: trialOf(r.Trial)}
	for i := range r.Authors {
		step := web.PolicyStep{What: "Written by", By: personName(&r.Authors[i])}
		if i == 0 {
			step.At = r.Created
		}
		page.Steps = append(page.Steps, step)
	}
	for _, one := range []struct {
		what string
		step *revision.Step
	}{{"Tried by", r.Tried}, {"Submitted by", r.Submitted}, {"Approved by", r.Approved}} {
		if one.step != nil {
			page.Steps = append(page.Steps, web.PolicyStep{What: one.what, By: personName(&one.step.By), At: one.step.At})
		}
	}
	if active.Hash == r.Hash && !active.Since.IsZero() {
		page.Steps = append(page.Steps, web.PolicyStep{What: "Put in force by", By: personName(&active.By), At: active.Since})
	}
	words := policyVerbs()
	for _, name := range r.Ahead(active, s.Now()) {
		page.Ahead = append(page.Ahead, words[name])
	}
	return page
}

// policyVerbs are the steps in words.
func policyVerbs() map[string]web.PolicyVerb {
	all := map[string]web.PolicyVerb{}
	for _, v := range []web.PolicyVerb{
		{Name: "check", Words: "Check", Hint: "Does it compile, and keep the rules for policies?", Quiet: true},
		{Name: "test", Words: "Run the tests", Hint: "Only what passes goes on."},
		{Name: "impact", Words: "Work out the impact", Hint: "What is proved of it, and who would see whom otherwise. It takes some seconds.", At: "/impact", Quiet: true},
		{Name: "submit", Words: "Submit", Hint: "Ask another person for approval. It cannot be changed then."},
		{Name: "approve", Words: "Approve", Hint: "For another person than those who wrote it."},
		{Name: "withdraw", Words: "Withdraw", Hint: "It becomes a draft again.", Quiet: true},
		{Name: "activate", Words: "Put in force", Hint: "For everybody, on all nodes, within a second."},
		{Name: "canary", Words: "Start as canary", Hint: "It decides for agents of these organisations only.", Houses: true, Quiet: true},
		{Name: "shadow", Words: "Start as shadow", Hint: "It is asked, too, and nobody gets its answers.", Quiet: true},
		{Name: "emergency", Words: "Put in force for 24 hours", Hint: "By one person, if it is proved to permit nothing that is refused now.", Quiet: true},
	} {
		all[v.Name] = v
	}
	return all
}

// placeIn finds the file and line of which a check speaks.
var placeIn = regexp.MustCompile(`([\w./-]+\.(?:rego|json)):(\d+)(?:-\d+)?`)

// trialOf says what check and tests found.
func trialOf(t *revision.Trial) *web.PolicyTrial {
	if t == nil {
		return nil
	}
	shown := &web.PolicyTrial{Passes: t.Problem == "", Tested: t.Tested, Passed: t.Passed, Failed: t.Failed, Coverage: t.Coverage}
	if t.Failed == 0 {
		for line := range strings.SplitSeq(t.Problem, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				shown.Problems = append(shown.Problems, policyPlace(line))
			}
		}
	}
	for i, failure := range t.Failures {
		p := policyPlace(failure)
		p.Words, _, _ = strings.Cut(failure, " (")
		if i < len(t.Got) {
			p.Got = t.Got[i]
		}
		shown.Failures = append(shown.Failures, p)
	}
	for _, missed := range t.Missed {
		shown.Missed = append(shown.Missed, policyPlace(missed))
	}
	return shown
}

func policyPlace(words string) web.PolicyPlace {
	p := web.PolicyPlace{Words: words}
	if m := placeIn.FindStringSubmatch(words); m != nil {
		p.File = m[1]
		p.Line, _ = strconv.Atoi(m[2])
		p.Words = strings.TrimSpace(strings.TrimLeft(strings.Replace(words, m[0], "", 1), ": "))
	}
	return p
}

// linked leads from places to the lines of files that are shown in an order.
func linked(t *web.PolicyTrial, url func(n, line int) string, names []string) {
	if t == nil {
		return
	}
	for _, places := range [][]web.PolicyPlace{t.Problems, t.Failures, t.Missed} {
		for i := range places {
			if n := slices.Index(names, places[i].File); n >= 0 {
				places[i].URL = url(n, places[i].Line)
			} else if places[i].File != "" { // it is of no file that there is
				places[i].Words = places[i].File + ":" + strconv.Itoa(places[i].Line) + " " + places[i].Words
			}
		}
	}
}

// filesOf are files in their order, up to a number of lines; left are the others.
func filesOf(files map[string]string) (all []web.PolicyFile, left int) {
	room := mostPolicyLines
	for i, name := range slices.Sorted(maps.Keys(files)) {
		lines := web.Rego(files[name])
		if len(lines) > room {
			left += len(lines) - room
			lines = lines[:room]
		}
		room -= len(lines)
		all = append(all, web.PolicyFile{Name: name, N: i, Lines: lines})
	}
	return all, left
}

// diffs says how files became others.
func diffs(before, after map[string]string) (all []web.FileDiff) {
	names := slices.AppendSeq(slices.Collect(maps.Keys(before)), maps.Keys(after))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		a, was := before[name]
		b, is := after[name]
		what := "changed"
		switch {
		case a == b && was == is:
			continue
		case !was:
			what = "new"
		case !is:
			what = "gone"
		}
		all = append(all, web.FileDiff{Name: name, What: what, Changes: web.Diff(linesOf(a), linesOf(b))})
	}
	return all
}

func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// shadowLines says in JSON what the shadow decides otherwise.
func shadowLines(page *web.Shadow, seen *revision.Shadowing) {
	page.Asked, page.Different = seen.Asked, seen.Differs
	for _, d := range seen.List {
		if line, err := json.Marshal(d); err == nil {
			page.Lines = append(page.Lines, string(line))
		}
	}
}
