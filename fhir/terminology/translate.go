package terminology

import (
	"context"
	"strings"
)

// Match is one translation of a code.
type Match struct {
	Equivalence string
	Concept     Coding
	Source      string // URL of the concept map
}

// Translate gives the translations of a code by a concept map: forwards, or, in reverse,
// from targets to sources. target restricts them to one system unless it is "".
func (t *Terms) Translate(ctx context.Context, m *ConceptMap, c Coding, target string, reverse bool) ([]Match, error) {
	return t.translate(ctx, m, c, target, reverse, 0)
}

func (t *Terms) translate(ctx context.Context, m *ConceptMap, c Coding, target string, reverse bool, deep int) (all []Match, err error) {
	for i := range m.Group {
		g := &m.Group[i]
		from, to := g.Source, g.Target
		if reverse {
			from, to = to, from
		}
		if c.System != "" && from != "" && plain(from) != c.System || target != "" && to != "" && plain(to) != target {
			continue
		}
		if err := t.spend(len(g.Element) + 1); err != nil {
			return nil, err
		}
		some, mapped := g.matches(c.Code, reverse)
		if !mapped && !reverse && g.Unmapped != nil {
			if some, err = t.unmapped(ctx, g.Unmapped, c, target, deep); err != nil {
				return nil, err
			}
		}
		for _, one := range some {
			if one.Concept.System == "" {
				one.Concept.System = plain(to)
			}
			if one.Source == "" {
				one.Source = m.URL
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// plain is a canonical URL without its version.
func plain(canonical string) string {
	url, _, _ := strings.Cut(canonical, "|")
	return url
}

// matches are those of a group; mapped says whether it has the code.
func (g *Group) matches(code string, reverse bool) (all []Match, mapped bool) {
	for _, e := range g.Element {
		for _, target := range e.Target {
			switch {
			case reverse && target.Code == code:
				all = append(all, Match{Equivalence: inverse(target.Equivalence), Concept: Coding{Code: e.Code}})
			case !reverse && e.Code == code:
				all = append(all, Match{Equivalence: target.Equivalence, Concept: Coding{Code: target.Code, Display: target.Display}})
			}
		}
		mapped = mapped || !reverse && e.Code == code
	}
	return all, mapped || len(all) > 0
}

// inverse is an equivalence seen from the other side.
func inverse(equivalence string) string {
	opposites := map[string]string{"wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes"}
	if o := opposites[equivalence]; o != "" {
		return o
	}
	return equivalence
}

func (t *Terms) unmapped(ctx context.Context, u *Unmapped, c Coding, target string, deep int) ([]Match, error) {
	switch u.Mode {
	case "provided":
		return []Match{{Equivalence: "equal", Concept: Coding{Code: c.Code, Display: c.Display}}}, nil
	case "fixed":
		return []Match{{Equivalence: "inexact", Concept: Coding{Code: u.Code, Display: u.Display}}}, nil
	case "other-map":
		if deep == mostDeep {
			return nil, tooDeep()
		}
		m, err := t.Map(ctx, u.URL)
		if err != nil {
			return nil, err
		}
		return t.translate(ctx, m, c, target, false, deep+1)
	}
	return nil, nil
}
