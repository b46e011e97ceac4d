package revision

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/policy"
)

// The bounds of what is kept of a revision.
const (
	MostPacked = 250 << 10 // bytes of its packed files
	MostReason = 2000      // bytes of the reason
)

// Draft is what somebody writes: the files of Base with some changed, or all of them
// without one.
type Draft struct {
	Base   string             `json:"base,omitempty"`
	Files  map[string]*string `json:"files"` // nil removes one
	Reason string             `json:"reason"`
	Origin string             `json:"-"`
}

// Draft keeps a draft, and returns it. The same text of somebody else has two authors.
func (s *Service) Draft(ctx context.Context, by By, d Draft) (*Revision, error) {
	e := kept.Event{Interaction: "policy-write", Agent: by.Agent, Detail: url.Values{"step": {"draft"}}.Encode()}
	if err := s.admits(ctx, by, e.Interaction); err != nil {
		return nil, s.refuse(ctx, by, e, err)
	}
	r, archive, err := s.drafted(ctx, by, &d)
	if err != nil {
		return nil, s.refuse(ctx, by, e, err)
	}
	e.Detail = url.Values{"step": {"draft"}, "revision": {r.Hash}, "reason": {r.Reason}}.Encode()
	text := kept.Row{Space: spaceText, Key: r.Hash, Value: archive}
	if old, err := s.Keeper.Kept(ctx, spaceText, r.Hash); err == nil {
		text.Version = old.Version
	} else if !errors.Is(err, kept.ErrNotFound) {
		return nil, err
	}
	row, err := r.row()
	if err != nil {
		return nil, err
	}
	if err := s.commit(ctx, by, e, row, text); err != nil {
		return nil, err
	}
	return s.load(ctx, r.Hash)
}

// commit writes rows; that somebody else was faster is said in words.
func (s *Service) commit(ctx context.Context, by By, e kept.Event, rows ...kept.Row) error {
	err := s.Keeper.Commit(ctx, by.Call, e, rows...)
	if errors.Is(err, kept.ErrChanged) {
		return conflict("The policies were changed by somebody else meanwhile. Look at them again.")
	}
	return err
}

func (s *Service) drafted(ctx context.Context, by By, d *Draft) (*Revision, []byte, error) {
	if d.Reason = strings.TrimSpace(d.Reason); d.Reason == "" || len(d.Reason) > MostReason {
		return nil, nil, unprocessable("A draft needs a reason of up to %d bytes: why are the policies changed?", MostReason)
	}
	files, err := s.filesOf(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	hash, archive, err := policy.PackFiles(files)
	if err != nil {
		return nil, nil, unprocessable("The files are no policies: %v.", err)
	}
	if len(archive) > MostPacked {
		return nil, nil, unprocessable("The files have %d bytes when packed; a revision has at most %d.", len(archive), MostPacked)
	}
	tests, err := policy.TestsOf(archive)
	if err != nil {
		return nil, nil, err
	}
	author, err := s.Quorum.Who(ctx, by.Agent)
	if err != nil {
		return nil, nil, err
	}
	fresh := &Revision{Hash: hash, Tests: tests, Base: d.Base, Authors: []agent.Person{author}, Reason: d.Reason, Origin: d.Origin, Created: s.Now().UTC(), State: Drafted}
	old, err := s.load(ctx, hash)
	switch {
	case errors.Is(err, ErrNotFound):
		return fresh, archive, nil
	case err != nil:
		return nil, nil, err
	case old.State == Submitted || old.State == Approved:
		return nil, nil, conflict("These policies are revision %s already, which was submitted. Withdraw it to change its tests or its reason.", hash)
	}
	if d.Base == hash { // other tests or another reason: it comes from where it came from
		fresh.Base = old.Base
	}
	fresh.Version, fresh.Created = old.Version, old.Created
	fresh.Authors = joined(old.Authors, author)
	return fresh, archive, nil
}

// joined adds a person to authors; who is written down differently is kept, too.
func joined(authors []agent.Person, p agent.Person) []agent.Person {
	same := func(a agent.Person) bool { return a.Subject == p.Subject && slices.Equal(a.Also, p.Also) }
	if slices.ContainsFunc(authors, same) {
		return authors
	}
	return append(slices.Clone(authors), p)
}

func (s *Service) filesOf(ctx context.Context, d *Draft) (map[string]string, error) {
	files := map[string]string{}
	if d.Base != "" {
		archive, err := s.Archive(ctx, d.Base)
		if err != nil {
			return nil, err
		}
		if files, err = policy.Files(archive); err != nil {
			return nil, err
		}
	}
	for name, text := range d.Files {
		if text == nil {
			delete(files, name)
			continue
		}
		files[name] = *text
	}
	return files, nil
}

// step changes a revision, and records it. seen is the version that somebody looked at,
// 0 for any.
func (s *Service) step(ctx context.Context, by By, interaction, name, hash string, seen int64, do func(*Revision, *url.Values) error) (*Revision, error) {
	detail := url.Values{"step": {name}, "revision": {hash}}
	e := kept.Event{Interaction: interaction, Agent: by.Agent, Detail: detail.Encode()}
	if err := s.admits(ctx, by, interaction); err != nil {
		return nil, s.refuse(ctx, by, e, err)
	}
	r, err := s.load(ctx, hash)
	if err == nil && seen != 0 && seen != r.Version {
		err = conflict("The revision is not what you looked at any more. Look at it again.")
	}
	if err == nil {
		err = do(r, &detail)
	}
	if err != nil {
		return nil, s.refuse(ctx, by, e, err)
	}
	row, err := r.row()
	if err != nil {
		return nil, err
	}
	e.Detail = detail.Encode()
	if err := s.commit(ctx, by, e, row); err != nil {
		return nil, err
	}
	r.Version++
	return r, nil
}

// Check compiles a draft.
func (s *Service) Check(ctx context.Context, by By, hash string) (*Revision, error) {
	return s.try(ctx, by, "check", hash, Checked)
}

// Test compiles a draft and runs its tests.
func (s *Service) Test(ctx context.Context, by By, hash string) (*Revision, error) {
	return s.try(ctx, by, "test", hash, Tested)
}

// try brings a revision into a state if it passes, and back to a draft if it does not.
func (s *Service) try(ctx context.Context, by By, name, hash string, to State) (*Revision, error) {
	return s.step(ctx, by, "policy-write", name, hash, 0, func(r *Revision, detail *url.Values) error {
		if r.State == Submitted || r.State == Approved {
			return conflict("Revision %s was submitted as it was tested.", hash)
		}
		archive, err := s.Archive(ctx, hash)
		if err != nil {
			return err
		}
		t := s.Try(ctx, archive, to == Tested)
		if t.Problem == "" && t.Revision != hash {
			return unprocessable("The check was not of this revision.")
		}
		r.Trial, r.Tried, r.State = &t, &Step{By: by.Agent.Person(), At: s.Now().UTC()}, to
		if t.Problem != "" {
			r.State = Drafted
		}
		detail.Set("passes", yesNo(t.Problem == ""))
		return nil
	})
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// inPerson refuses an operator, who may be anybody.
func inPerson(by By) error {
	if by.Operator {
		return &fhir.Error{Kind: fhir.Forbidden, Detail: "A command does not say which person calls: to submit or to approve policies needs a privacy officer who is signed in."}
	}
	return nil
}

// Submit asks another person for approval; named is the hash of the report of its impact, ""
// for the one that was worked out last, if any. Who submits vouches for it like its author.
func (s *Service) Submit(ctx context.Context, by By, hash string, seen int64, named string) (*Revision, error) {
	return s.step(ctx, by, "policy-write", "submit", hash, seen, func(r *Revision, detail *url.Values) error {
		if err := inPerson(by); err != nil { // who submits
			return err
		}
		if r.State != Tested {
			return conflict("Revision %s is %q: only one whose tests passed can be submitted.", hash, r.State)
		}
		if err := s.weighedAs(ctx, r, named); err != nil {
			return err
		}
		who, err := s.Quorum.Who(ctx, by.Agent)
		if err != nil {
			return err
		}
		r.Authors, r.State = joined(r.Authors, who), Submitted
		r.Submitted = &Step{By: who, At: s.Now().UTC()}
		detail.Set("impact", r.impactNamed())
		return nil
	})
}

// Approve is for another person than any author.
func (s *Service) Approve(ctx context.Context, by By, hash string, seen int64) (*Revision, error) {
	return s.step(ctx, by, "policy-approve", "approve", hash, seen, func(r *Revision, detail *url.Values) error {
		if err := inPerson(by); err != nil { // who approves
			return err
		}
		if r.State != Submitted {
			return conflict("Revision %s is %q: only what was submitted can be approved.", hash, r.State)
		}
		var second agent.Person
		for _, author := range r.Authors {
			var err error
			if second, err = s.Quorum.Second(ctx, author, by.Agent); err != nil {
				return err
			}
		}
		r.State, r.Approved = Approved, &Step{By: second, At: s.Now().UTC()}
		detail.Set("impact", r.impactNamed())
		return nil
	})
}

// Withdraw makes a draft again of what was submitted; who approved it has not any more.
func (s *Service) Withdraw(ctx context.Context, by By, hash string, seen int64) (*Revision, error) {
	return s.step(ctx, by, "policy-write", "withdraw", hash, seen, func(r *Revision, _ *url.Values) error {
		if r.State != Submitted && r.State != Approved {
			return conflict("Revision %s is %q: there is nothing to withdraw.", hash, r.State)
		}
		active, err := s.Active(ctx)
		if err != nil {
			return err
		}
		if active.uses(hash) {
			return conflict("Revision %s is in force. Roll it back first.", hash)
		}
		r.State, r.Submitted, r.Approved, r.Impact, r.ImpactOf = Drafted, nil, nil, "", ""
		return nil
	})
}
