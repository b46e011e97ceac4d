package fhirpath

import "strconv"

// function is one function of the language: how many arguments it takes, and what it
// does with what it is applied to. Arguments are evaluated by the function itself: on
// $this (call.arg), or on each item (run.each).
type function struct {
	min, max int
	types    bool   // its argument is the name of a type
	items    bool   // its arguments are evaluated on the items, not on $this
	gives    string // what a check knows of its result: see check.go
	apply    func(r *run, c *call, s *scope, on Collection) Collection
}

// arity says how many arguments a function takes.
func (f *function) arity() string {
	switch {
	case f.types:
		return "the name of a type"
	case f.max == 0:
		return "no argument"
	case f.min == f.max && f.max == 1:
		return "one argument"
	case f.min == f.max:
		return strconv.Itoa(f.max) + " arguments"
	}
	return strconv.Itoa(f.min) + " to " + strconv.Itoa(f.max) + " arguments"
}

// functions are all functions by name, from the tables of the groups. init fills it: the
// parser looks functions up, and evaluating them leads back to the parser's trees.
var functions = map[string]*function{}

func init() {
	for _, group := range []map[string]*function{existence, filtering, subsetting, combining, conversion, strs, math, tree, typing, terms} {
		for name, f := range group {
			functions[name] = f
		}
	}
}

// most is more arguments than any call has.
const most = 100

// each evaluates an argument on every item, with $this and $index.
func (r *run) each(e expr, s *scope, on Collection, use func(i int, found Collection) (more bool)) {
	for i := range on {
		if !r.charge(1) {
			return
		}
		own := s.item(on[i], i)
		found := e.eval(r, own, own.this)
		if r.err != nil || !use(i, found) {
			return
		}
	}
}

// keep returns the items for which a condition is true.
func (r *run) keep(e expr, s *scope, on Collection) Collection {
	var out Collection
	r.each(e, s, on, func(i int, found Collection) bool {
		if is, _ := r.truth(found, "a condition"); is {
			out = append(out, on[i])
		}
		return true
	})
	return out
}
