package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

type constraint struct{ Key, Severity, Expression string }

// structural are the constraints that the parser of package fhir checks itself: they are
// not evaluated a second time. dom-r4b is of a later release.
var structural = []string{
	"ele-1", "ext-1", "ref-1", "txt-1", "txt-2", "dom-2", "dom-3", "dom-4", "dom-5", "dom-r4b",
	"bdl-1", "bdl-2", "bdl-3", "bdl-4", "bdl-5", "bdl-7", "bdl-8", "bdl-9", "bdl-10", "bdl-11", "bdl-12",
}

// constraints writes the constraints of types and elements, and the bindings that the
// definitions cannot list.
func constraints(dir string, t *table) error {
	sets, err := readCodes(dir)
	if err != nil {
		return err
	}
	w := constraintWriter{t: t, numbers: map[constraint]string{}, sets: sets, scratch: new(table)}
	return eachStructure(dir, func(s structure, elements []elementDefinition) error {
		for _, e := range elements {
			w.element(s, e)
		}
		return nil
	})
}

type constraintWriter struct {
	t, scratch *table
	numbers    map[constraint]string // of those written
	sets       *codes
}

// element writes what is demanded of a type (the first element of its structure), of a
// backbone element, which is a type as well, or of an element of a type.
func (w *constraintWriter) element(s structure, e elementDefinition) {
	owner, name := e.parent(), e.name()
	if owner == "" || e.backbone() {
		owner, name = e.Path, ""
	}
	var numbers []string
	if e.simpleQuantity() {
		numbers = append(numbers, w.number(constraint{"sqty-1", "error", "comparator.empty()"}))
	}
	for _, c := range e.Constraint {
		if c.Expression != "" && !slices.Contains(structural, c.Key) {
			numbers = append(numbers, w.number(c))
		}
	}
	if len(numbers) > 0 {
		w.t.line("O", owner, name, strings.Join(numbers, ","))
	}
	if b := e.Binding; b != nil && owner != "" && name != "" && s.Kind != "primitive-type" && w.open(b.Strength, b.ValueSet) {
		set, _, _ := strings.Cut(b.ValueSet, "|")
		w.t.line("B", owner, name, b.Strength, set)
	}
}

// simpleQuantity says whether a Quantity of the element has the profile SimpleQuantity.
func (e elementDefinition) simpleQuantity() bool {
	return slices.ContainsFunc(e.Type, func(t elementType) bool { return slices.Contains(t.Profile, core+"SimpleQuantity") })
}

// open says whether a binding is one that the parser does not check and validation does.
func (w *constraintWriter) open(strength, set string) bool {
	return strength == "extensible" || strength == "required" && w.sets.write(w.scratch, set) == ""
}

// corrected are expressions that R4 got wrong and a later release corrected: the type of
// an answer is boolean, not System.Boolean.
var corrected = map[string]string{"que-7": "operator = 'exists' implies (answer is boolean)"}

func (w *constraintWriter) number(c constraint) string {
	c.Expression = oneLine(cmp.Or(corrected[c.Key], c.Expression))
	if n, ok := w.numbers[c]; ok {
		return n
	}
	n := strconv.Itoa(len(w.numbers))
	w.numbers[c] = n
	w.t.line("K", n, c.Key, c.Severity, c.Expression)
	return n
}
