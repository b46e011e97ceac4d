package fhirpath

import "sync/atomic"

// expr is a part of a compiled expression. eval evaluates it: on is what it is applied
// to (the value before the dot, or $this). After an error it returns anything; the run
// keeps the error.
type expr interface {
	eval(r *run, s *scope, on Collection) Collection
}

type (
	// literal is a constant: a string, a number, a date, {}.
	literal struct{ values Collection }

	// special is $this, $index or $total.
	special struct{ name string }

	// variable is %name.
	variable struct{ name string }

	// path is a chain a.b.c[0]: each step is applied to what the one before selects.
	path struct {
		first   expr
		steps   []expr
		defines bool // variables, which end with it
	}

	// member is the name of an element; at the start of an expression it may also be the
	// type of what it is applied to.
	member struct {
		name  string
		start bool
		memo  atomic.Uint64 // the type it was applied to last, plus 1, and the element found
	}

	// index is [n].
	index struct{ at expr }

	// call is a function with its arguments. An argument of a function that takes a type is
	// in typ instead.
	call struct {
		name string
		f    *function
		args []expr
		typ  *typeSpec

		pattern atomic.Pointer[pattern] // the regular expression it had last
	}

	// sign is -x or +x.
	sign struct {
		minus bool
		of    expr
	}

	// binary is an operator with two sides.
	binary struct {
		op          string
		left, right expr
		apply       operator
	}

	// typeTest is x is T or x as T.
	typeTest struct {
		of   expr
		cast bool
		typ  *typeSpec
	}

	// typeSpec names a type, with its namespace if it was given.
	typeSpec struct{ namespace, name string }
)
