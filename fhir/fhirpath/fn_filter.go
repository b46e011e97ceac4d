package fhirpath

import "sort"

// filtering are the functions that choose items, or make others of each.
var filtering = map[string]*function{
	"where":     {items: true, min: 1, max: 1, gives: "same", apply: func(r *run, c *call, s *scope, on Collection) Collection { return r.keep(c.args[0], s, on) }},
	"select":    {items: true, min: 1, max: 1, gives: "arg", apply: selectEach},
	"repeat":    {items: true, min: 1, max: 1, gives: "any", apply: func(r *run, c *call, s *scope, on Collection) Collection { return r.repeat(c.args[0], s, on, true) }},
	"repeatAll": {items: true, min: 1, max: 1, gives: "any", apply: func(r *run, c *call, s *scope, on Collection) Collection { return r.repeat(c.args[0], s, on, false) }},
	"ofType":    {types: true, gives: "type", apply: func(r *run, c *call, _ *scope, on Collection) Collection { return r.ofType(on, c.typ) }},
	"sort":      {items: true, max: most, gives: "same", apply: sorted},
	"aggregate": {items: true, min: 1, max: 2, gives: "any", apply: aggregate},
	"iif":       {items: true, min: 2, max: 3, gives: "any", apply: iif},
	"coalesce":  {min: 1, max: most, gives: "any", apply: coalesce},
}

func selectEach(r *run, c *call, s *scope, on Collection) Collection {
	var out Collection
	r.each(c.args[0], s, on, func(_ int, found Collection) bool {
		out = append(out, found...)
		return len(out) <= MaxItems
	})
	return out
}

// repeat evaluates an argument on every item, on what that selects, and so on. What was
// found before is left out if it has to be new.
func (r *run) repeat(e expr, s *scope, on Collection, once bool) Collection {
	var out Collection
	seen := r.set(nil)
	for queue := on; len(queue) > 0 && r.err == nil; {
		var found Collection
		r.each(e, s, queue, func(_ int, more Collection) bool {
			for i := range more {
				if !once || seen.add(more[i]) {
					found = append(found, more[i])
				}
			}
			return len(found) <= MaxItems
		})
		out = r.fitting(append(out, found...))
		queue = found
	}
	return out
}

func (r *run) ofType(on Collection, t *typeSpec) Collection {
	var out Collection
	for i := range on {
		if t.selects(&on[i]) {
			out = append(out, on[i])
		}
	}
	return out
}

// sortKey is a criterion of an item.
type sortKey struct {
	v     Value
	known bool
}

// sorted orders by its arguments; one with a minus before it counts backwards.
func sorted(r *run, c *call, s *scope, on Collection) Collection {
	keys := make([][]sortKey, len(on))
	backwards := make([]bool, max(1, len(c.args)))
	if len(c.args) == 0 {
		for i := range on {
			keys[i] = []sortKey{{on[i].system(), true}}
		}
	}
	for n, arg := range c.args {
		if m, ok := arg.(*sign); ok {
			arg, backwards[n] = m.of, m.minus
		}
		r.each(arg, s, on, func(i int, found Collection) bool {
			v, ok := r.one(found, "a criterion of sort()")
			keys[i] = append(keys[i], sortKey{v, ok})
			return true
		})
	}
	if r.err != nil {
		return nil
	}
	order := make([]int, len(on))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return r.before(keys[order[i]], keys[order[j]], backwards) })
	out := make(Collection, len(on))
	for i, from := range order {
		out[i] = on[from]
	}
	return out
}

// before says whether an item sorts before another one. What has no criterion comes
// first, in both directions.
func (r *run) before(a, b []sortKey, backwards []bool) bool {
	for i := range a {
		x, y := &a[i], &b[i]
		if x.known != y.known {
			return !x.known
		}
		if !x.known {
			continue
		}
		if order, _ := r.order(&x.v, &y.v); order != 0 {
			return (order < 0) != backwards[i]
		}
	}
	return false
}

func aggregate(r *run, c *call, s *scope, on Collection) Collection {
	own := *s
	own.total = c.arg(r, s, 1)
	r.each(c.args[0], &own, on, func(_ int, found Collection) bool {
		own.total = found
		return true
	})
	return own.total
}

// iif evaluates only the branch that is chosen. Its arguments see what it is applied to.
func iif(r *run, c *call, s *scope, on Collection) Collection {
	if len(on) > 1 {
		return r.fail(unfit("iif() is applied to %d items instead of one", len(on)))
	}
	own := s
	if len(on) == 1 {
		own = s.item(on[0], s.index)
	}
	is, _ := r.truth(c.args[0].eval(r, own, own.this), "the condition of iif()")
	switch {
	case r.err != nil:
		return nil
	case is:
		return c.args[1].eval(r, own, own.this)
	case len(c.args) > 2:
		return c.args[2].eval(r, own, own.this)
	}
	return nil
}

func coalesce(r *run, c *call, s *scope, _ Collection) Collection {
	for i := range c.args {
		if found := c.arg(r, s, i); len(found) > 0 || r.err != nil {
			return found
		}
	}
	return nil
}
