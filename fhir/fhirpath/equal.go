package fhirpath

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// equalAll compares collections item by item.
func (r *run) equalAll(left, right Collection) (same, known bool) {
	if len(left) != len(right) {
		return false, true
	}
	known = true
	for i := range left {
		s, k := r.equal(&left[i], &right[i])
		if k && !s {
			return false, true
		}
		known = known && k
	}
	return true, known
}

// equal compares two values as = does. known is false where precision leaves it open.
func (r *run) equal(left, right *Value) (same, known bool) {
	if !r.charge(1) {
		return false, false
	}
	if left.kind == Element && right.kind == Element && left.tape == right.tape && left.at == right.at {
		return true, true
	}
	a, b := r.system(left), r.system(right)
	switch {
	case a.kind == Element && b.kind == Element:
		return r.equalElements(&a, &b, false), true
	case a.kind == Element || b.kind == Element:
		return false, true
	}
	return equalValues(&a, &b)
}

func equalValues(a, b *Value) (same, known bool) {
	if x, y, ok := numbers(a, b); ok {
		return x.compare(y) == 0, true
	}
	switch {
	case a.kind == Quantity && b.kind == Quantity:
		x, y, ok := alike(a, b, false)
		return ok && x.compare(y) == 0, ok
	case a.moment != nil && b.moment != nil:
		return a.moment.equal(b.moment)
	}
	return a.kind == b.kind && a.text == b.text && a.n == b.n, true
}

// numbers returns two numbers, or a number and a quantity without a unit, as decimals.
func numbers(a, b *Value) (x, y *decimal, ok bool) {
	if a.kind == Integer && b.kind == Integer {
		return nil, nil, false // compared by the caller, as n
	}
	x, y = a.number(), b.number()
	return x, y, x != nil && y != nil
}

// number is a number as a decimal, or nil.
func (v *Value) number() *decimal {
	switch {
	case v.kind == Integer:
		return wholeDecimal(v.n)
	case v.kind == Decimal:
		return v.num
	}
	return nil
}

// equalElements compares the types and all children of two elements. Their members may
// stand in another order. With loose it compares as ~ does.
func (r *run) equalElements(a, b *Value, loose bool) bool {
	if a.fhirType() != b.fhirType() && !loose {
		return false
	}
	if a.ext < 0 && b.ext < 0 && bytes.Equal(a.tape.Raw(a.at), b.tape.Raw(b.at)) {
		return r.charge(len(a.tape.Raw(a.at)) / 64)
	}
	if a.hasValue() || b.hasValue() {
		return false // one has a value and the other one not, or it is no valid one
	}
	left, right := a.children(nil, -1), b.children(nil, -1)
	if len(left) != len(right) || !r.charge(len(left)) {
		return false
	}
	byElement := map[int32]Collection{}
	for _, v := range right {
		elem := v.tape.Nodes[v.at].Elem
		byElement[elem] = append(byElement[elem], v)
	}
	for i := range left {
		elem := left[i].tape.Nodes[left[i].at].Elem
		others := byElement[elem]
		if len(others) == 0 || !r.equalChildren(&left[i], &others[0], loose) {
			return false
		}
		byElement[elem] = others[1:]
	}
	return true
}

func (r *run) equalChildren(a, b *Value, loose bool) bool {
	if loose {
		return r.equivalent(a, b)
	}
	same, known := r.equal(a, b)
	return same && known
}

// order compares two values of System that have an order.
func (r *run) order(a, b *Value) (order int, known bool) {
	if !r.charge(1) {
		return 0, false
	}
	if x, y, ok := numbers(a, b); ok {
		return x.compare(y), true
	}
	switch {
	case a.kind == Integer && b.kind == Integer:
		return cmp.Compare(a.n, b.n), true
	case a.kind == String && b.kind == String:
		return strings.Compare(a.text, b.text), true
	case a.kind == Quantity && b.kind == Quantity:
		x, y, ok := alike(a, b, false)
		if !ok {
			return 0, false
		}
		return x.compare(y), true
	case a.moment != nil && b.moment != nil && (a.kind == Time) == (b.kind == Time):
		return a.moment.compare(b.moment)
	}
	r.fail(unfit("values are compared that have no common order"))
	return 0, false
}

// equivalentAll compares collections as ~ does: in any order.
func (r *run) equivalentAll(left, right Collection) bool {
	if len(left) != len(right) {
		return false
	}
	taken := make([]bool, len(right))
	for i := range left {
		if !r.takeEquivalent(&left[i], right, taken) || r.err != nil {
			return false
		}
	}
	return true
}

func (r *run) takeEquivalent(v *Value, from Collection, taken []bool) bool {
	for i := range from {
		if r.err == nil && !taken[i] && r.equivalent(v, &from[i]) {
			taken[i] = true
			return true
		}
	}
	return false
}

// equivalent compares two values as ~ does: without regard to case and white space, to
// the precision of the less precise number.
func (r *run) equivalent(left, right *Value) bool {
	if !r.charge(1) {
		return false
	}
	a, b := r.system(left), r.system(right)
	if x, y, ok := numbers(&a, &b); ok {
		return roughly(x, y)
	}
	switch {
	case a.kind == Element && b.kind == Element:
		return r.equalElements(&a, &b, true)
	case a.kind == String && b.kind == String:
		return a.text == b.text || r.charge((len(a.text)+len(b.text))/64) && plain(a.text) == plain(b.text)
	case a.kind == Quantity && b.kind == Quantity:
		return roughlyAlike(&a, &b)
	case a.moment != nil && b.moment != nil:
		return a.moment.equivalent(b.moment)
	}
	return a.kind == b.kind && a.kind != Element && a.text == b.text && a.n == b.n
}

// plain is a text without regard to case and white space.
func plain(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// roughly compares numbers rounded to the digits of the less precise one.
func roughly(a, b *decimal) bool {
	a, b = a.trimmed(0), b.trimmed(0)
	scale := min(a.scale, b.scale)
	return a.rounded(scale).compare(b.rounded(scale)) == 0
}

// roughlyAlike compares quantities in the unit of the less precise one.
func roughlyAlike(a, b *Value) bool {
	x, y, ok := alike(a, b, true)
	if !ok {
		return false
	}
	if x == a.num && y == b.num {
		return roughly(x, y)
	}
	// One unit of the last digit of each, in the common unit, is what it is precise to.
	unitX, unitY, _ := alike(a.last(), b.last(), true)
	coarse := unitX
	if unitY.compare(unitX) > 0 {
		coarse = unitY
	}
	difference := x.subtract(y)
	if difference.unscaled.Sign() < 0 {
		difference = difference.negated()
	}
	return difference.times(wholeDecimal(2)).compare(coarse) < 0
}

// last is a quantity of one unit of the last digit.
func (v *Value) last() *Value {
	n := v.num.trimmed(0)
	one := wholeDecimal(1)
	one.scale = n.scale
	return &Value{kind: Quantity, num: one, text: v.text, n: v.n}
}

// key is the same for values that may be equal; it makes sets of many values cheap.
func (v *Value) key() string {
	s := v.system()
	switch s.kind {
	case String:
		return "s" + s.text
	case Integer:
		return "n" + wholeDecimal(s.n).String()
	case Decimal:
		return "n" + s.num.trimmed(0).String()
	case Element:
		return "e" + s.fhirType().Name + firstWord(&s)
	}
	return "x"
}

// firstWord is a child of an element that mostly tells it from others of its type.
func firstWord(v *Value) string {
	for _, name := range [...]string{"id", "url", "linkId", "fullUrl", "code", "value"} {
		elem := fhir.R4().Element(v.tape.Nodes[v.at].Type, name)
		if elem < 0 || v.tape.Nodes[v.at].Kind != '{' {
			continue
		}
		if c := v.children(nil, elem); len(c) == 1 && c[0].hasValue() && systemKinds[c[0].fhirType().Name] == Element {
			return name + string(c[0].tape.Text(c[0].at))
		}
	}
	return ""
}

// set are values, by their keys.
type set struct {
	r    *run
	keys map[string]Collection
}

func (r *run) set(of Collection) set {
	s := set{r, map[string]Collection{}}
	for i := range of {
		k := of[i].key()
		s.keys[k] = append(s.keys[k], of[i])
	}
	r.charge(len(of))
	return s
}

func (s set) has(v *Value) bool {
	return s.r.has(s.keys[v.key()], v)
}

// add puts a value into the set, unless it is there.
func (s set) add(v Value) bool {
	if s.has(&v) {
		return false
	}
	k := v.key()
	s.keys[k] = append(s.keys[k], v)
	return true
}

// has looks for one value in a collection.
func (r *run) has(c Collection, v *Value) bool {
	for i := range c {
		if same, known := r.equal(v, &c[i]); same && known {
			return true
		}
		if r.err != nil {
			return false
		}
	}
	return false
}

// distinct leaves out what is equal to an item before it.
func (r *run) distinct(c Collection) Collection {
	s := r.set(nil)
	out := c[:0:0]
	for i := range c {
		if s.add(c[i]) {
			out = append(out, c[i])
		}
		if r.err != nil {
			return nil
		}
	}
	return out
}
