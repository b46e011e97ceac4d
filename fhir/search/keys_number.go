package search

import (
	"bytes"
	"math/big"
	"strconv"

	"github.com/aceso-health/aceso/fhir/ucum"
)

// Numbers are compared as byte strings, never as doubles: '-', '0' or '1' for
// the sign, five digits of biased exponent, then the significant digits. In a
// negative number exponent and digits are complemented and '~' ends it, so
// that a longer one sorts before a shorter one.
const (
	// NumberMin and NumberMax are the open ends of a NumberRange.
	NumberMin = "!"
	NumberMax = "~"

	maxDigits   = 64
	maxExponent = 9999
	numberBias  = 20000
)

// nudge moves an encoded number by an infinitely small step, so that a closed
// interval of strings can express a half-open one of numbers.
type nudge int8

const (
	below nudge = -1
	exact nudge = 0
	above nudge = 1
)

// decimal is digits * 10^exp. Its digits have no leading zeros; trailing zeros
// stay because they show the precision. Zero has no digits.
type decimal struct {
	neg    bool
	n      int // how many digits
	exp    int // power of ten of the last digit
	digits [maxDigits + 32]byte
}

// parse reads a JSON number. It returns false if the text is not a number or is
// too long to compare.
func (d *decimal) parse(text []byte) bool {
	*d = decimal{}
	if len(text) > 0 && text[0] == '-' {
		d.neg, text = true, text[1:]
	}
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		e, err := strconv.Atoi(string(text[i+1:]))
		if err != nil || e > maxExponent || e < -maxExponent {
			return false
		}
		d.exp, text = e, text[:i]
	}
	return d.mantissa(text)
}

func (d *decimal) mantissa(text []byte) bool {
	point := -1
	for i, c := range text {
		switch {
		case c == '.' && point < 0 && i > 0 && i < len(text)-1:
			point = i
		case c < '0' || c > '9':
			return false
		case c == '0' && d.n == 0: // a leading zero
		case d.n == maxDigits:
			return false
		default:
			d.digits[d.n] = c
			d.n++
		}
	}
	if point >= 0 {
		d.exp -= len(text) - 1 - point
	}
	return len(text) > 0
}

// scale multiplies by factor * 10^power, exactly.
func (d *decimal) scale(factor uint64, power int) bool {
	d.exp += power
	if d.n == 0 || factor == 1 {
		return true
	}
	var product [maxDigits + 32]byte
	at, carry := len(product), uint64(0)
	for i := d.n - 1; i >= 0 || carry > 0; i-- {
		if at == 0 {
			return false
		}
		if i >= 0 {
			carry += uint64(d.digits[i]-'0') * factor
		}
		at--
		product[at] = '0' + byte(carry%10)
		carry /= 10
	}
	d.n = copy(d.digits[:], product[at:])
	return true
}

// convert converts a value in a unit to the canonical unit, exactly.
func (d *decimal) convert(u *ucum.Unit) bool {
	return d.scale(u.Factor, u.Power) && (u.Offset == 0 || d.add(u.Offset, -2))
}

// add adds v * 10^exp, exactly, for units with another zero point.
func (d *decimal) add(v uint64, exp int) bool {
	if v == 0 {
		return true
	}
	other := decimal{exp: exp}
	var room [20]byte
	other.n = copy(other.digits[:], strconv.AppendUint(room[:0], v, 10))
	low := min(d.exp, exp)
	if !d.pad(low) || !other.pad(low) {
		return false
	}
	switch {
	case !d.neg:
		d.plus(&other, 1)
	case d.less(&other):
		other.plus(d, -1)
		*d = other
	default:
		d.plus(&other, -1)
	}
	return true
}

// pad writes the number with a smaller exponent.
func (d *decimal) pad(exp int) bool {
	for ; d.n > 0 && d.exp > exp; d.exp-- {
		if d.n == len(d.digits)-1 {
			return false
		}
		d.digits[d.n] = '0'
		d.n++
	}
	d.exp = exp
	return true
}

// less compares the digits of numbers with the same exponent.
func (d *decimal) less(o *decimal) bool {
	if d.n != o.n {
		return d.n < o.n
	}
	return bytes.Compare(d.digits[:d.n], o.digits[:o.n]) < 0
}

// plus adds or, with sign -1, subtracts the digits of a number with the same
// exponent. A result must not be negative.
func (d *decimal) plus(o *decimal, sign int) {
	var sum [len(d.digits)]byte
	at, carry := len(sum), 0
	for i := 1; i <= max(d.n, o.n) || carry > 0; i++ {
		if i <= d.n {
			carry += int(d.digits[d.n-i] - '0')
		}
		if i <= o.n {
			carry += sign * int(o.digits[o.n-i]-'0')
		}
		digit := (carry + 10) % 10
		carry = (carry - digit) / 10
		at--
		sum[at] = '0' + byte(digit)
	}
	for at < len(sum) && sum[at] == '0' {
		at++
	}
	d.n = copy(d.digits[:], sum[at:])
}

// set makes d the number v * 10^exp.
func (d *decimal) set(v *big.Int, exp int) bool {
	*d = decimal{exp: exp}
	text := v.Append(nil, 10)
	if len(text) > len(d.digits) {
		return false
	}
	if text[0] == '-' {
		d.neg, text = true, text[1:]
	}
	if text[0] != '0' {
		d.n = copy(d.digits[:], text)
	}
	return true
}

// big is the mantissa with its sign.
func (d *decimal) big() *big.Int {
	m := new(big.Int)
	if d.n > 0 {
		m.SetString(string(d.digits[:d.n]), 10)
	}
	if d.neg {
		m.Neg(m)
	}
	return m
}

// append appends the order-preserving encoding.
func (d *decimal) append(to []byte, e nudge) []byte {
	digits := bytes.TrimRight(d.digits[:d.n], "0")
	switch {
	case len(digits) == 0:
		return appendZero(to, e)
	case d.neg:
		return d.appendNegative(to, digits, e)
	}
	to = appendExponent(append(to, '1'), d.n+d.exp, false)
	to = append(to, digits...)
	switch e {
	case below: // 1.5 becomes 1.4~: after every 1.4...
		to[len(to)-1]--
		to = append(to, '~')
	case above:
		to = append(to, '!')
	}
	return to
}

func appendZero(to []byte, e nudge) []byte {
	switch e {
	case below:
		return append(to, "-~"...)
	case above:
		return append(to, "0!"...)
	}
	return append(to, '0')
}

func (d *decimal) appendNegative(to, digits []byte, e nudge) []byte {
	to = appendExponent(append(to, '-'), d.n+d.exp, true)
	for _, c := range digits {
		to = append(to, '0'+'9'-c)
	}
	switch e {
	case below:
		return append(to, '}')
	case above:
		return append(to, "~~"...)
	}
	return append(to, '~')
}

func appendExponent(to []byte, exp int, complement bool) []byte {
	v := exp + numberBias
	if complement {
		v = 99999 - v
	}
	return append(to, '0'+byte(v/10000), '0'+byte(v/1000%10), '0'+byte(v/100%10), '0'+byte(v/10%10), '0'+byte(v%10))
}

// encode is append for one string.
func (d *decimal) encode(e nudge) string { return string(d.append(nil, e)) }

// around returns the interval that the significant digits imply: 5.40 is 5.395
// to 5.405. It widens it by a percentage of the value.
func (d *decimal) around(percent int64) (lo, hi decimal, ok bool) {
	m := d.big()
	half := big.NewInt(500) // all in thousandths of the last digit
	margin := new(big.Int).Mul(new(big.Int).Abs(m), big.NewInt(percent*10))
	margin.Add(margin, half)
	m.Mul(m, big.NewInt(1000))
	okLo := lo.set(new(big.Int).Sub(m, margin), d.exp-3)
	okHi := hi.set(new(big.Int).Add(m, margin), d.exp-3)
	return lo, hi, okLo && okHi
}
