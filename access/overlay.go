package access

import (
	"context"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// touches says whether the change writes resources of one of some types.
func (t *change) touches(types []string) bool {
	return slices.ContainsFunc(t.steps, func(s *step) bool { return s.changes() && slices.Contains(types, s.Ref.Type) })
}

// changes says whether a step writes or deletes its resource.
func (s *step) changes() bool {
	return s.write != nil || s.Resource != nil && !s.done()
}

// replaces is how many stored resources of a type the change replaces or deletes.
func (t *change) replaces(typ string) (n int) {
	for _, s := range t.steps {
		if s.exists && s.changes() && s.Ref.Type == typ {
			n++
		}
	}
	return n
}

// among lays what the change writes and deletes over what a search has found in the store:
// of each resource the new version counts, if it is visible.
func (t *change) among(ctx context.Context, q *search.Query, stored []Version, visible store.Visible) (found []fhir.Ref, err error) {
	types := q.Types()
	if !t.touches(types) {
		return refs(stored), nil
	}
	if len(types) > 1 {
		return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "A search through chains or _has cannot look into what the same Bundle writes. Use criteria of the resource itself, or send two Bundles."}
	}
	for _, ref := range refs(stored) {
		if other := t.taken[ref]; other == nil || !other.changes() {
			found = append(found, ref)
		}
	}
	for _, s := range t.steps {
		if s.Ref.Type != q.Type || s.Resource == nil || s.done() && s.write == nil {
			continue
		}
		if t.guards.Spend(ctx, 1) != nil {
			return nil, &fhir.Error{Kind: fhir.TooCostly, Detail: "The searches and conditional references of this Bundle would have to look at too much of what it writes: 400,000 times, and 200 for each entry. Send it in parts, or refer to its entries by their fullUrl."}
		}
		may, err := t.matchesWritten(ctx, q, s, visible)
		if err != nil {
			return nil, err
		}
		if may {
			found = append(found, s.Ref)
		}
	}
	return found, nil
}

// draft is what a new version would be found by, before its conditional references are
// resolved.
type draft struct {
	index *search.Index
	facts fhir.Facts
}

// drafted describes what a step writes.
func (t *change) drafted(ctx context.Context, s *step) (*draft, error) {
	if s.write != nil {
		return &draft{s.index, s.facts}, nil
	}
	if s.draft != nil {
		return s.draft, nil
	}
	r, err := s.Resource.Stamp(s.Ref.ID, s.before.Version+1, t.time(s))
	if err != nil {
		return nil, err
	}
	customs, err := t.keyed(ctx)
	if err != nil {
		return nil, err
	}
	d := new(draft)
	if d.index, d.facts, err = customs.Describe(r, t.gate.Base); err == nil {
		s.draft = d
	}
	return d, err
}

// matchesWritten says whether what a step writes satisfies a query and is visible.
func (t *change) matchesWritten(ctx context.Context, q *search.Query, s *step, visible store.Visible) (bool, error) {
	d, err := t.drafted(ctx, s)
	if err != nil || !search.Match(q.Where, search.Holder{Ref: s.Ref, Index: d.index}, nil) {
		return false, err
	}
	epoch, err := t.today(ctx, s)
	if err != nil {
		return false, err
	}
	row := store.Row{Ref: s.Ref, Version: s.before.Version + 1, Owner: t.call.Agent.Organization, Facts: &d.facts, Epoch: epoch, Content: written{d.index}}
	return visible(row)
}
