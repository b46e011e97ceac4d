package fhirpath

// tree are the functions that go down into elements, and those that look on or name
// what was found on the way.
var tree = map[string]*function{
	"children":    {gives: "unordered", apply: func(_ *run, _ *call, _ *scope, on Collection) Collection { return childrenOf(on) }},
	"descendants": {gives: "unordered", apply: descendants},

	"trace":          {items: true, min: 1, max: 2, gives: "same", apply: trace},
	"defineVariable": {min: 1, max: 2, gives: "same", apply: defineVariable},

	"now": {gives: "DateTime", apply: func(r *run, _ *call, _ *scope, _ Collection) Collection {
		return Collection{momentOf(DateTime, r.time())}
	}},
	"today":     {gives: "Date", apply: func(r *run, _ *call, _ *scope, _ Collection) Collection { return Collection{momentOf(Date, r.time())} }},
	"timeOfDay": {gives: "Time", apply: func(r *run, _ *call, _ *scope, _ Collection) Collection { return Collection{momentOf(Time, r.time())} }},
}

func childrenOf(on Collection) Collection {
	var out Collection
	for i := range on {
		if on[i].kind == Element {
			out = on[i].children(out, -1)
		}
	}
	return out
}

// descendants are the children, their children and so on: every element once.
func descendants(r *run, _ *call, _ *scope, on Collection) Collection {
	var out Collection
	for level := on; r.err == nil; {
		if level = r.bounded(childrenOf(level)); len(level) == 0 {
			break
		}
		out = r.fitting(append(out, level...))
	}
	return out
}

// trace shows values to whoever evaluates, and passes them on.
func trace(r *run, c *call, s *scope, on Collection) Collection {
	name, _ := r.string(c.arg(r, s, 0), "the name of trace()")
	shown := on
	if len(c.args) > 1 {
		shown = selectEach(r, &call{args: c.args[1:]}, s, on)
	}
	if r.env.Trace != nil && r.err == nil {
		r.env.Trace(name, shown)
	}
	return on
}

// defineVariable gives a value a name for the rest of the chain.
func defineVariable(r *run, c *call, s *scope, on Collection) Collection {
	name, ok := r.string(c.arg(r, s, 0), "the name of defineVariable()")
	if !ok {
		return nil
	}
	for v := s.vars; v != nil; v = v.older {
		if v.name == name {
			return r.fail(unfit("a variable is defined twice"))
		}
	}
	if _, taken := r.env.Variables[name]; taken || reserved[name] {
		return r.fail(unfit("a variable with a name of the environment is defined"))
	}
	value := on
	if len(c.args) > 1 {
		own := *s
		own.this = on
		value = c.args[1].eval(r, &own, on)
	}
	s.vars = &defined{name, value, s.vars}
	return on
}

// reserved are the names of the environment.
var reserved = map[string]bool{"context": true, "resource": true, "rootResource": true, "ucum": true, "sct": true, "loinc": true}
