package fhirpath

import (
	"math/big"
	"strconv"
	"strings"
)

// decimal is unscaled / 10^scale; scale >= 0 tells the digits after the point, as they
// were written. Decimals are never changed once they are made.
type decimal struct {
	unscaled *big.Int
	scale    int
}

// mostScale bounds the digits after the point of what is computed.
const mostScale = 40

var ten = big.NewInt(10)

func powerOfTen(n int) *big.Int { return new(big.Int).Exp(ten, big.NewInt(int64(n)), nil) }

func wholeDecimal(n int64) *decimal { return &decimal{unscaled: big.NewInt(n)} }

// parseDecimal reads a number as JSON and FHIRPath write it; false if it is none or has
// more than maxDigits digits.
func parseDecimal(text string) (*decimal, bool) {
	mantissa, exponent, ok := cutExponent(text)
	if !ok || len(mantissa) > maxDigits {
		return nil, false
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole, "+-")
	if len(whole)-len(digits) > 1 || digits == "" || point && fraction == "" {
		return nil, false
	}
	if strings.Trim(digits+fraction, "0123456789") != "" {
		return nil, false
	}
	unscaled, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		return nil, false
	}
	d := &decimal{unscaled, len(fraction) - exponent}
	if d.scale < 0 {
		d = &decimal{unscaled.Mul(unscaled, powerOfTen(-d.scale)), 0}
	}
	return d, true
}

func cutExponent(text string) (mantissa string, exponent int, ok bool) {
	i := strings.IndexAny(text, "eE")
	if i < 0 {
		return text, 0, true
	}
	exponent, err := strconv.Atoi(text[i+1:])
	return text[:i], exponent, err == nil && exponent <= maxDigits && exponent >= -maxDigits
}

// String writes all digits, as 1.50.
func (d *decimal) String() string {
	s := d.unscaled.String()
	if d.scale == 0 {
		return s
	}
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	if len(s) <= d.scale {
		s = strings.Repeat("0", d.scale-len(s)+1) + s
	}
	return sign + s[:len(s)-d.scale] + "." + s[len(s)-d.scale:]
}

// rescaled returns the unscaled value for more digits after the point.
func (d *decimal) rescaled(scale int) *big.Int {
	if scale <= d.scale {
		return d.unscaled
	}
	return new(big.Int).Mul(d.unscaled, powerOfTen(scale-d.scale))
}

func (d *decimal) compare(o *decimal) int {
	if d.scale == o.scale {
		return d.unscaled.Cmp(o.unscaled)
	}
	scale := max(d.scale, o.scale)
	return d.rescaled(scale).Cmp(o.rescaled(scale))
}

func (d *decimal) add(o *decimal) *decimal {
	scale := max(d.scale, o.scale)
	return &decimal{new(big.Int).Add(d.rescaled(scale), o.rescaled(scale)), scale}
}

func (d *decimal) negated() *decimal { return &decimal{new(big.Int).Neg(d.unscaled), d.scale} }

func (d *decimal) subtract(o *decimal) *decimal { return d.add(o.negated()) }

func (d *decimal) times(o *decimal) *decimal {
	return &decimal{new(big.Int).Mul(d.unscaled, o.unscaled), d.scale + o.scale}
}

// over divides, to 16 more digits than the operands have; o is not zero.
func (d *decimal) over(o *decimal) *decimal {
	scale := max(d.scale, o.scale) + 16
	up := new(big.Int).Mul(d.unscaled, powerOfTen(scale+1+o.scale-d.scale+max(d.scale-o.scale, 0)))
	q := &decimal{up.Quo(up, o.unscaled), scale + 1 + max(d.scale-o.scale, 0)}
	return q.rounded(scale).trimmed(0)
}

// whole is the part before the point.
func (d *decimal) whole() *decimal { return d.cut(0) }

// divided is the whole quotient and the rest; o is not zero.
func (d *decimal) divided(o *decimal) (quotient, rest *decimal) {
	scale := max(d.scale, o.scale)
	q, m := new(big.Int).QuoRem(d.rescaled(scale), o.rescaled(scale), new(big.Int))
	return &decimal{q, 0}, &decimal{m, scale}
}

// cut leaves out the digits after the point beyond scale.
func (d *decimal) cut(scale int) *decimal {
	if scale >= d.scale {
		return d
	}
	return &decimal{new(big.Int).Quo(d.unscaled, powerOfTen(d.scale-scale)), scale}
}

// rounded rounds to digits after the point, half away from zero.
func (d *decimal) rounded(scale int) *decimal {
	if scale >= d.scale {
		return d
	}
	half := &decimal{big.NewInt(int64(5 * d.unscaled.Sign())), scale + 1}
	return d.add(half).cut(scale)
}

// stretched is the value with exactly that many digits after the point.
func (d *decimal) stretched(scale int) *decimal {
	if scale < d.scale {
		return d.rounded(scale)
	}
	return &decimal{d.rescaled(scale), scale}
}

// trimmed leaves out zeros at the end, down to a scale.
func (d *decimal) trimmed(scale int) *decimal {
	v, rest := new(big.Int).Set(d.unscaled), new(big.Int)
	for d.scale > scale {
		q, _ := new(big.Int).QuoRem(v, ten, rest)
		if rest.Sign() != 0 {
			break
		}
		v, d = q, &decimal{q, d.scale - 1}
	}
	return d
}

// fits says whether a result may be kept. Beyond that arithmetic is empty, as the
// specification has it for overflows.
func (d *decimal) fits() bool { return d.unscaled.BitLen() < 4*maxDigits }

// isInteger returns the value if it is whole and has 32 bits.
func (d *decimal) isInteger() (int64, bool) {
	t := d.trimmed(0)
	if t.scale > 0 || !t.unscaled.IsInt64() {
		return 0, false
	}
	n := t.unscaled.Int64()
	return n, fitsInteger(n)
}

func fitsInteger(n int64) bool { return n >= -1<<31 && n < 1<<31 }
