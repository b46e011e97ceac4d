package revision

import (
	"context"
	"errors"
	"net/url"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/policy"
)

// Proposal are policies that an operator brings whose check and tests passed: the folder of
// a node, or what was in force before policies were kept here.
type Proposal struct {
	Archive []byte
	Origin  string
	Reason  string
}

// Propose keeps what an operator brings and puts it in force; where two persons are needed
// it is a draft only. It says whether it is in force now.
func (s *Service) Propose(ctx context.Context, by By, p Proposal) (bool, error) {
	r, text, err := s.proposed(ctx, by, p)
	if err != nil {
		return false, err
	}
	a, err := s.Active(ctx)
	if err != nil {
		return false, err
	}
	a.settle(s.Now())
	two, err := s.TwoPersons(ctx)
	switch {
	case err != nil:
		return false, err
	case a.Hash == r.Hash:
		return true, nil
	case r.Version == 0:
		row, err := r.row()
		if err != nil {
			return false, err
		}
		e := kept.Event{Interaction: "policy-write", Agent: by.Agent, Detail: url.Values{"step": {"draft"}, "revision": {r.Hash}, "origin": {p.Origin}}.Encode()}
		if err := s.commit(ctx, by, e, row, text); err != nil {
			return false, err
		}
	}
	if two && r.State != Approved {
		return false, nil
	}
	_, err = s.Activate(ctx, by, r.Hash)
	return err == nil, err
}

func (s *Service) proposed(ctx context.Context, by By, p Proposal) (*Revision, kept.Row, error) {
	fsys, err := policy.Unpack(p.Archive)
	if err != nil {
		return nil, kept.Row{}, err
	}
	hash, archive, err := policy.Pack(fsys)
	if err != nil {
		return nil, kept.Row{}, err
	}
	if len(archive) > MostPacked {
		return nil, kept.Row{}, unprocessable("The files have %d bytes when packed; a revision has at most %d.", len(archive), MostPacked)
	}
	tests, err := policy.TestsOf(archive)
	if err != nil {
		return nil, kept.Row{}, err
	}
	fresh := &Revision{Hash: hash, Tests: tests, Authors: []agent.Person{by.Agent.Person()}, Reason: p.Reason, Origin: p.Origin,
		Created: s.Now().UTC(), State: Tested, Trial: &policy.Trial{Revision: hash, Tested: true}}
	text := kept.Row{Space: spaceText, Key: hash, Value: archive}
	old, err := s.load(ctx, hash)
	if errors.Is(err, ErrNotFound) {
		return fresh, text, nil
	}
	return old, text, err
}
