package fhirpath

import "math/big"

// Roots, exponents and logarithms are computed with bits binary digits, more than the
// resultScale decimal digits that are kept.
const (
	bits        = 320
	resultScale = 24
)

func (d *decimal) float() *big.Float {
	f := new(big.Float).SetPrec(bits).SetInt(d.unscaled)
	return f.Quo(f, new(big.Float).SetPrec(bits).SetInt(powerOfTen(d.scale)))
}

// decimalFrom rounds to resultScale digits, without zeros at the end.
func decimalFrom(f *big.Float) *decimal {
	scaled := new(big.Float).SetPrec(bits).Mul(f, new(big.Float).SetInt(powerOfTen(resultScale+1)))
	n, _ := scaled.Int(nil)
	return (&decimal{n, resultScale + 1}).rounded(resultScale).trimmed(0)
}

// squareRoot is nil for negative numbers.
func squareRoot(d *decimal) *decimal {
	if d.unscaled.Sign() < 0 {
		return nil
	}
	return decimalFrom(new(big.Float).SetPrec(bits).Sqrt(d.float()))
}

func number(n float64) *big.Float { return new(big.Float).SetPrec(bits).SetFloat64(n) }

// exponential is nil if the result would be too large.
func exponential(d *decimal) *decimal {
	if d.compare(wholeDecimal(400)) > 0 {
		return nil
	}
	if d.compare(wholeDecimal(-400)) < 0 {
		return wholeDecimal(0)
	}
	return decimalFrom(exp(d.float()))
}

// exp halves the exponent until the series converges fast, and squares the result as often.
func exp(x *big.Float) *big.Float {
	const halvings = 16
	x = new(big.Float).SetPrec(bits).SetMantExp(x, -halvings)
	sum, term := number(1), number(1)
	for i := 1; i < 60; i++ {
		term.Mul(term, x)
		term.Quo(term, number(float64(i)))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum
}

// logarithm is the natural one; nil for numbers that are not positive.
func logarithm(d *decimal) *decimal {
	if d.unscaled.Sign() <= 0 {
		return nil
	}
	return decimalFrom(ln(d.float()))
}

// ln takes out the power of two, and sums the series of the rest: ln m = 2 artanh((m-1)/(m+1)).
func ln(x *big.Float) *big.Float {
	m := new(big.Float).SetPrec(bits)
	power := x.MantExp(m) // 0.5 <= m < 1
	sum := halfLn2()
	sum.Mul(sum, number(float64(2*power)))
	z := new(big.Float).SetPrec(bits).Quo(new(big.Float).SetPrec(bits).Sub(m, number(1)), new(big.Float).SetPrec(bits).Add(m, number(1)))
	rest := series(z)
	return sum.Add(sum, rest.Mul(rest, number(2)))
}

// halfLn2 is artanh(1/3).
func halfLn2() *big.Float {
	return series(new(big.Float).SetPrec(bits).Quo(number(1), number(3)))
}

// series is z + z^3/3 + z^5/5 + ... for |z| <= 1/3.
func series(z *big.Float) *big.Float {
	square := new(big.Float).SetPrec(bits).Mul(z, z)
	term, sum := new(big.Float).SetPrec(bits).Set(z), new(big.Float).SetPrec(bits)
	for i := 1; i < 240; i += 2 {
		sum.Add(sum, new(big.Float).SetPrec(bits).Quo(term, number(float64(i))))
		term.Mul(term, square)
	}
	return sum
}
