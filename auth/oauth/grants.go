package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/kept"
)

// grant is one that stands, or ErrNotFound.
func (s *Server) grant(ctx context.Context, key string) (g Grant, err error) {
	g.version, err = read(ctx, s, SpaceGrant, key, &g)
	g.Key = key
	return g, err
}

// selected are the grants that stand and that a condition selects.
func (s *Server) selected(ctx context.Context, want func(*Grant) bool) (all []Grant, err error) {
	err = kept.Each(ctx, s.Keeper, SpaceGrant, func(r kept.Row) error {
		var g Grant
		if err := json.Unmarshal(r.Value, &g); err != nil {
			return fmt.Errorf("a grant cannot be read: %w", err)
		}
		g.Key, g.version = r.Key, r.Version
		if want(&g) {
			all = append(all, g)
		}
		return nil
	})
	return all, err
}

// Grants are what a person let apps do, and what still stands of it. That she looked is
// recorded, with the patients whom it is about.
func (s *Server) Grants(ctx context.Context, call *kept.Call, u User) ([]Grant, error) {
	all, err := s.selected(ctx, func(g *Grant) bool { return g.User.Subject == u.Subject && g.User.Role == u.Role })
	if err != nil {
		return nil, err
	}
	e := kept.Event{Interaction: "grant-read", Agent: agentOf(u, PagesClient, "", u.Patient, nil), Detail: detail("grants", strconv.Itoa(len(all)))}
	if len(u.Purposes) > 0 {
		e.Agent.Purpose = u.Purposes[0]
	}
	for i := range all {
		if p := all[i].Context.Patient; p != "" && !slices.Contains(e.Patients, p) {
			e.Patients = append(e.Patients, p)
		}
	}
	return all, s.Keeper.Commit(ctx, call, e)
}

// End ends one of a person's grants: the next request by it is refused, on every node.
// ErrNotFound: she has none with this key.
func (s *Server) End(ctx context.Context, call *kept.Call, u User, key string) error {
	g, err := s.grant(ctx, key)
	if err == nil && (g.User.Subject != u.Subject || g.User.Role != u.Role) {
		err = kept.ErrNotFound
	}
	if err != nil {
		return err
	}
	return s.end(ctx, call, g.agent(), &g)
}

// EndSession ends the online access that apps have by a session that ends.
func (s *Server) EndSession(ctx context.Context, call *kept.Call, u User) error {
	if u.Session == "" {
		return nil
	}
	return s.endAll(ctx, call, agentOf(u, "", "", "", nil), func(g *Grant) bool { return g.Session == u.Session })
}

func (s *Server) endAll(ctx context.Context, call *kept.Call, who agent.Agent, want func(*Grant) bool) error {
	all, err := s.selected(ctx, want)
	if err != nil {
		return err
	}
	for i := range all {
		by := who
		if by.Purpose == "" {
			by = all[i].agent()
		}
		if err := s.end(ctx, call, by, &all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) end(ctx context.Context, call *kept.Call, who agent.Agent, g *Grant) error {
	e := kept.Event{Interaction: "revoke", Agent: who, Detail: g.detail(), Patient: g.Context.Patient}
	err := s.Keeper.Commit(ctx, call, e, gone(SpaceGrant, g.Key, g.version))
	if errors.Is(err, kept.ErrChanged) { // it has ended meanwhile
		return nil
	}
	return err
}
