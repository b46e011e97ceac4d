package fhirpath

import (
	"math/big"
	"strings"

	"github.com/aceso-health/aceso/fhir/ucum"
)

// calendar are the words for durations of the calendar, and the singular of each.
var calendar = map[string]string{
	"year": "year", "years": "year", "month": "month", "months": "month", "week": "week", "weeks": "week", "day": "day", "days": "day",
	"hour": "hour", "hours": "hour", "minute": "minute", "minutes": "minute", "second": "second", "seconds": "second",
	"millisecond": "millisecond", "milliseconds": "millisecond",
}

// calendarUnits are the UCUM units of calendar durations that always last as long.
var calendarUnits = map[string]string{"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}

// unit is the unit of a quantity as an expression writes it: a word, or a code in quotes.
func (v *Value) unit() string {
	if v.n == 1 {
		return v.text
	}
	return "'" + v.text + "'"
}

// code is the unit in UCUM; false for years and months of the calendar.
func (v *Value) code() (string, bool) {
	if v.n == 0 {
		return v.text, true
	}
	code, ok := calendarUnits[calendar[v.text]]
	return code, ok
}

// alike brings two quantities into one unit; ok is false if there is none. With loose,
// years and months of the calendar are those of UCUM.
func alike(a, b *Value, loose bool) (x, y *decimal, ok bool) {
	if a.n == b.n && (a.text == b.text || a.n == 1 && calendar[a.text] == calendar[b.text]) {
		return a.num, b.num, true
	}
	if a.n == 1 && b.n == 1 {
		if x, y, ok = yearsAndMonths(a, b); ok {
			return x, y, true
		}
	}
	codeA, okA := a.comparableCode(loose)
	codeB, okB := b.comparableCode(loose)
	var unitA, unitB ucum.Unit
	if !okA || !okB || !unitA.Parse([]byte(codeA)) || !unitB.Parse([]byte(codeB)) || !unitA.Alike(&unitB) {
		return nil, nil, false
	}
	return canonical(a.num, &unitA), canonical(b.num, &unitB), true
}

func (v *Value) comparableCode(loose bool) (string, bool) {
	if loose && v.n == 1 {
		switch calendar[v.text] {
		case "year":
			return "a", true
		case "month":
			return "mo", true
		}
	}
	return v.code()
}

// yearsAndMonths compares years with months of the calendar.
func yearsAndMonths(a, b *Value) (x, y *decimal, ok bool) {
	months := map[string]int64{"year": 12, "month": 1}
	perA, perB := months[calendar[a.text]], months[calendar[b.text]]
	if perA == 0 || perB == 0 {
		return nil, nil, false
	}
	return a.num.times(wholeDecimal(perA)), b.num.times(wholeDecimal(perB)), true
}

// canonical converts an amount to the canonical unit.
func canonical(d *decimal, u *ucum.Unit) *decimal {
	d = d.times(&decimal{new(big.Int).SetUint64(u.Factor), 0})
	if u.Power >= 0 {
		d = &decimal{d.rescaled(d.scale + u.Power), d.scale}
	} else {
		d = &decimal{d.unscaled, d.scale - u.Power}
	}
	if u.Offset > 0 {
		d = d.add(&decimal{new(big.Int).SetUint64(u.Offset), 2})
	}
	return d
}

// product is the unit of a product of quantities.
func product(a, b string) string {
	switch {
	case a == "1":
		return b
	case b == "1":
		return a
	case strings.HasPrefix(b, "/"):
		return a + b
	}
	return a + "." + b
}

// quotient is the unit of a quotient. What was multiplied in the divisor divides now, and
// the other way round: g/(m.s) is g/m/s.
func quotient(a, b string) string {
	if b == "1" {
		return a
	}
	swapped := swapOutside(b)
	if strings.HasPrefix(b, "/") {
		return product(a, swapped[1:])
	}
	return a + "/" + swapped
}

// swapOutside swaps . and / outside of braces and brackets.
func swapOutside(unit string) string {
	depth := 0
	return strings.Map(func(r rune) rune {
		switch {
		case r == '[' || r == '{':
			depth++
		case r == ']' || r == '}':
			depth--
		case depth == 0 && r == '.':
			return '/'
		case depth == 0 && r == '/':
			return '.'
		}
		return r
	}, unit)
}

// parseQuantity reads the text of a quantity: 1.5 'mg', 4 days, or a number alone.
func parseQuantity(text string) (Value, bool) {
	number, unit, _ := strings.Cut(strings.TrimSpace(text), " ")
	unit = strings.TrimSpace(unit)
	d, ok := parseDecimal(number)
	switch {
	case !ok || strings.ContainsAny(number, "eE"):
		return Value{}, false
	case unit == "":
		return quantity(d, "1"), true
	case calendar[unit] != "":
		return duration(d, unit), true
	case len(unit) > 2 && unit[0] == '\'' && unit[len(unit)-1] == '\'':
		return quantity(d, unit[1:len(unit)-1]), true
	}
	return Value{}, false
}

// canonicalCode is the code of the canonical unit of a quantity.
func canonicalCode(v *Value) (string, bool) {
	var u ucum.Unit
	code, ok := v.code()
	if !ok || !u.Parse([]byte(code)) || u.Offset != 0 {
		return "", false
	}
	return string(u.AppendCode(nil)), true
}
