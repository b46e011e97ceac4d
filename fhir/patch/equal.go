package patch

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// equal compares as RFC 6902 says (section 4.6): numbers by their value, objects without
// regard to the order of their members.
func (a *applied) equal(x, y *value) (bool, *fhir.Error) {
	if x.kind() != y.kind() && !(x.number() && y.number()) {
		return false, nil
	}
	if k := x.kind(); k == '{' || k == '[' {
		if err := a.both(x, y); err != nil || len(x.items) != len(y.items) {
			return false, err
		}
		if k == '[' {
			return a.sameItems(x, y)
		}
		return a.sameMembers(x, y)
	}
	if err := a.spend(step + len(x.raw) + len(y.raw)); err != nil {
		return false, err
	}
	switch {
	case bytes.Equal(x.raw, y.raw):
		return true, nil
	case x.kind() == '"':
		return unquoted(x.raw) == unquoted(y.raw), nil
	case x.number():
		return decimalOf(x.raw) == decimalOf(y.raw), nil
	}
	return false, nil
}

func (v *value) number() bool { k := v.kind(); return k == '-' || '0' <= k && k <= '9' }

func (a *applied) both(x, y *value) *fhir.Error {
	if err := x.open(&a.meter); err != nil {
		return err
	}
	return y.open(&a.meter)
}

func (a *applied) sameItems(x, y *value) (bool, *fhir.Error) {
	for i := range x.items {
		if same, err := a.equal(x.items[i].value, y.items[i].value); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// sameMembers compares as many members as each has. A name given twice equals nothing.
func (a *applied) sameMembers(x, y *value) (bool, *fhir.Error) {
	byName := make(map[string]*value, len(y.items))
	for _, m := range y.items {
		byName[m.name] = m.value
	}
	if len(byName) != len(x.items) {
		return false, nil
	}
	for _, m := range x.items {
		other := byName[m.name]
		if other == nil {
			return false, nil
		}
		if same, err := a.equal(m.value, other); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// decimal is a number as sign, digits without zeros around them, and power of ten.
type decimal struct {
	negative bool
	digits   string
	power    string
}

func decimalOf(raw []byte) (d decimal) {
	text, negative := strings.CutPrefix(string(raw), "-")
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return decimal{}
	}
	power, err := strconv.ParseInt(exponent, 10, 62)
	if exponent != "" && err != nil { // nobody has such a number; only the same text equals it
		return decimal{negative, digits, "e" + exponent + "." + strconv.Itoa(len(fraction))}
	}
	kept := strings.TrimRight(digits, "0")
	power += int64(len(digits)-len(kept)) - int64(len(fraction))
	return decimal{negative, kept, strconv.FormatInt(power, 10)}
}
