package terminology

import (
	"context"
	"fmt"
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// Entry is a code in an expansion.
type Entry struct {
	Coding
	Abstract    bool
	Inactive    bool
	Designation []Designation
}

// entries are the codes of a value set, in order.
type entries struct {
	list []Entry
	at   map[Coding]int // by system and code, the place in list
}

func (e *entries) add(entry Entry) error {
	key := Coding{System: entry.System, Code: entry.Code}
	if _, has := e.at[key]; has {
		return nil
	}
	if len(e.list) == mostCodes {
		return &fhir.Error{Kind: fhir.TooCostly, Detail: fmt.Sprintf("The value set has more than %d codes: too many to expand. Use $validate-code.", mostCodes)}
	}
	if e.at == nil {
		e.at = map[Coding]int{}
	}
	e.at[key] = len(e.list)
	e.list = append(e.list, entry)
	return nil
}

// get gives the entry of a code, nil if it is none of the codes.
func (e *entries) get(c Coding) *Entry {
	i, has := e.at[Coding{System: c.System, Code: c.Code}]
	if !has {
		return nil
	}
	return &e.list[i]
}

// Expand lists the codes of a value set.
func (t *Terms) Expand(ctx context.Context, vs *ValueSet) ([]Entry, error) {
	e, err := t.expand(ctx, vs)
	if err != nil {
		return nil, err
	}
	return e.list, nil
}

func (t *Terms) expand(ctx context.Context, vs *ValueSet) (*entries, error) {
	if e := t.done[vs]; e != nil {
		return e, nil
	}
	if err := t.enter(vs); err != nil {
		return nil, err
	}
	defer t.leave()
	e := &entries{}
	if vs.Compose == nil {
		if vs.Expansion != nil {
			if err := t.contained(e, vs.Expansion.Contains); err != nil {
				return nil, err
			}
		}
		t.done[vs] = e
		return e, nil
	}
	if err := t.compose(ctx, e, vs.Compose); err != nil {
		return nil, err
	}
	t.done[vs] = e
	return e, nil
}

// enter begins with a value set that others may have led to.
func (t *Terms) enter(vs *ValueSet) error {
	if slices.Contains(t.path, vs) {
		return &fhir.Error{Kind: fhir.Unprocessable, Detail: "A value set includes itself, perhaps through others."}
	}
	if len(t.path) == mostDeep {
		return tooDeep()
	}
	t.path = append(t.path, vs)
	return nil
}

func tooDeep() error {
	return &fhir.Error{Kind: fhir.TooCostly, Detail: fmt.Sprintf("More than %d value sets or concept maps lead to one another.", mostDeep)}
}

func (t *Terms) leave() { t.path = t.path[:len(t.path)-1] }

// contained adds the codes of an expansion that the resource holds.
func (t *Terms) contained(e *entries, list []Contained) error {
	if err := t.spend(len(list)); err != nil {
		return err
	}
	for i := range list {
		c := &list[i]
		if c.Code != "" {
			if err := e.add(Entry{Coding: c.Coding, Abstract: c.Abstract, Inactive: c.Inactive}); err != nil {
				return err
			}
		}
		if err := t.contained(e, c.Contains); err != nil {
			return err
		}
	}
	return nil
}

func (t *Terms) compose(ctx context.Context, e *entries, c *Compose) error {
	if err := t.spend(len(c.Include) + len(c.Exclude)); err != nil {
		return err
	}
	var out entries
	for i := range c.Exclude {
		if err := t.include(ctx, &c.Exclude[i], out.add); err != nil {
			return err
		}
	}
	for i := range c.Include {
		err := t.include(ctx, &c.Include[i], func(entry Entry) error {
			if out.get(entry.Coding) != nil || entry.Inactive && c.Inactive != nil && !*c.Inactive {
				return nil
			}
			return e.add(entry)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// include gives the codes that one include or exclude selects.
func (t *Terms) include(ctx context.Context, in *Include, add func(Entry) error) error {
	var all []*entries
	for _, url := range in.ValueSet {
		vs, err := t.Set(ctx, url)
		if err != nil {
			return err
		}
		imported, err := t.expand(ctx, vs)
		if err != nil {
			return err
		}
		all = append(all, imported)
	}
	inAll := func(entry Entry) error {
		if err := t.spend(len(all)); err != nil {
			return err
		}
		for _, imported := range all {
			if imported.get(entry.Coding) == nil {
				return nil
			}
		}
		return add(entry)
	}
	if in.System != "" {
		return t.ofSystem(ctx, in, inAll)
	}
	if len(all) == 0 {
		return nil
	}
	if err := t.spend(len(all[0].list)); err != nil {
		return err
	}
	return each(all[0].list, inAll)
}

func each(list []Entry, add func(Entry) error) error {
	for _, entry := range list {
		if err := add(entry); err != nil {
			return err
		}
	}
	return nil
}

// ofSystem gives the codes of a list, or those of the system that pass all filters.
func (t *Terms) ofSystem(ctx context.Context, in *Include, add func(Entry) error) error {
	if len(in.Concept) > 0 {
		return t.listed(ctx, in, add)
	}
	s, err := t.known(ctx, in.System, in.Version)
	if err != nil {
		return err
	}
	tests, err := t.tests(s, in.Filter)
	if err != nil {
		return err
	}
	for i := range s.nodes {
		if !slices.ContainsFunc(tests, func(passes test) bool { return !passes(int32(i)) }) {
			if err := add(s.entry(int32(i))); err != nil {
				return err
			}
		}
	}
	return nil
}

// tests compiles filters. Without any, all concepts are looked at, too.
func (t *Terms) tests(s *system, filters []Filter) ([]test, error) {
	if len(filters) == 0 {
		return nil, t.spend(len(s.nodes))
	}
	var tests []test
	for _, f := range filters {
		passes, err := t.compile(s, f)
		if err != nil {
			return nil, err
		}
		tests = append(tests, passes)
	}
	return tests, nil
}

// listed gives the codes of a list. What the system says of them counts if it is known.
func (t *Terms) listed(ctx context.Context, in *Include, add func(Entry) error) error {
	if err := t.spend(len(in.Concept)); err != nil {
		return err
	}
	s, err := t.system(ctx, in.System, in.Version)
	if err != nil {
		return err
	}
	for i := range in.Concept {
		c := &in.Concept[i]
		entry := Entry{Coding: Coding{System: in.System, Version: in.Version, Code: c.Code, Display: c.Display}, Designation: c.Designation}
		if s != nil {
			if at, ok := s.find(c.Code); ok {
				known := s.entry(at)
				entry.Abstract, entry.Inactive = known.Abstract, known.Inactive
				if entry.Display == "" {
					entry.Display = known.Display
				}
			}
		}
		if err := add(entry); err != nil {
			return err
		}
	}
	return nil
}
