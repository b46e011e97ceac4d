package mongotest

import (
	"cmp"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

func valueOf(t testing.TB, v any) value {
	t.Helper()
	b, err := bson.Marshal(bson.D{{Key: "v", Value: v}})
	if err != nil {
		t.Fatal(err)
	}
	return field(b, "v")
}

// Numbers of all types compare by value.
func TestNumbersCompare(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	numbers := []any{int32(0), 0.0, math.Copysign(0, -1), int64(math.MaxInt64), int64(math.MinInt64), math.MaxFloat64, 5e-324, 0.1, -0.1,
		float64(1 << 53), float64(1<<53) + 2, int64(1<<53 + 1), 9007199254740993.0, 1e300, -1e300, "0.1", "1.50", "-1E-6000", "9.999E+6000"}
	for range 60 {
		numbers = append(numbers, random.Int32()-1<<30, random.Int64(), random.NormFloat64()*1e3, float64(random.IntN(9))/2)
	}
	for _, a := range numbers {
		for _, b := range numbers {
			va, ra := number(t, a)
			vb, rb := number(t, b)
			if got, want := cmp.Compare(compare(va, vb), 0), ra.Cmp(rb); got != want {
				t.Errorf("%v (%T) to %v (%T): %d, want %d", a, a, b, b, got, want)
			}
		}
	}
}

func number(t *testing.T, n any) (value, *big.Rat) {
	r := new(big.Rat)
	switch n := n.(type) {
	case int32:
		return valueOf(t, n), r.SetInt64(int64(n))
	case int64:
		return valueOf(t, n), r.SetInt64(n)
	case float64:
		return valueOf(t, n), r.SetFloat64(n)
	case string:
		d, err := bson.ParseDecimal128(n)
		if err != nil {
			t.Fatal(err)
		}
		r.SetString(n)
		return valueOf(t, d), r
	}
	return missing, nil
}

// The order of the types, and of values within the types, is MongoDB's; no
// encoding is the beginning of another one.
func TestEncodingOrder(t *testing.T) {
	list := []any{bson.MinKey{}, bson.Undefined{}, nil, math.NaN(), math.Inf(-1), -1.5, int32(-1), 0.0, 0.5, int64(1), math.Inf(1),
		"", "\x00", "\x00a", "a", "a\x00", "a\x00b", "ab", "b", "ä", "€", "\U0001F600",
		bson.D{}, bson.D{{Key: "a", Value: 1}}, bson.D{{Key: "a", Value: 1}, {Key: "b", Value: 1}}, bson.D{{Key: "b", Value: 0}}, bson.D{{Key: "a", Value: "x"}},
		bson.A{}, bson.A{1}, bson.A{1, 2}, bson.A{2}, bson.A{"a"},
		[]byte{}, []byte{9}, []byte{0, 0}, bson.Binary{Subtype: 5, Data: []byte{0, 0}},
		bson.ObjectID{1}, bson.ObjectID{2}, false, true, bson.DateTime(-5), bson.DateTime(5), bson.Timestamp{T: 1, I: 2}, bson.Timestamp{T: 2},
		bson.Regex{Pattern: "a"}, bson.MaxKey{}}
	for i := range list {
		for j := range list {
			a, b := valueOf(t, list[i]), valueOf(t, list[j])
			if got := cmp.Compare(compare(a, b), 0); got != cmp.Compare(i, j) {
				t.Errorf("%v to %v: %d", list[i], list[j], got)
			}
			up, down := component(a, false), component(b, true)
			if i != j && (strings.HasPrefix(component(b, false), up) || strings.HasPrefix(component(a, true), down)) {
				t.Errorf("the encoding of %v begins that of %v", list[i], list[j])
			}
			if strings.HasPrefix(up, "\xff") || strings.HasPrefix(down, "\xff") {
				t.Errorf("the encoding of %v or %v begins with 255", list[i], list[j])
			}
			if i != j && (component(a, true) < down) != (i > j) {
				t.Errorf("descending, %v and %v are in the wrong order", list[i], list[j])
			}
		}
	}
}
