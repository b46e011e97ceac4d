package search

import (
	"context"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// Explain says how a query would be answered.
func Explain(ctx context.Context, r Reader, o Options, q *store.Search) (all []store.Explanation, err error) {
	x := &searcher{Reader: r, Options: o, ctx: ctx, spent: budget(q.Most, q.Work, tooLong), found: map[fhir.Ref]*Row{}}
	for _, part := range q.Query.Parts() {
		e := store.Explanation{Type: part.Type}
		for _, c := range byRank(part.Where) {
			step, err := x.explain(part.Type, c)
			if err != nil {
				return nil, err
			}
			e.Steps = append(e.Steps, step)
		}
		slices.SortStableFunc(e.Steps, driving)
		e.By = x.explainedBy(part.Type, q.Query, e.Steps)
		all = append(all, e)
	}
	return all, nil
}

// driving orders steps by what they leave over, as far as that is told.
func driving(a, b store.Step) int {
	switch {
	case a.Drives != b.Drives && a.Drives:
		return -1
	case a.Drives != b.Drives:
		return 1
	case a.About < b.About:
		return -1
	case a.About > b.About:
		return 1
	}
	return 0
}

// explain is the step of one condition.
func (x *searcher) explain(typ string, c search.Condition) (s store.Step, err error) {
	s = store.Step{Parameters: slices.Compact(slices.Sorted(slices.Values(parameters(nil, "", c)))), Drives: looksUp(c)}
	of := set(nil)
	if s.Drives {
		of, err = x.gathered(typ, c)
	} else {
		of, err = x.live(typ)
	}
	if err == nil {
		s.About = store.Roughly(of.GetCardinality())
	}
	return s, err
}

// explainedBy goes by what is told of the steps only.
func (x *searcher) explainedBy(typ string, q *search.Query, steps []store.Step) string {
	switch {
	case len(steps) > 0 && steps[0].Drives && steps[0].About <= store.Roughly(uint64(x.Patience.Many)):
		return store.Places
	case len(q.Sort) == 1 && x.Ordered(typ, q.Sort[0]) || len(q.Sort) == 0:
		return store.Order
	}
	return store.Sets
}

// parameters adds the names of the parameters of a condition.
func parameters(to []string, before string, c search.Condition) []string {
	name := func(key string) []string {
		param, _ := CutKey(key)
		return append(to, before+param)
	}
	switch c := c.(type) {
	case search.HasKey:
		return name(c.Key)
	case search.KeyRange:
		return name(c.From)
	case search.Contains:
		return name(c.Param)
	case search.InDates:
		return name(strings.TrimSuffix(c.Param, "*"))
	case search.InNumbers:
		return name(c.Param)
	case search.Near:
		return name(c.Param)
	case search.Not:
		return parameters(to, before, c.C)
	case search.Chain:
		return parameters(to, before+c.Param+".", c.Where)
	case search.Reverse:
		return parameters(to, before+"_has:"+c.Type+":"+c.Param+":", c.Where)
	case search.All:
		for _, m := range c {
			to = parameters(to, before, m)
		}
	case search.Any:
		for _, m := range c {
			if !search.LooksInside(m) { // the same of what is contained
				to = parameters(to, before, m)
			}
		}
	}
	return to
}
