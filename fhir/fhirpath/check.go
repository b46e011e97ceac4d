package fhirpath

import (
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// Check says whether an expression fits types of R4 before there is any data: whether the
// elements that it names exist in one of them, conditions of iif() are booleans, and
// nothing is asked for by its place among what has no order. Where a type cannot be known
// (resolve(), contained resources, children()) everything fits. The error is a *fhir.Error.
func (e *Expression) Check(of ...string) error {
	k := checker{}
	var on types
	for _, typ := range of {
		at := fhir.R4().TypeIndex(typ)
		if at < 0 {
			return unfit("there is no type %s", typ)
		}
		on.of = append(on.of, at)
	}
	k.check(e.root, on, on)
	if k.err != nil {
		return k.err
	}
	return nil
}

// types are what the items of a collection may be.
type types struct {
	open      bool    // anything; the rest says nothing
	of        []int32 // FHIR types, indexes into Definitions.Types
	system    []Kind
	unordered bool // the items have no order
}

var anything = types{open: true}

func systemType(k Kind) types { return types{system: []Kind{k}} }

// checker walks the tree of an expression, as run does with data.
type checker struct{ err *fhir.Error }

func (k *checker) fail(err *fhir.Error) types {
	if k.err == nil {
		k.err = err
	}
	return anything
}

// check is what an expression selects from on; this is what $this may be.
func (k *checker) check(e expr, on, this types) types {
	if k.err != nil {
		return anything
	}
	switch e := e.(type) {
	case *literal:
		if len(e.values) == 1 {
			return systemType(e.values[0].kind)
		}
	case *special:
		switch e.name {
		case "$this":
			return this
		case "$index":
			return systemType(Integer)
		}
	case *path:
		found := k.check(e.first, on, this)
		for _, step := range e.steps {
			found = k.check(step, found, this)
		}
		return found
	case *member:
		return k.member(e, on)
	case *index:
		k.check(e.at, this, this)
		return k.ordered("[]", on)
	case *call:
		return k.call(e, on, this)
	case *sign:
		return k.check(e.of, on, this)
	case *binary:
		return k.binary(e, on, this)
	case *typeTest:
		k.check(e.of, on, this)
		if e.cast {
			return cast(e.typ)
		}
		return systemType(Boolean)
	}
	return anything
}

// member looks an element up in all types that there may be.
func (k *checker) member(m *member, on types) types {
	if on.open || slices.Contains(on.system, TypeInfo) {
		return anything
	}
	if named := on.named(m); len(named.of) > 0 {
		return named
	}
	var found types
	for _, t := range on.of {
		if elem := fhir.R4().Element(t, m.name); elem >= 0 {
			found.of = append(found.of, fhir.R4().Elements[elem].Types...)
		}
	}
	if len(found.of) == 0 {
		return k.fail(unfit("%s has no element %s", on.name(), m.name))
	}
	found.open = slices.Contains(found.of, fhir.R4().TypeIndex("Resource"))
	return found
}

// named are the types that a path begins with, as in Patient.name.
func (t *types) named(m *member) (named types) {
	for _, of := range t.of {
		if m.start && isKindOf(typeName(&fhir.R4().Types[of]), m.name) {
			named.of = append(named.of, of)
		}
	}
	return named
}

// name names a type for an error.
func (t *types) name() string {
	if len(t.of) == 1 {
		return fhir.R4().Types[t.of[0]].Name
	}
	return "what stands before it"
}

// ordered refuses to choose by place among what has no order.
func (k *checker) ordered(what string, on types) types {
	if on.unordered {
		return k.fail(unfit("%s chooses by place among items that have no order", what))
	}
	return on
}

// byPlace are the functions that choose by place.
var byPlace = map[string]bool{"first": true, "last": true, "tail": true, "skip": true, "take": true}

func (k *checker) call(c *call, on, this types) types {
	var args []types
	for i, arg := range c.args {
		inside := this
		if c.f.items && !(c.name == "aggregate" && i == 1 || c.name == "trace" && i == 0) {
			inside = on
		}
		args = append(args, k.check(arg, inside, inside))
	}
	if byPlace[c.name] {
		k.ordered(c.name+"()", on)
	}
	if c.name == "iif" && !args[0].mayBe(Boolean) {
		return k.fail(unfit("the condition of iif() is no boolean"))
	}
	switch gives := c.f.gives; gives {
	case "same":
		return on
	case "arg":
		return args[0]
	case "type":
		return cast(c.typ)
	case "unordered":
		return types{open: true, unordered: true}
	case "Extension":
		return types{of: []int32{fhir.R4().TypeIndex(gives)}}
	default:
		if kind := slices.Index(kindNames[:], gives); kind > 0 {
			return systemType(Kind(kind))
		}
	}
	return anything
}

// mayBe says whether something may be of a type of System, as what FHIR has for it.
func (t *types) mayBe(kind Kind) bool {
	return t.open || slices.Contains(t.system, kind) || slices.ContainsFunc(t.of, func(i int32) bool {
		return systemKinds[fhir.R4().Types[i].Name] == kind
	})
}

// cast is what as and ofType select.
func cast(t *typeSpec) types {
	at := fhir.R4().TypeIndex(t.fhirName())
	if at < 0 || at == fhir.R4().TypeIndex("Resource") || at == fhir.R4().TypeIndex("Element") {
		return anything
	}
	return types{of: []int32{at}}
}

func (k *checker) binary(b *binary, on, this types) types {
	left, right := k.check(b.left, on, this), k.check(b.right, on, this)
	switch b.op {
	case "|":
		return types{
			open: left.open || right.open, unordered: left.unordered || right.unordered,
			of: slices.Concat(left.of, right.of), system: slices.Concat(left.system, right.system),
		}
	case "&":
		return systemType(String)
	case "+", "-", "*", "/", "div", "mod":
		return anything
	}
	return systemType(Boolean)
}
