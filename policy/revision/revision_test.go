package revision

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/kept/kepttest"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/quorum"
)

// office is a house with its officers, at a time that a test moves.
type office struct {
	*testing.T
	*Service
	rows *kepttest.Memory
	now  time.Time
}

func newOffice(t *testing.T) *office {
	o := &office{T: t, now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return o.now }
	o.rows = kepttest.New(clock)
	o.Service = &Service{Keeper: o.rows, Now: clock, Quorum: &quorum.Quorum{Keeper: o.rows, House: "hospital", Now: clock},
		Try: func(_ context.Context, archive []byte, tests bool) policy.Trial { // stands for a child process
			fsys, err := policy.Unpack(archive)
			if err != nil {
				t.Fatal(err)
			}
			hash, _, err := policy.Pack(fsys)
			if err != nil {
				return policy.Trial{Problem: err.Error()}
			}
			found := policy.Trial{Revision: hash, Tested: tests, Passed: 3}
			if text, err := fs.ReadFile(fsys, "a.rego"); err == nil && strings.Contains(string(text), "broken") {
				found.Problem = "broken"
			}
			return found
		}}
	return o
}

func officer(subject string) By {
	return By{Call: new(kept.Call), Agent: agent.Agent{Subject: subject, Role: agent.PrivacyOfficer, Organization: "hospital", Purpose: "HOPERAT"}}
}

func operator() By {
	return By{Call: new(kept.Call), Agent: agent.Agent{Subject: "aceso policy", Role: agent.System}, Operator: true}
}

func text(s string) *string { return &s }

// draft keeps a draft with one line of its own.
func (o *office) draft(by By, line string) string {
	o.Helper()
	r, err := o.Draft(o.Context(), by, Draft{Files: map[string]*string{"a.rego": text("package a\n\n# " + line + "\n")}, Reason: "why " + line})
	if err != nil {
		o.Fatal(err)
	}
	return r.Hash
}

// ready is a draft that was tested and submitted by its author.
func (o *office) ready(by By, line string) string {
	o.Helper()
	hash := o.draft(by, line)
	o.must(o.Test(o.Context(), by, hash))
	o.must(o.Submit(o.Context(), by, hash, 0, ""))
	return hash
}

// active puts a revision in force that two persons made.
func (o *office) active(line string) string {
	o.Helper()
	hash := o.ready(officer("Practitioner/a"), line)
	o.must(o.Approve(o.Context(), officer("Practitioner/b"), hash, 0))
	if _, err := o.Activate(o.Context(), officer("Practitioner/b"), hash); err != nil {
		o.Fatal(err)
	}
	return hash
}

func (o *office) must(r *Revision, err error) *Revision {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
	return r
}

func (o *office) inForce() string {
	o.Helper()
	a, err := o.Active(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	return a.InForce(o.now)
}

func (o *office) lastEvent() kept.Event {
	o.Lock()
	defer o.Unlock()
	return o.rows.Events[len(o.rows.Events)-1]
}

func (o *office) Lock()   { o.rows.Lock() }
func (o *office) Unlock() { o.rows.Unlock() }

func kindOf(err error) fhir.Kind {
	var e *fhir.Error
	if !errors.As(err, &e) {
		return fhir.Kind(255)
	}
	return e.Kind
}

// refuses wants a refusal of a kind that is recorded with its status, and nothing else.
func (o *office) refuses(what string, err error, kind fhir.Kind, status int) {
	o.Helper()
	if e := o.lastEvent(); kindOf(err) != kind || e.Refused == "" || e.Status != status {
		o.Errorf("%s: %v, recorded as %+v", what, err, e)
	}
}

// From draft to active, each step is one event that names the revision and who took it.
func TestARevisionGoesFromDraftToActive(t *testing.T) {
	o := newOffice(t)
	hash := o.active("one")
	r, err := o.load(t.Context(), hash)
	if err != nil || r.State != Approved || r.Trial.Passed != 3 || r.Submitted.By.Subject != "Practitioner/a" || r.Approved.By.Subject != "Practitioner/b" || r.Reason != "why one" {
		t.Errorf("%+v, %v", r, err)
	}
	if o.inForce() != hash {
		t.Errorf("in force is %q", o.inForce())
	}
	var steps []string
	for _, e := range o.rows.Events {
		if !strings.Contains(e.Detail, "revision="+hash) || e.Refused != "" {
			t.Errorf("recorded: %+v", e)
		}
		_, step, _ := strings.Cut(e.Detail, "step=")
		step, _, _ = strings.Cut(step, "&")
		steps = append(steps, e.Agent.Subject[len("Practitioner/"):]+" "+step)
	}
	if got := strings.Join(steps, ", "); got != "a draft, a test, a submit, b approve, b activate" {
		t.Errorf("recorded: %s", got)
	}
}

// No author approves the own work: not with another token, browser, app, issuer or name, not
// as deputy, not after somebody else submitted it, and not by drafting the same text first.
func TestNoAuthorApproves(t *testing.T) {
	o, a, b := newOffice(t), officer("Practitioner/a"), officer("Practitioner/b")
	hash := o.ready(a, "own")
	again := a
	again.Agent.Token, again.Agent.Client, again.Agent.Name, again.Agent.Issuer = "second", "other", "Renamed", "https://idp"
	elsewhere := a
	elsewhere.Agent.Subject, elsewhere.Agent.Actors = "https://idp|a", []string{"Practitioner/a"}
	if err := o.Quorum.Name(t.Context(), new(kept.Call), operator().Agent, "Practitioner/a"); err != nil {
		t.Fatal(err)
	}
	deputy := a
	deputy.Agent.Role = agent.Practitioner
	for name, by := range map[string]By{"with the same token": a, "with a second token": again, "from another issuer": elsewhere, "as deputy": deputy, "by command": operator()} {
		_, err := o.Approve(t.Context(), by, hash, 0)
		o.refuses("the author approves "+name, err, fhir.Forbidden, 403)
	}
	submitted := o.draft(a, "submitted by another")
	o.must(o.Test(t.Context(), b, submitted))
	o.must(o.Submit(t.Context(), b, submitted, 0, ""))
	for _, by := range []By{a, b} {
		_, err := o.Approve(t.Context(), by, submitted, 0)
		o.refuses("author or submitter approves", err, fhir.Forbidden, 403)
	}
	twice := o.draft(a, "both wrote it")
	if o.draft(b, "both wrote it") != twice {
		t.Fatal("the same text has two hashes")
	}
	o.must(o.Test(t.Context(), b, twice))
	o.must(o.Submit(t.Context(), b, twice, 0, ""))
	_, err := o.Approve(t.Context(), a, twice, 0)
	o.refuses("the first author approves what she lets another draft", err, fhir.Forbidden, 403)
	o.must(o.Approve(t.Context(), officer("Practitioner/c"), twice, 0))
}

// What nobody in person wrote, an officer submits; then she cannot approve it.
func TestCommandsNeitherSubmitNorApprove(t *testing.T) {
	o, a := newOffice(t), officer("Practitioner/a")
	hash := o.draft(operator(), "by command")
	o.must(o.Test(t.Context(), operator(), hash))
	_, err := o.Submit(t.Context(), operator(), hash, 0, "")
	o.refuses("a command submits", err, fhir.Forbidden, 403)
	o.must(o.Submit(t.Context(), a, hash, 0, ""))
	named := officer("Practitioner/named") // a command may claim to be anybody
	named.Operator = true
	for _, by := range []By{a, operator(), named} {
		_, err := o.Approve(t.Context(), by, hash, 0)
		o.refuses("who submitted approves", err, fhir.Forbidden, 403)
	}
}

// Officers of others, and who is no officer, do nothing, and what is there is not told.
func TestOnlyOfficersOfTheHouseChangePolicies(t *testing.T) {
	o := newOffice(t)
	hash := o.ready(officer("Practitioner/a"), "one")
	guest, nurse := officer("Practitioner/b"), officer("Practitioner/n")
	guest.Agent.Organization, nurse.Agent.Role = "elsewhere", agent.Practitioner
	for _, by := range []By{guest, nurse} {
		for _, h := range []string{hash, "none"} {
			for what, do := range map[string]func() error{
				"approve":  func() error { _, err := o.Approve(t.Context(), by, h, 0); return err },
				"check":    func() error { _, err := o.Check(t.Context(), by, h); return err },
				"activate": func() error { _, err := o.Activate(t.Context(), by, h); return err },
				"shadow":   func() error { _, err := o.Shadow(t.Context(), by, h); return err },
				"draft":    func() error { _, err := o.Draft(t.Context(), by, Draft{Base: h, Reason: "x"}); return err },
				"read":     func() error { _, _, err := o.Read(t.Context(), by, h); return err },
				"list":     func() error { _, _, err := o.List(t.Context(), by); return err },
			} {
				o.refuses(by.Agent.Organization+" "+by.Agent.Role+" "+what, do(), fhir.Forbidden, 403)
			}
		}
	}
}

// What was looked at is what is approved: a draft that changed is another revision, or
// another version, and neither is approved.
func TestADraftThatChangesIsNotApproved(t *testing.T) {
	o, a, b := newOffice(t), officer("Practitioner/a"), officer("Practitioner/b")
	hash := o.ready(a, "first")
	seen := o.must(o.load(t.Context(), hash)).Version
	if _, err := o.Draft(t.Context(), a, Draft{Files: map[string]*string{"a.rego": text("package a\n\n# first\n"), "a_test.rego": text("package a\n")}, Reason: "other tests"}); kindOf(err) != fhir.Conflict {
		t.Errorf("the tests of what is submitted change: %v", err)
	}
	o.must(o.Withdraw(t.Context(), a, hash, 0))
	o.must(o.Test(t.Context(), a, hash))
	o.must(o.Submit(t.Context(), a, hash, 0, ""))
	_, err := o.Approve(t.Context(), b, hash, seen)
	o.refuses("what was looked at has changed", err, fhir.Conflict, 409)
	other := o.draft(a, "second")
	_, err = o.Approve(t.Context(), b, other, 0)
	o.refuses("a draft is approved", err, fhir.Conflict, 409)
	o.must(o.Approve(t.Context(), b, hash, seen+3))
}

// Only what passed its tests goes on, and what changes is tested again.
func TestOnlyWhatPassesGoesOn(t *testing.T) {
	o, a := newOffice(t), officer("Practitioner/a")
	broken := o.draft(a, "broken")
	if r := o.must(o.Test(t.Context(), a, broken)); r.State != Drafted || r.Trial.Problem == "" {
		t.Errorf("%+v", r)
	}
	_, err := o.Submit(t.Context(), a, broken, 0, "")
	o.refuses("what fails is submitted", err, fhir.Conflict, 409)
	fine := o.draft(a, "fine")
	o.must(o.Check(t.Context(), a, fine))
	_, err = o.Submit(t.Context(), a, fine, 0, "")
	o.refuses("what was not tested is submitted", err, fhir.Conflict, 409)
	o.must(o.Test(t.Context(), a, fine))
	if o.draft(a, "fine") != fine || o.must(o.load(t.Context(), fine)).State != Drafted {
		t.Error("a new draft counts as tested")
	}
	for _, bad := range []Draft{
		{Reason: "", Files: map[string]*string{"a.rego": text("package a")}},
		{Reason: strings.Repeat("x", MostReason+1), Files: map[string]*string{"a.rego": text("package a")}},
		{Reason: "x", Files: map[string]*string{"../a.rego": text("package a")}},
		{Reason: "x", Files: map[string]*string{".a.rego": text("package a")}},
		{Reason: "x", Files: map[string]*string{"a.txt": text("package a")}},
		{Reason: "x"},
	} {
		_, err := o.Draft(t.Context(), a, bad)
		o.refuses("a draft is kept", err, fhir.Unprocessable, 422)
	}
}

// Each refusal says why.
func TestRefusalsSayWhy(t *testing.T) {
	o, a := newOffice(t), officer("Practitioner/a")
	hash := o.ready(a, "one")
	guest, nurse := officer("Practitioner/b"), officer("Practitioner/n")
	guest.Agent.Organization, nurse.Agent.Role = "elsewhere", agent.Practitioner
	for want, by := range map[string]By{
		"A command does not say which person calls: to submit or to approve policies needs a privacy officer who is signed in.": operator(),
		"The policies are for the privacy officers of this organisation.":                                                       guest,
	} {
		if _, err := o.Approve(t.Context(), by, hash, 0); !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := o.Check(t.Context(), nurse, hash); !strings.Contains(err.Error(), "Only a privacy officer of this organisation changes the policies.") {
		t.Error(err)
	}
	if _, err := o.Check(t.Context(), a, "none"); !strings.Contains(err.Error(), "There is no such revision of the policies.") {
		t.Error(err)
	}
}
