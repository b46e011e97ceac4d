package revision

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aceso-health/aceso/kept"
)

// pastTime sorts what was in force by since when, to the nanosecond.
func pastTime(since time.Time) string { return since.UTC().Format("20060102T150405.000000000Z") }

// past are the rows of what is in force after a change and, in the first change of a program
// that keeps them, of what was before: of what came with the program nobody knows since when,
// nor of a canary.
func (s *Service) past(ctx context.Context, now time.Time, before, after *Active) (rows []kept.Row, err error) {
	some, err := s.Keeper.EachKept(ctx, spacePast, "", 1)
	if err != nil {
		return nil, err
	}
	if len(some) == 0 && !before.Since.IsZero() && before.Canary == nil {
		if rows, err = appendPast(rows, before.Since, before.Version, before); err != nil {
			return nil, err
		}
	}
	return appendPast(rows, now, before.Version+1, after)
}

func appendPast(rows []kept.Row, since time.Time, version int64, a *Active) ([]kept.Row, error) {
	value, err := json.Marshal(a)
	return append(rows, kept.Row{Space: spacePast, Key: fmt.Sprintf("%s.%010d", pastTime(since), version), Value: value}), err
}

// At is what was in force at a time, nil if that is not kept: it came with the program, or
// was put in force by a program of before.
func (s *Service) At(ctx context.Context, at time.Time) (*Active, error) {
	var found *Active
	first, until := "", pastTime(at)+"~"
	err := kept.Each(ctx, s.Keeper, spacePast, func(row kept.Row) error {
		if first == "" {
			first = row.Key
		}
		if row.Key > until {
			return nil
		}
		found = new(Active)
		if err := json.Unmarshal(row.Value, found); err != nil {
			return fmt.Errorf("revision: %w", err)
		}
		return nil
	})
	if err != nil || found != nil || first != "" {
		return found, err
	}
	now, err := s.Active(ctx) // nothing was changed since these rows are kept
	if err != nil || now.Since.IsZero() || at.Before(now.Since) {
		return nil, err
	}
	return now, nil
}

// Decides is the revision that decided for the agents of an organisation at a time.
func (a *Active) Decides(organization string, at time.Time) string {
	hash := a.InForce(at)
	if c := a.Canary; c != nil && hash == a.Hash && slices.Contains(c.Organizations, organization) {
		return c.Hash
	}
	return hash
}
