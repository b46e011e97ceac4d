package narrow

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
)

// box is a part of all requests: some choices of each dimension, and some facts about
// scopes; those not said may be either way.
type box struct {
	choices [dimensions][]bool
	facts   map[fact]bool
}

func (b box) clone() box {
	c := box{facts: maps.Clone(b.facts)}
	for d := range b.choices {
		c.choices[d] = slices.Clone(b.choices[d])
	}
	return c
}

// mostCases bounds a proof, whatever the clock says.
const mostCases = 500_000

// explorer covers all requests with boxes, in each of which both revisions decide alike.
type explorer struct {
	before, after *model
	domain        *domain
	cases, most   int
	more, less    *Example // the smallest so far
}

// explore evaluates a request of each box that is left, and takes away all that is decided
// like it.
func (x *explorer) explore(ctx context.Context) error {
	var all box
	for d := range all.choices {
		all.choices[d] = slices.Repeat([]bool{true}, len(x.domain[d]))
	}
	all.facts = map[fact]bool{}
	for left := []box{all}; len(left) > 0; {
		if err := ctx.Err(); err != nil || x.cases > x.most {
			return &gap{fmt.Sprintf("there are more cases than can be looked at: in %v, or %d; %d were", Time, x.most, x.cases)}
		}
		n := min(len(left), 256)
		next, err := x.several(ctx, left[len(left)-n:])
		if err != nil {
			return err
		}
		left = append(left[:len(left)-n], next...)
	}
	return nil
}

// several evaluates a request of each of some boxes, on all processors.
func (x *explorer) several(ctx context.Context, boxes []box) ([]box, error) {
	done := make([]*run, len(boxes))
	failures := make([]error, len(boxes))
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() {
			for i := w; i < len(boxes); i += workers {
				done[i], failures[i] = x.one(ctx, boxes[i])
			}
		})
	}
	group.Wait()
	if i := slices.IndexFunc(failures, func(err error) bool { return err != nil }); i >= 0 {
		return nil, failures[i]
	}
	var left []box
	for i, r := range done {
		if r != nil {
			x.cases++
			x.judge(r)
			left = append(left, rest(boxes[i], r)...)
		}
	}
	return left, nil
}

// one evaluates a request of a box; nil if there is none.
func (x *explorer) one(ctx context.Context, b box) (*run, error) {
	r := &run{domain: x.domain, facts: b.facts, box: b.clone()}
	if !r.choose() {
		return nil, nil
	}
	r.input = request(func(a attribute) string { return r.texts[a] })
	var err error
	if r.old, err = r.decide(ctx, x.before); err != nil {
		return nil, in("the old revision", err)
	}
	if r.new, err = r.decide(ctx, x.after); err != nil {
		return nil, in("the new revision", err)
	}
	return r, nil
}

// choose takes the first choice of each dimension, so that type and interaction fit.
func (r *run) choose() bool {
	for d := range acting {
		i := slices.Index(r.box.choices[d], true)
		if i < 0 {
			return false
		}
		r.texts[d] = r.domain[d][i].text
	}
	for i, c := range r.domain[acting] {
		if !r.box.choices[acting][i] {
			continue
		}
		for j, about := range r.domain[typ] {
			if r.box.choices[typ][j] && c.fits(about.text) {
				r.texts[interaction], r.texts[action], r.texts[typ] = c.text, c.action, about.text
				return true
			}
		}
	}
	return false
}

// rest is what is left of a box without what was decided like a run: one box for each step
// that the evaluations took.
func rest(b box, r *run) (left []box) {
	b = b.clone()
	for _, s := range r.order {
		other := b.clone()
		if s.fact != nil {
			other.facts[*s.fact] = !r.box.facts[*s.fact]
			b.facts[*s.fact] = r.box.facts[*s.fact]
			left = append(left, other)
			continue
		}
		some := false
		for i, alike := range r.box.choices[s.dimension] {
			other.choices[s.dimension][i] = b.choices[s.dimension][i] && !alike
			some = some || other.choices[s.dimension][i]
			b.choices[s.dimension][i] = b.choices[s.dimension][i] && alike
		}
		if some {
			left = append(left, other)
		}
	}
	return left
}
