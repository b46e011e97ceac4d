package revision

import (
	"context"
	"errors"
	"net/url"

	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/policy"
)

// Impact works out what a tested revision would change. Until it is submitted the report is
// kept, and its hash stands in the revision; afterwards it is only shown. What is kept names
// no patients; what is returned does.
func (s *Service) Impact(ctx context.Context, by By, hash string) (*policy.Impact, error) {
	detail := url.Values{"step": {"impact"}, "revision": {hash}}
	e := kept.Event{Interaction: "policy-write", Agent: by.Agent, Detail: detail.Encode()}
	if err := s.admits(ctx, by, e.Interaction); err != nil {
		return nil, s.refuse(ctx, by, e, err)
	}
	r, err := s.tested(ctx, hash)
	if err == nil && s.Weigh == nil {
		err = unprocessable("This server cannot work out the impact of policies.")
	}
	if err != nil {
		return nil, s.refuse(ctx, by, e, err)
	}
	report, err := s.weighed(ctx, by, hash)
	if err != nil {
		return nil, s.refuse(ctx, by, e, err)
	}
	found, text, err := report.Kept()
	if err != nil {
		return nil, err
	}
	detail.Set("impact", found)
	e.Detail = detail.Encode()
	if r.State != Tested {
		return report, s.commit(ctx, by, e)
	}
	r.Impact, r.ImpactOf = found, report.Before
	row, err := r.row()
	if err != nil {
		return nil, err
	}
	old, err := s.Keeper.Kept(ctx, spaceImpact, hash)
	if err != nil && !errors.Is(err, kept.ErrNotFound) {
		return nil, err
	}
	return report, s.commit(ctx, by, e, row, kept.Row{Space: spaceImpact, Key: hash, Value: text, Version: old.Version})
}

// weighed compares a revision with what is in force.
func (s *Service) weighed(ctx context.Context, by By, hash string) (*policy.Impact, error) {
	active, err := s.Active(ctx)
	if err != nil {
		return nil, err
	}
	running := active.InForce(s.Now())
	before, err := s.Archive(ctx, running)
	if err != nil {
		return nil, err
	}
	after, err := s.Archive(ctx, hash)
	if err != nil {
		return nil, err
	}
	report, err := s.Weigh(ctx, by, before, after, url.Values{"impact-of": {hash}}.Encode())
	if err == nil {
		report.Before, report.After, report.At = running, hash, s.Now().UTC()
	}
	return report, err
}

// ReadImpact returns a revision and the report of its impact that is kept; nil if none is.
func (s *Service) ReadImpact(ctx context.Context, by By, hash string) (*Revision, *policy.Impact, error) {
	if err := s.reads(ctx, by, "impact="+hash); err != nil {
		return nil, nil, err
	}
	r, err := s.load(ctx, hash)
	if err != nil || r.Impact == "" {
		return r, nil, err
	}
	row, err := s.Keeper.Kept(ctx, spaceImpact, hash)
	if err != nil {
		return nil, nil, err
	}
	report, err := policy.ReadImpact(r.Impact, row.Value)
	return r, report, err
}

// weighedAs holds that who submits a revision names the impact that was worked out, of a change
// of what is in force now. One without impact is submitted as such.
func (s *Service) weighedAs(ctx context.Context, r *Revision, named string) error {
	if named != "" && named != r.Impact {
		return conflict("The impact that was named is not the one that was worked out for revision %s. Look at it again.", r.Hash)
	}
	if r.Impact == "" {
		return nil
	}
	active, err := s.Active(ctx)
	if err == nil && active.InForce(s.Now()) != r.ImpactOf {
		err = conflict("Other policies were put in force since the impact of revision %s was worked out. Work it out again.", r.Hash)
	}
	return err
}

// impactNamed is how records name the impact on which a step rests.
func (r *Revision) impactNamed() string {
	if r.Impact == "" {
		return "none"
	}
	return r.Impact
}
