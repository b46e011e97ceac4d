package terminology

import (
	"context"

	"github.com/aceso-health/aceso/fhir"
)

// Found is what is known of a code.
type Found struct {
	Entry
	System     string // name of the code system
	Definition string
	Properties []Property // parents and children included
}

// Lookup finds a code. The error is NotFound if the system is known and does not have it.
func (t *Terms) Lookup(ctx context.Context, c Coding) (*Found, error) {
	s, at, err := t.place(ctx, c)
	if err != nil {
		return nil, err
	}
	n := &s.nodes[at]
	found := &Found{Entry: s.entry(at), System: s.Name, Definition: n.Definition}
	for _, code := range s.codesAt(n.parents) {
		found.Properties = append(found.Properties, Property{Code: "parent", Named: code})
	}
	for _, code := range s.codesAt(n.children) {
		found.Properties = append(found.Properties, Property{Code: "child", Named: code})
	}
	for _, p := range n.Property {
		if p.Code != "parent" && p.Code != "child" {
			found.Properties = append(found.Properties, p)
		}
	}
	return found, t.spend(len(found.Properties))
}

func (t *Terms) place(ctx context.Context, c Coding) (*system, int32, error) {
	s, err := t.known(ctx, c.System, c.Version)
	if err != nil {
		return nil, 0, err
	}
	at, ok := s.find(c.Code)
	if !ok {
		return nil, 0, &fhir.Error{Kind: fhir.NotFound, Detail: "The code system does not have this code."}
	}
	return s, at, nil
}

// In finds a code in its system, nil if the system does not have it.
func (t *Terms) In(ctx context.Context, c Coding) (*Entry, error) {
	s, err := t.known(ctx, c.System, c.Version)
	if err != nil {
		return nil, err
	}
	at, ok := s.find(c.Code)
	if !ok {
		return nil, nil
	}
	e := s.entry(at)
	return &e, nil
}

// Subsumes says equivalent, subsumes, subsumed-by or not-subsumed of two codes of a system.
func (t *Terms) Subsumes(ctx context.Context, a, b Coding) (string, error) {
	s, first, err := t.place(ctx, a)
	if err != nil {
		return "", err
	}
	second, ok := s.find(b.Code)
	if !ok {
		return "", &fhir.Error{Kind: fhir.NotFound, Detail: "The code system does not have this code."}
	}
	if err := t.spend(2 * len(s.nodes)); err != nil {
		return "", err
	}
	switch {
	case first == second:
		return "equivalent", nil
	case s.related(first, below)[second]:
		return "subsumes", nil
	case s.related(second, below)[first]:
		return "subsumed-by", nil
	}
	return "not-subsumed", nil
}

// Below lists a code and all that it subsumes.
func (t *Terms) Below(ctx context.Context, c Coding) ([]Coding, error) { return t.line(ctx, c, below) }

// Above lists a code and all that subsume it.
func (t *Terms) Above(ctx context.Context, c Coding) ([]Coding, error) { return t.line(ctx, c, above) }

func (t *Terms) line(ctx context.Context, c Coding, edges func(*node) []int32) (all []Coding, err error) {
	s, at, err := t.place(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := t.spend(len(s.nodes)); err != nil {
		return nil, err
	}
	for i, in := range s.related(at, edges) {
		if in {
			all = append(all, Coding{System: s.URL, Code: s.nodes[i].Code})
		}
	}
	return all, nil
}
