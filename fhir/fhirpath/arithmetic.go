package fhirpath

// arithmetic is an operator between two numbers or quantities.
func arithmetic(apply func(r *run, a, b *Value) Collection) operator {
	return func(r *run, left, right Collection) Collection {
		a, okA := r.one(left, "the left side of an arithmetic operator")
		b, okB := r.one(right, "the right side of an arithmetic operator")
		if !okA || !okB {
			return nil
		}
		return apply(r, &a, &b)
	}
}

var (
	plus  = arithmetic(func(r *run, a, b *Value) Collection { return r.sum(a, b, false) })
	minus = arithmetic(func(r *run, a, b *Value) Collection { return r.sum(a, b, true) })
)

// result is a number, an integer if both operands were; empty if it does not fit.
func result(d *decimal, whole bool) Collection {
	if n, ok := d.isInteger(); whole {
		if !ok {
			return nil
		}
		return Collection{integer(n)}
	}
	if !d.fits() {
		return nil
	}
	return Collection{decimalOf(d.shortened())}
}

// shortened leaves out digits beyond mostScale.
func (d *decimal) shortened() *decimal { return d.rounded(mostScale) }

func (r *run) sum(a, b *Value, less bool) Collection {
	x, y := a.number(), b.number()
	switch {
	case x != nil && y != nil && less:
		return result(x.subtract(y), a.kind == Integer && b.kind == Integer)
	case x != nil && y != nil:
		return result(x.add(y), a.kind == Integer && b.kind == Integer)
	case a.kind == String && b.kind == String && !less:
		return r.text(a.text + b.text)
	case a.moment != nil && b.kind == Quantity:
		return r.later(a, b, less)
	case a.kind == Quantity && b.kind == Quantity:
		return sumOfQuantities(a, b, less)
	}
	return r.fail(unfit("+ or - stands between values that cannot be added"))
}

// later adds a duration to a date or time.
func (r *run) later(a, b *Value, less bool) Collection {
	unit := calendar[b.text] // also in quotes, as 1 'month'
	if unit == "" {
		unit = exactUnits[b.text]
	}
	amount := b.num
	if less {
		amount = amount.negated()
	}
	sum, known, ok := a.moment.plus(amount, unit)
	switch {
	case !known:
		return r.fail(unfit("what is added to a date or time is no duration of the calendar"))
	case !ok:
		return nil
	}
	return Collection{{kind: a.kind, moment: sum}}
}

// sumOfQuantities keeps the unit of the left one if they have the same, and has the
// canonical unit otherwise.
func sumOfQuantities(a, b *Value, less bool) Collection {
	x, y, ok := alike(a, b, false)
	if !ok {
		return nil
	}
	if less {
		y = y.negated()
	}
	sum := Value{kind: Quantity, num: x.add(y), text: a.text, n: a.n}
	if x != a.num {
		if sum.text, ok = canonicalCode(a); !ok {
			return nil
		}
		sum.n = 0
	}
	if !sum.num.fits() {
		return nil
	}
	return Collection{sum}
}

func multiply(r *run, a, b *Value) Collection {
	x, y := a.amount(), b.amount()
	if x == nil || y == nil {
		return r.fail(unfit("* stands between values that are no numbers"))
	}
	return r.withUnit(x.times(y), a, b, product)
}

func divide(r *run, a, b *Value) Collection {
	x, y := a.amount(), b.amount()
	switch {
	case x == nil || y == nil:
		return r.fail(unfit("/ stands between values that are no numbers"))
	case y.unscaled.Sign() == 0:
		return nil
	case a.kind == Integer && b.kind == Integer:
		return result(x.over(y), false)
	}
	return r.withUnit(x.over(y), a, b, quotient)
}

// amount is the number of a number or quantity, or nil.
func (v *Value) amount() *decimal {
	if v.kind == Quantity {
		return v.num
	}
	return v.number()
}

// withUnit is a result, with a unit if an operand has one.
func (r *run) withUnit(d *decimal, a, b *Value, combine func(a, b string) string) Collection {
	if a.kind != Quantity && b.kind != Quantity {
		return result(d, a.kind == Integer && b.kind == Integer)
	}
	codeA, okA := a.factor()
	codeB, okB := b.factor()
	if !okA || !okB || !d.fits() || len(codeA)+len(codeB) > 200 {
		return nil
	}
	return Collection{quantity(d.shortened(), combine(codeA, codeB))}
}

// factor is the unit of an operand; a number alone has the unit 1.
func (v *Value) factor() (string, bool) {
	if v.kind != Quantity {
		return "1", true
	}
	return v.code()
}

func quotientOf(r *run, a, b *Value) Collection { return r.division(a, b, false) }

func restOf(r *run, a, b *Value) Collection { return r.division(a, b, true) }

func (r *run) division(a, b *Value, rest bool) Collection {
	x, y := a.number(), b.number()
	switch {
	case x == nil || y == nil:
		return r.fail(unfit("div or mod stands between values that are no numbers"))
	case y.unscaled.Sign() == 0:
		return nil
	}
	q, m := x.divided(y)
	if rest {
		return result(m, a.kind == Integer && b.kind == Integer)
	}
	return result(q, true)
}
