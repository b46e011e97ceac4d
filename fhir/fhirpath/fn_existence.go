package fhirpath

// existence are the functions that ask whether there is something, and whether all of it
// is alike.
var existence = map[string]*function{
	"empty":  {gives: "Boolean", apply: func(_ *run, _ *call, _ *scope, on Collection) Collection { return yes(len(on) == 0) }},
	"count":  {gives: "Integer", apply: func(_ *run, _ *call, _ *scope, on Collection) Collection { return Collection{integer(int64(len(on)))} }},
	"exists": {items: true, max: 1, gives: "Boolean", apply: exists},
	"all":    {items: true, min: 1, max: 1, gives: "Boolean", apply: all},
	"not":    {gives: "Boolean", apply: not},

	"allTrue":  {gives: "Boolean", apply: booleans(func(t, f int) bool { return f == 0 })},
	"anyTrue":  {gives: "Boolean", apply: booleans(func(t, f int) bool { return t > 0 })},
	"allFalse": {gives: "Boolean", apply: booleans(func(t, f int) bool { return t == 0 })},
	"anyFalse": {gives: "Boolean", apply: booleans(func(t, f int) bool { return f > 0 })},

	"subsetOf":   {min: 1, max: 1, gives: "Boolean", apply: func(r *run, c *call, s *scope, on Collection) Collection { return r.within(on, c.arg(r, s, 0)) }},
	"supersetOf": {min: 1, max: 1, gives: "Boolean", apply: func(r *run, c *call, s *scope, on Collection) Collection { return r.within(c.arg(r, s, 0), on) }},
	"isDistinct": {gives: "Boolean", apply: func(r *run, _ *call, _ *scope, on Collection) Collection { return yes(len(r.distinct(on)) == len(on)) }},
	"distinct":   {gives: "same", apply: func(r *run, _ *call, _ *scope, on Collection) Collection { return r.distinct(on) }},
	"hasValue":   {gives: "Boolean", apply: hasValue},
	"getValue":   {gives: "any", apply: getValue},
}

func exists(r *run, c *call, s *scope, on Collection) Collection {
	if len(c.args) == 0 {
		return yes(len(on) > 0)
	}
	found := false
	r.each(c.args[0], s, on, func(_ int, is Collection) bool {
		found, _ = r.truth(is, "a condition")
		return !found
	})
	return yes(found)
}

func all(r *run, c *call, s *scope, on Collection) Collection {
	holds := true
	r.each(c.args[0], s, on, func(_ int, is Collection) bool {
		holds, _ = r.truth(is, "a condition")
		return holds
	})
	return yes(holds)
}

func not(r *run, _ *call, _ *scope, on Collection) Collection {
	is, known := r.truth(on, "what not() is applied to")
	if !known {
		return nil
	}
	return yes(!is)
}

// booleans is a function that counts what is true and what is false.
func booleans(holds func(trues, falses int) bool) func(*run, *call, *scope, Collection) Collection {
	return func(r *run, c *call, _ *scope, on Collection) Collection {
		count := [2]int{}
		for i := range on {
			b, ok := on[i].Bool()
			if !ok {
				return r.fail(unfit("%s() is applied to something that is no boolean", c.name))
			}
			if b {
				count[1]++
			} else {
				count[0]++
			}
		}
		return yes(holds(count[1], count[0]))
	}
}

func (r *run) within(inner, outer Collection) Collection {
	s := r.set(outer)
	for i := range inner {
		if !s.has(&inner[i]) {
			return yes(false)
		}
	}
	return yes(true)
}

func hasValue(_ *run, _ *call, _ *scope, on Collection) Collection {
	return yes(len(on) == 1 && (on[0].kind != Element || on[0].hasValue()))
}

func getValue(_ *run, _ *call, _ *scope, on Collection) Collection {
	if len(on) != 1 || on[0].kind == Element && !on[0].hasValue() {
		return nil
	}
	return Collection{on[0].system()}
}
