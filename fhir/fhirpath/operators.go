package fhirpath

import "strings"

// operator applies an operator to its two sides.
type operator func(r *run, left, right Collection) Collection

// operators are all of them but is and as.
var operators = map[string]operator{
	"and": and, "or": or, "xor": xor, "implies": implies,
	"=": equalTo, "!=": notEqualTo, "~": equivalentTo, "!~": notEquivalentTo,
	"<": ordered(func(c int) bool { return c < 0 }), "<=": ordered(func(c int) bool { return c <= 0 }),
	">": ordered(func(c int) bool { return c > 0 }), ">=": ordered(func(c int) bool { return c >= 0 }),
	"in": in, "contains": func(r *run, left, right Collection) Collection { return in(r, right, left) },
	"|": union, "&": concatenate,
	"+": plus, "-": minus, "*": arithmetic(multiply), "/": arithmetic(divide), "div": arithmetic(quotientOf), "mod": arithmetic(restOf),
}

// logic reads both sides as conditions.
func (r *run) logic(left, right Collection) (a, knownA, b, knownB bool) {
	a, knownA = r.truth(left, "the left side of a condition")
	b, knownB = r.truth(right, "the right side of a condition")
	return a, knownA, b, knownB
}

func and(r *run, left, right Collection) Collection {
	a, knownA, b, knownB := r.logic(left, right)
	switch {
	case knownA && !a || knownB && !b:
		return yes(false)
	case knownA && knownB:
		return yes(true)
	}
	return nil
}

func or(r *run, left, right Collection) Collection {
	a, knownA, b, knownB := r.logic(left, right)
	switch {
	case knownA && a || knownB && b:
		return yes(true)
	case knownA && knownB:
		return yes(false)
	}
	return nil
}

func xor(r *run, left, right Collection) Collection {
	a, knownA, b, knownB := r.logic(left, right)
	if !knownA || !knownB {
		return nil
	}
	return yes(a != b)
}

func implies(r *run, left, right Collection) Collection {
	a, knownA, b, knownB := r.logic(left, right)
	switch {
	case knownA && !a || knownB && b:
		return yes(true)
	case knownA && knownB:
		return yes(false)
	}
	return nil
}

func equalTo(r *run, left, right Collection) Collection { return r.equality(left, right, true) }

func notEqualTo(r *run, left, right Collection) Collection { return r.equality(left, right, false) }

func (r *run) equality(left, right Collection, want bool) Collection {
	if len(left) == 0 || len(right) == 0 {
		return nil
	}
	same, known := r.equalAll(left, right)
	if !known {
		return nil
	}
	return yes(same == want)
}

func equivalentTo(r *run, left, right Collection) Collection {
	return yes(r.equivalentAll(left, right))
}

func notEquivalentTo(r *run, left, right Collection) Collection {
	return yes(!r.equivalentAll(left, right))
}

// ordered is an operator that compares two values.
func ordered(holds func(order int) bool) operator {
	return func(r *run, left, right Collection) Collection {
		a, okA := r.one(left, "the left side of a comparison")
		b, okB := r.one(right, "the right side of a comparison")
		if !okA || !okB {
			return nil
		}
		order, known := r.order(&a, &b)
		if !known {
			return nil
		}
		return yes(holds(order))
	}
}

func in(r *run, left, right Collection) Collection {
	if len(left) > 1 {
		return r.fail(unfit("in or contains asks for %d items instead of one", len(left)))
	}
	if len(left) == 0 {
		return nil
	}
	return yes(r.has(right, &left[0]))
}

func union(r *run, left, right Collection) Collection {
	return r.distinct(append(append(make(Collection, 0, len(left)+len(right)), left...), right...))
}

// concatenate joins strings; what is empty counts as ”.
func concatenate(r *run, left, right Collection) Collection {
	var b strings.Builder
	for _, side := range []Collection{left, right} {
		v, ok := r.one(side, "a side of &")
		switch {
		case ok && v.kind == String:
			b.WriteString(v.text)
		case ok:
			return r.fail(unfit("& joins something that is no string"))
		}
	}
	return r.text(b.String())
}
