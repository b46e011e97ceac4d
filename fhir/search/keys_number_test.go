package search

import (
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/aceso-health/aceso/fhir/ucum"
)

func encoded(t *testing.T, text string, e nudge) string {
	t.Helper()
	var d decimal
	if !d.parse([]byte(text)) {
		t.Fatalf("%s cannot be read", text)
	}
	return d.encode(e)
}

// randomNumber writes numbers of all sizes, many of them close to each other.
func randomNumber(r *rand.Rand) string {
	text := ""
	if r.IntN(2) == 0 {
		text = "-"
	}
	text += strconv.Itoa(r.IntN(1 << r.IntN(20)))
	if r.IntN(2) == 0 {
		text += "."
		for range 1 + r.IntN(12) {
			text += strconv.Itoa(r.IntN(10) * r.IntN(2))
		}
	}
	if r.IntN(4) == 0 {
		text += "e" + strconv.Itoa(r.IntN(40)-20)
	}
	return text
}

func TestNumberEncodingKeepsTheOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100000 {
		a, b := randomNumber(r), randomNumber(r)
		x, okX := new(big.Rat).SetString(a)
		y, okY := new(big.Rat).SetString(b)
		if !okX || !okY {
			t.Fatal("the test writes no numbers:", a, b)
		}
		want := x.Cmp(y)
		got := compareStrings(encoded(t, a, exact), encoded(t, b, exact))
		if got != want {
			t.Fatalf("%s and %s: got %d, want %d", a, b, got, want)
		}
		for _, e := range []nudge{below, above} {
			side := want
			if want == 0 {
				side = int(e)
			}
			if got := compareStrings(encoded(t, a, e), encoded(t, b, exact)); got != side {
				t.Fatalf("%s moved by %d and %s: got %d, want %d", a, e, b, got, side)
			}
		}
	}
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func TestNumberEndsAreOutside(t *testing.T) {
	for _, n := range []string{"0", "1e9999", "-1e9999", "1e-9999", "-1e-9999"} {
		for _, e := range []nudge{below, exact, above} {
			if s := encoded(t, n, e); s <= NumberMin || s >= NumberMax {
				t.Errorf("%s is %q, not between the ends", n, s)
			}
		}
	}
}

func TestNumbersThatAreNone(t *testing.T) {
	long := ""
	for range maxDigits + 1 {
		long += "9"
	}
	for _, n := range []string{"", "-", ".5", "5.", "1e", "1e99999", "0x10", "1,5", "--1", "NaN", " 1", "1 ", "1.2.3", long} {
		var d decimal
		if d.parse([]byte(n)) {
			t.Errorf("%q was read", n)
		}
	}
}

func TestPrecisionOfANumber(t *testing.T) {
	for _, c := range []struct {
		text    string
		percent int64
		lo, hi  string
	}{
		{"100", 0, "99.5", "100.5"},
		{"100.00", 0, "99.995", "100.005"},
		{"1e2", 0, "50", "150"},
		{"5.4", 0, "5.35", "5.45"},
		{"-5.40", 0, "-5.405", "-5.395"},
		{"0", 0, "-0.5", "0.5"},
		{"0.00", 0, "-0.005", "0.005"},
		{"100", 10, "89.5", "110.5"},
		{"-100", 10, "-110.5", "-89.5"},
	} {
		var d decimal
		d.parse([]byte(c.text))
		lo, hi, ok := d.around(c.percent)
		if !ok || lo.encode(exact) != encoded(t, c.lo, exact) || hi.encode(exact) != encoded(t, c.hi, exact) {
			t.Errorf("%s (%d %%): not %s to %s", c.text, c.percent, c.lo, c.hi)
		}
	}
}

func TestUnitsConvertExactly(t *testing.T) {
	for _, c := range []struct{ value, unit, same, in string }{
		{"5", "mg", "0.005", "g"},
		{"1.5", "kg", "1500000", "mg"},
		{"1", "[lb_av]", "453.59237", "g"},
		{"16", "[oz_av]", "1", "[lb_av]"},
		{"12", "[in_i]", "1", "[ft_i]"},
		{"1", "L", "1000", "cm3"},
		{"1", "dL", "100", "mL"},
		{"13.5", "g/dL", "135", "g/L"},
		{"5.6", "mmol/L", "0.0056", "mol/L"},
		{"5.6", "mmol/L", "5600", "umol/L"},
		{"120", "mm[Hg]", "15.99864", "kPa"},
		{"10", "cm[H2O]", "980.665", "Pa"},
		{"60", "/min", "1", "/s"},
		{"60", "{beats}/min", "1", "Hz/Hz/s"},
		{"1", "/h", "24", "/d"},
		{"2", "h", "120", "min"},
		{"1", "L/min", "60", "L/h"},
		{"37", "Cel", "98.6", "[degF]"},
		{"0", "Cel", "273.15", "K"},
		{"-40", "Cel", "-40", "[degF]"},
		{"-300", "Cel", "-26.85", "K"},
		{"-273.15", "Cel", "0", "K"},
		{"-273.149", "Cel", "0.001", "K"},
		{"37.11021100218293", "Cel", "310.26021100218293", "K"},
		{"1e20", "Cel", "100000000000000000273.15", "K"},
		{"4.5", "10*3/uL", "4500", "/uL"},
		{"4.5", "10*9/L", "4.5", "10*3/uL"},
		{"5", "%", "0.05", "1"},
		{"30", "mg/g", "3", "%"},
		{"1", "kcal", "4184", "J"},
		{"1", "U/L", "1000", "mU/L"},
		{"25", "kg/m2", "25000", "g/m2"},
	} {
		if x, y := canonicalValue(t, c.value, c.unit), canonicalValue(t, c.same, c.in); x != y {
			t.Errorf("%s %s is %s, %s %s is %s", c.value, c.unit, x, c.same, c.in, y)
		}
	}
}

func TestAddingAgreesWithExactArithmetic(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		a, v, exp := randomNumber(r), r.Uint64N(1<<r.IntN(40)+1), r.IntN(12)-6
		var d decimal
		if !d.parse([]byte(a)) || !d.add(v, exp) {
			t.Fatal(a, v, exp)
		}
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(strconv.FormatUint(v, 10) + "e" + strconv.Itoa(exp))
		got, _ := new(big.Rat).SetString(d.big().String() + "e" + strconv.Itoa(d.exp))
		if want := x.Add(x, y); got.Cmp(want) != 0 {
			t.Fatalf("%s + %de%d = %s, want %s", a, v, exp, got, want)
		}
	}
}

func canonicalValue(t *testing.T, value, code string) string {
	t.Helper()
	var d decimal
	var u ucum.Unit
	if !d.parse([]byte(value)) || !u.Parse([]byte(code)) || !d.convert(&u) {
		t.Fatalf("%s %s does not convert", value, code)
	}
	return string(u.AppendCode(nil)) + " " + d.encode(exact)
}

func TestUnitsThatStayAsWritten(t *testing.T) {
	for _, code := range []string{
		"", "/", "..", "mg/", "/.g", "{score}x", "mg/{", "(mg/L)", "furlong", "kmin", "mg/a", "1.73", "mL/min/1.73.m2", "24.h", "g/[lb_av]",
		"Cel/min", "mg2x", "g0", "m[", "{a}b", "g16", "m-", "t12", "g/L/",
	} {
		var u ucum.Unit
		if u.Parse([]byte(code)) {
			t.Errorf("%q was taken as %s", code, u.AppendCode(nil))
		}
	}
}

func FuzzUnit(f *testing.F) {
	for _, code := range []string{"mg/dL", "10*3/uL", "/min", "{a}/L", "m[Hg]", "kg.m2.s-2", "Cel"} {
		f.Add(code, "1.5")
	}
	f.Fuzz(func(t *testing.T, code, value string) {
		var u ucum.Unit
		var d decimal
		if d.parse([]byte(value)) && u.Parse([]byte(code)) && d.convert(&u) {
			_ = d.encode(exact) + string(u.AppendCode(nil))
		}
	})
}
