package terminology

import (
	"context"
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// Member says whether a code is in a value set, and what is known of it. It looks only at
// what may decide that: a value set that cannot be expanded may still have the code.
// inferred lets a code without a system be one of any system.
func (t *Terms) Member(ctx context.Context, vs *ValueSet, c Coding, inferred bool) (*Entry, error) {
	if inferred && c.System == "" {
		e, err := t.expand(ctx, vs)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(e.list, func(e Entry) bool { return e.Code == c.Code }); i >= 0 {
			return &e.list[i], nil
		}
		return nil, nil
	}
	if e := t.done[vs]; e != nil {
		return e.get(c), nil
	}
	if err := t.enter(vs); err != nil {
		return nil, err
	}
	defer t.leave()
	if vs.Compose == nil {
		e := &entries{}
		if vs.Expansion != nil {
			if err := t.contained(e, vs.Expansion.Contains); err != nil {
				return nil, err
			}
		}
		return e.get(c), nil
	}
	return t.composed(ctx, vs.Compose, c)
}

func (t *Terms) composed(ctx context.Context, compose *Compose, c Coding) (*Entry, error) {
	if err := t.spend(len(compose.Include) + len(compose.Exclude)); err != nil {
		return nil, err
	}
	for i := range compose.Exclude {
		if out, err := t.selects(ctx, &compose.Exclude[i], c); out != nil || err != nil {
			return nil, err
		}
	}
	var unsure error
	for i := range compose.Include {
		e, err := t.selects(ctx, &compose.Include[i], c)
		if known, ok := err.(*fhir.Error); ok && known.Kind == fhir.Unprocessable {
			unsure = err // another include may have it
			continue
		}
		if err != nil {
			return nil, err
		}
		if e != nil && !(e.Inactive && compose.Inactive != nil && !*compose.Inactive) {
			return e, nil
		}
	}
	return nil, unsure
}

// selects gives what an include says of a code, nil if it does not select it.
func (t *Terms) selects(ctx context.Context, in *Include, c Coding) (*Entry, error) {
	if in.System != "" && in.System != c.System {
		return nil, nil
	}
	var found *Entry
	if in.System != "" {
		var err error
		if found, err = t.selected(ctx, in, c); found == nil || err != nil {
			return nil, err
		}
	}
	for _, url := range in.ValueSet {
		vs, err := t.Set(ctx, url)
		if err != nil {
			return nil, err
		}
		e, err := t.Member(ctx, vs, c, false)
		if e == nil || err != nil {
			return nil, err
		}
		if found == nil {
			found = e
		}
	}
	return found, nil
}

// selected is selects for the list or the filters of a system.
func (t *Terms) selected(ctx context.Context, in *Include, c Coding) (found *Entry, err error) {
	if len(in.Concept) > 0 {
		if err := t.spend(len(in.Concept)); err != nil {
			return nil, err
		}
		i := slices.IndexFunc(in.Concept, func(one Concept) bool { return one.Code == c.Code })
		if i < 0 {
			return nil, nil
		}
		one := Include{System: in.System, Version: in.Version, Concept: in.Concept[i : i+1]}
		return found, t.listed(ctx, &one, func(e Entry) error { found = &e; return nil })
	}
	s, err := t.known(ctx, in.System, in.Version)
	if err != nil {
		return nil, err
	}
	at, ok := s.find(c.Code)
	if !ok {
		if !s.complete() {
			return nil, unknownSystem()
		}
		return nil, nil
	}
	tests, err := t.tests(s, in.Filter)
	if err != nil || slices.ContainsFunc(tests, func(passes test) bool { return !passes(at) }) {
		return nil, err
	}
	e := s.entry(at)
	return &e, nil
}
