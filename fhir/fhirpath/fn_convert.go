package fhirpath

import "strings"

// conversion are the functions that turn one item into another type, and those that ask
// whether that is possible.
var conversion = map[string]*function{
	"toBoolean":         {gives: "Boolean", apply: convert(toBoolean)},
	"convertsToBoolean": {gives: "Boolean", apply: converts(toBoolean)},
	"toInteger":         {gives: "Integer", apply: convert(toInteger)},
	"convertsToInteger": {gives: "Boolean", apply: converts(toInteger)},
	"toDecimal":         {gives: "Decimal", apply: convert(toDecimal)},
	"convertsToDecimal": {gives: "Boolean", apply: converts(toDecimal)},
	"toString":          {gives: "String", apply: convert(toString)},
	"convertsToString":  {gives: "Boolean", apply: converts(toString)},

	"toDate":             {gives: "Date", apply: convert(toMoment(Date))},
	"convertsToDate":     {gives: "Boolean", apply: converts(toMoment(Date))},
	"toDateTime":         {gives: "DateTime", apply: convert(toMoment(DateTime))},
	"convertsToDateTime": {gives: "Boolean", apply: converts(toMoment(DateTime))},
	"toTime":             {gives: "Time", apply: convert(toMoment(Time))},
	"convertsToTime":     {gives: "Boolean", apply: converts(toMoment(Time))},
	"toQuantity":         {max: 1, gives: "Quantity", apply: toQuantityIn},
	"convertsToQuantity": {max: 1, gives: "Boolean", apply: convertsToQuantity},
}

// conversionOf turns a value into another type, if it can be.
type conversionOf func(v Value) (Value, bool)

func convert(to conversionOf) func(*run, *call, *scope, Collection) Collection {
	return func(r *run, c *call, _ *scope, on Collection) Collection {
		v, ok := r.one(on, "what "+c.name+"() is applied to")
		if !ok {
			return nil
		}
		if v, ok = to(v); !ok {
			return nil
		}
		return Collection{v}
	}
}

func converts(to conversionOf) func(*run, *call, *scope, Collection) Collection {
	return func(r *run, c *call, _ *scope, on Collection) Collection {
		v, ok := r.one(on, "what "+c.name+"() is applied to")
		if !ok {
			return nil
		}
		_, ok = to(v)
		return yes(ok)
	}
}

// truths are the texts of booleans, in lower case.
var truths = map[string]bool{
	"true": true, "t": true, "yes": true, "y": true, "1": true, "1.0": true,
	"false": false, "f": false, "no": false, "n": false, "0": false, "0.0": false,
}

func toBoolean(v Value) (Value, bool) {
	switch v.kind {
	case Boolean:
		return v, true
	case Integer:
		return boolean(v.n == 1), v.n == 0 || v.n == 1
	case Decimal:
		one := v.num.compare(wholeDecimal(1)) == 0
		return boolean(one), one || v.num.unscaled.Sign() == 0
	case String:
		b, ok := truths[strings.ToLower(v.text)]
		return boolean(b), ok
	}
	return v, false
}

func toInteger(v Value) (Value, bool) {
	switch v.kind {
	case Integer:
		return v, true
	case Boolean:
		return integer(v.n), true
	case String:
		d, ok := parseDecimal(v.text)
		if !ok || d.scale > 0 || strings.ContainsAny(v.text, "eE") {
			return v, false
		}
		n, ok := d.isInteger()
		return integer(n), ok
	}
	return v, false
}

func toDecimal(v Value) (Value, bool) {
	switch v.kind {
	case Decimal:
		return v, true
	case Integer, Boolean:
		return decimalOf(wholeDecimal(v.n)), true
	case String:
		d, ok := parseDecimal(v.text)
		return decimalOf(d), ok && !strings.ContainsAny(v.text, "eE")
	}
	return v, false
}

func toString(v Value) (Value, bool) {
	if v.kind == Element || v.kind == TypeInfo {
		return v, false
	}
	return str(v.String()), true
}

func toMoment(kind Kind) conversionOf {
	return func(v Value) (Value, bool) {
		switch {
		case v.kind == kind:
			return v, true
		case v.kind == String:
			m, ok := parseAs(kind, strings.TrimPrefix(v.text, "@"))
			return Value{kind: kind, moment: m}, ok
		case v.kind == Date && kind == DateTime:
			m := *v.moment
			m.kind = DateTime
			return Value{kind: kind, moment: &m}, true
		case v.kind == DateTime && kind == Date:
			m := *v.moment
			m.kind, m.to, m.zoned, m.fraction = Date, min(m.to, toDay), false, 0
			return Value{kind: kind, moment: m.clear()}, true
		}
		return v, false
	}
}

func toQuantity(v Value) (Value, bool) {
	switch v.kind {
	case Quantity:
		return v, true
	case Integer, Boolean:
		return quantity(wholeDecimal(v.n), "1"), true
	case Decimal:
		return quantity(v.num, "1"), true
	case String:
		return parseQuantity(v.text)
	}
	return v, false
}

// toQuantityIn also converts to the unit of its argument.
func toQuantityIn(r *run, c *call, s *scope, on Collection) Collection {
	v, ok := r.one(on, "what toQuantity() is applied to")
	if !ok {
		return nil
	}
	if v, ok = toQuantity(v); !ok {
		return nil
	}
	if len(c.args) == 0 {
		return Collection{v}
	}
	unit, ok := r.string(c.arg(r, s, 0), "the unit of toQuantity()")
	if !ok {
		return nil
	}
	return inUnit(&v, unit)
}

// inUnit converts a quantity to another unit.
func inUnit(v *Value, unit string) Collection {
	one := quantity(wholeDecimal(1), unit)
	if calendar[unit] != "" {
		one = duration(one.num, unit)
	}
	x, y, ok := alike(v, &one, false)
	if !ok || y.unscaled.Sign() == 0 {
		return nil
	}
	one.num = x.over(y)
	return Collection{one}
}

func convertsToQuantity(r *run, c *call, s *scope, on Collection) Collection {
	if len(on) == 0 {
		return nil
	}
	return yes(len(toQuantityIn(r, c, s, on)) > 0)
}
