package fhirpath

import "math/big"

// math are the functions of numbers.
var math = map[string]*function{
	"abs":      {gives: "any", apply: ofNumber(abs)},
	"ceiling":  {gives: "Integer", apply: ofNumber(func(_ *run, d *decimal, _ []*decimal) *decimal { return d.ceiling() })},
	"floor":    {gives: "Integer", apply: ofNumber(func(_ *run, d *decimal, _ []*decimal) *decimal { return d.negated().ceiling().negated() })},
	"truncate": {gives: "Integer", apply: ofNumber(func(_ *run, d *decimal, _ []*decimal) *decimal { return d.whole() })},
	"round":    {max: 1, gives: "Decimal", apply: ofNumber(round)},
	"sqrt":     {gives: "Decimal", apply: ofNumber(func(_ *run, d *decimal, _ []*decimal) *decimal { return squareRoot(d) })},
	"exp":      {gives: "Decimal", apply: ofNumber(func(_ *run, d *decimal, _ []*decimal) *decimal { return exponential(d) })},
	"ln":       {gives: "Decimal", apply: ofNumber(func(_ *run, d *decimal, _ []*decimal) *decimal { return logarithm(d) })},
	"log":      {min: 1, max: 1, gives: "Decimal", apply: ofNumber(log)},
	"power":    {min: 1, max: 1, gives: "Decimal", apply: ofNumber(power)},
}

// mathCosts are the steps of functions that compute a series.
var mathCosts = map[string]int{"sqrt": 50, "exp": 1000, "ln": 3000, "log": 6000, "power": 4000}

// rounders give whole numbers.
var rounders = map[string]bool{"ceiling": true, "floor": true, "truncate": true}

// ofNumber is a function of a number with numbers as arguments; nil is no number. Of
// quantities only abs, ceiling, floor, round and truncate have one.
func ofNumber(apply func(r *run, d *decimal, args []*decimal) *decimal) func(*run, *call, *scope, Collection) Collection {
	return func(r *run, c *call, s *scope, on Collection) Collection {
		v, ok := r.one(on, "what "+c.name+"() is applied to")
		if !ok {
			return nil
		}
		d := v.amount()
		if d == nil {
			return r.fail(unfit("%s() is applied to something that is no number", c.name))
		}
		args := make([]*decimal, len(c.args))
		for i := range args {
			a, ok := r.one(c.arg(r, s, i), "an argument of "+c.name+"()")
			if !ok {
				return nil
			}
			if args[i] = a.number(); args[i] == nil {
				return r.fail(unfit("an argument of %s() is no number", c.name))
			}
		}
		if r.charge(mathCosts[c.name]); r.err != nil {
			return nil
		}
		return numberLike(&v, c.name, apply(r, d, args))
	}
}

// numberLike gives the result the type of what the function was applied to.
func numberLike(v *Value, name string, d *decimal) Collection {
	switch {
	case d == nil || !d.fits():
		return nil
	case v.kind == Quantity:
		q := *v
		q.num = d
		return Collection{q}
	}
	_, whole := d.isInteger()
	return result(d, rounders[name] || v.kind == Integer && whole && (name == "abs" || name == "power"))
}

func abs(_ *run, d *decimal, _ []*decimal) *decimal {
	return &decimal{new(big.Int).Abs(d.unscaled), d.scale}
}

// ceiling is the smallest whole number that is not less.
func (d *decimal) ceiling() *decimal {
	w := d.whole()
	if d.compare(w) > 0 {
		return w.add(wholeDecimal(1))
	}
	return w
}

func round(r *run, d *decimal, args []*decimal) *decimal {
	if len(args) == 0 {
		return d.rounded(0)
	}
	n, ok := args[0].isInteger()
	if !ok || n < 0 {
		r.fail(unfit("round() takes a whole number of digits that is not negative"))
		return nil
	}
	return d.rounded(int(min(n, mostScale)))
}

func log(_ *run, d *decimal, args []*decimal) *decimal {
	x, base := logarithm(d), logarithm(args[0])
	if x == nil || base == nil || base.unscaled.Sign() == 0 {
		return nil
	}
	return x.over(base).rounded(resultScale)
}

func power(_ *run, d *decimal, args []*decimal) *decimal {
	n, whole := args[0].isInteger()
	switch {
	case whole && n >= 0:
		return wholePower(d, n)
	case whole && d.unscaled.Sign() != 0:
		p := wholePower(d, -n)
		if p == nil || p.unscaled.Sign() == 0 {
			return nil
		}
		return wholeDecimal(1).over(p)
	}
	ln := logarithm(d)
	if ln == nil {
		return nil
	}
	return exponential(ln.times(args[0]))
}

// wholePower multiplies by squaring, and gives up when the number does not fit.
func wholePower(d *decimal, n int64) *decimal {
	p := wholeDecimal(1)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			p = p.times(d).shortened()
		}
		if n > 1 {
			d = d.times(d).shortened()
		}
		if !p.fits() || !d.fits() {
			return nil
		}
	}
	return p
}
