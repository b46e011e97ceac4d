package ucum

import (
	"bytes"
	"math/bits"
	"strconv"
)

// System is the code system of UCUM.
const System = "http://unitsofmeasure.org"

// Unit is Factor * 10^Power of the product of the canonical units in dims, plus Offset
// for temperatures.
type Unit struct {
	Factor uint64
	Power  int
	Offset uint64 // hundredths of the canonical unit
	dims   [len(dimensions)]int8
}

// dimensions are the canonical units. For temperature it is a ninth of a
// kelvin, in which kelvin, Celsius and Fahrenheit are all whole multiples.
var dimensions = [...]string{"g", "m", "s", "mol", "K/9", "Pa", "J", "[iU]", "U", "eq", "osm", "V", "W", "A", "Hz", "Bq", "kat"}

const timeDimension, kelvinDimension = 2, 4

// perWeek is used below a fraction stroke instead of the second: rates per
// second, minute, hour and day are whole multiples of the rate per week.
const perWeek = 604800

// atom is a unit that others are made of; dim -1 is a pure number.
type atom struct {
	factor   uint64
	power    int
	dim, exp int8
	metric   bool // takes prefixes
}

var atoms = map[string]atom{
	"g": {1, 0, 0, 1, true}, "m": {1, 0, 1, 1, true}, "s": {1, 0, 2, 1, true},
	"L": {1, -3, 1, 3, true}, "l": {1, -3, 1, 3, true}, "mol": {1, 0, 3, 1, true},
	"K": {9, 0, 4, 1, true}, "Pa": {1, 0, 5, 1, true}, "J": {1, 0, 6, 1, true},
	"[iU]": {1, 0, 7, 1, true}, "[IU]": {1, 0, 7, 1, true}, "U": {1, 0, 8, 1, true},
	"eq": {1, 0, 9, 1, true}, "osm": {1, 0, 10, 1, true}, "V": {1, 0, 11, 1, true},
	"W": {1, 0, 12, 1, true}, "A": {1, 0, 13, 1, true}, "Hz": {1, 0, 14, 1, true},
	"Bq": {1, 0, 15, 1, true}, "kat": {1, 0, 16, 1, true},
	"t": {1, 6, 0, 1, true}, "bar": {1, 5, 5, 1, true}, "cal": {4184, -3, 6, 1, true},
	"m[Hg]": {133322, 0, 5, 1, true}, "m[H2O]": {980665, -2, 5, 1, true},
	"min": {60, 0, 2, 1, false}, "h": {3600, 0, 2, 1, false}, "d": {86400, 0, 2, 1, false},
	"wk": {perWeek, 0, 2, 1, false}, "mo": {2629800, 0, 2, 1, false}, "a": {31557600, 0, 2, 1, false},
	"[in_i]": {254, -4, 1, 1, false}, "[ft_i]": {3048, -4, 1, 1, false},
	"[lb_av]": {45359237, -5, 0, 1, false}, "[oz_av]": {28349523125, -9, 0, 1, false},
	"[Cal]": {4184, 0, 6, 1, false},
	"%":     {1, -2, -1, 0, false}, "[ppth]": {1, -3, -1, 0, false}, "[ppm]": {1, -6, -1, 0, false},
}

// unitPrefixes are the metric prefixes as powers of ten.
var unitPrefixes = [...]struct {
	name  string
	power int
}{
	{"da", 1}, {"k", 3}, {"M", 6}, {"G", 9}, {"T", 12}, {"h", 2},
	{"d", -1}, {"c", -2}, {"m", -3}, {"u", -6}, {"n", -9}, {"p", -12}, {"f", -15},
}

// Parse reads a UCUM code, and returns false if it is not covered.
func (u *Unit) Parse(code []byte) bool {
	*u = Unit{Factor: 1}
	switch string(code) {
	case "Cel":
		u.Factor, u.Offset, u.dims[kelvinDimension] = 9, 245835, 1
		return true
	case "[degF]":
		u.Factor, u.Offset, u.dims[kelvinDimension] = 5, 229835, 1
		return true
	}
	divisor, sign := uint64(1), int8(1)
	rest, ok := bytes.CutPrefix(code, []byte{'/'})
	if ok {
		sign = -1
	}
	for {
		term, end := cutTerm(rest)
		if !u.multiply(term, sign, &divisor) {
			return false
		}
		if end == len(rest) {
			return u.finish(divisor)
		}
		switch rest[end] {
		case '.':
			sign = 1
		case '/':
			sign = -1
		default:
			return false
		}
		rest = rest[end+1:]
	}
}

// cutTerm returns the first term, 1 for an annotation alone, and where term and
// annotation end.
func cutTerm(code []byte) (term []byte, end int) {
	end = bytes.IndexAny(code, "./{")
	if end < 0 {
		return code, len(code)
	}
	if term = code[:end]; code[end] != '{' {
		return term, end
	}
	brace := bytes.IndexByte(code, '}')
	if brace < 0 {
		return nil, len(code)
	}
	if len(term) == 0 {
		term = []byte{'1'}
	}
	return term, brace + 1
}

// multiply multiplies by one term, such as mm[Hg], m2, 10*3 or 24.
func (u *Unit) multiply(term []byte, sign int8, divisor *uint64) bool {
	name, exp, ok := cutPower(term)
	if !ok {
		return false
	}
	exp *= sign
	switch {
	case string(name) == "10*" || string(name) == "10^":
		u.Power += int(exp)
		return true
	case len(name) == 0: // a power of ten only; UCUM reads 1.73 as a product
		zeros := len(term) - 1
		u.Power += zeros * int(exp)
		return zeros >= 0 && term[0] == '1' && len(bytes.Trim(term[1:], "0")) == 0
	}
	a, power, ok := findAtom(name)
	if !ok {
		return false
	}
	if a.dim >= 0 {
		if u.dims[a.dim] += a.exp * exp; u.dims[a.dim] > 60 || u.dims[a.dim] < -60 {
			return false
		}
	}
	u.Power += (a.power + power) * int(exp)
	for ; exp > 0; exp-- {
		ok = ok && u.times(a.factor, 1, divisor)
	}
	for ; exp < 0; exp++ {
		ok = ok && u.times(a.factor, -1, divisor)
	}
	return ok
}

// times multiplies factor or divisor; false if that would overflow.
func (u *Unit) times(n uint64, sign int8, divisor *uint64) bool {
	target := &u.Factor
	if sign < 0 {
		target = divisor
	}
	high, low := bits.Mul64(*target, n)
	*target = low
	return high == 0 && low < 1<<58
}

// cutPower splits m2 into m and 2; a bare number has no name.
func cutPower(term []byte) (name []byte, exp int8, ok bool) {
	i := len(term)
	for i > 0 && '0' <= term[i-1] && term[i-1] <= '9' {
		i--
	}
	if i == len(term) {
		return term, 1, true
	}
	if i == 0 {
		return nil, 1, true
	}
	sign := int8(1)
	n, err := strconv.ParseUint(string(term[i:]), 10, 4)
	if c := term[i-1]; c == '-' || c == '+' {
		if i--; c == '-' {
			sign = -1
		}
	}
	return term[:i], sign * int8(n), err == nil && n > 0
}

func findAtom(name []byte) (a atom, power int, ok bool) {
	if a, ok = atoms[string(name)]; ok {
		return a, 0, true
	}
	for _, p := range unitPrefixes {
		if len(name) > len(p.name) && string(name[:len(p.name)]) == p.name {
			if a, ok = atoms[string(name[len(p.name):])]; ok && a.metric {
				return a, p.power, true
			}
		}
	}
	return atom{}, 0, false
}

// finish turns the divisor into a factor, if that is exact.
func (u *Unit) finish(divisor uint64) bool {
	for t := u.dims[timeDimension]; t < 0; t++ {
		if !u.times(perWeek, 1, &divisor) {
			return false
		}
	}
	g := gcd(u.Factor, divisor)
	u.Factor, divisor = u.Factor/g, divisor/g
	for _, d := range [...]uint64{10, 5, 2} {
		for ; divisor%d == 0; divisor /= d {
			u.Power--
			if d < 10 && !u.times(10/d, 1, &divisor) {
				return false
			}
		}
	}
	return divisor == 1 && u.Power > -60 && u.Power < 60
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Alike says whether two units measure the same, so that amounts in them compare.
func (u *Unit) Alike(other *Unit) bool { return u.dims == other.dims }

// AppendCode appends the code of the canonical unit.
func (u *Unit) AppendCode(to []byte) []byte {
	start := len(to)
	for i, exp := range u.dims {
		if exp == 0 {
			continue
		}
		if len(to) > start {
			to = append(to, '.')
		}
		name := dimensions[i]
		if i == timeDimension && exp < 0 {
			name = "wk"
		}
		to = append(to, name...)
		if exp != 1 {
			to = strconv.AppendInt(to, int64(exp), 10)
		}
	}
	if len(to) == start {
		to = append(to, '1')
	}
	return to
}
