package search

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/ucum"
)

// token compiles code, system|code, |code and system|.
func (c criterion) token(v string) (Condition, error) {
	switch c.modifier {
	case "text":
		return c.words(unescapeValue(v))
	case "of-type":
		return c.ofType(v)
	}
	if c.def.Name == "_id" {
		if c.typ == "Patient" && fhir.IsID(v) {
			c.patient(fhir.Ref{Type: "Patient", ID: v})
		}
		return HasKey{IDKey(unescapeValue(v))}, nil
	}
	return c.tokenKey(v, opToken)
}

func (c criterion) tokenKey(v string, op byte) (Condition, error) {
	tail, err := c.tokenTail(v)
	if err != nil {
		return nil, err
	}
	key := c.def.Name + string(op) + tail
	if parts := splitEscaped(v, '|'); len(parts) == 2 && parts[1] == "" && !strings.ContainsRune(tail, hashMark) {
		return KeyRange{key, key + keyEnd}, nil // the codes of the system: stores keep no key for the system alone
	}
	return HasKey{key}, nil
}

// tokenTail is the part of a token's key after the operator.
func (c criterion) tokenTail(v string) (string, error) {
	if c.caseless() {
		v = string(appendCaseless(nil, []byte(v)))
	}
	parts := splitEscaped(v, '|')
	switch {
	case len(parts) == 1:
		return string(appendCode(nil, []byte(unescapeValue(v)))), nil
	case len(parts) == 2 && v != "|":
		return string(appendToken(nil, []byte(unescapeValue(parts[0])), []byte(unescapeValue(parts[1])))), nil
	}
	return "", c.invalid("A token is code, system|code, |code or system|; write \\| for a bar in it.")
}

// ofType compiles system|type|value.
func (c criterion) ofType(v string) (Condition, error) {
	parts := splitEscaped(v, '|')
	if len(parts) != 3 || slices.Contains(parts, "") {
		return nil, c.invalid("The modifier :of-type takes system|code|value: the type of the identifier and its value.")
	}
	for i := range parts {
		parts[i] = unescapeValue(parts[i])
	}
	tail := appendOfType(nil, []byte(parts[0]), []byte(parts[1]), []byte(parts[2]))
	return HasKey{c.def.Name + string(opOfType) + string(tail)}, nil
}

// words compiles :text: every word of the value begins a word of the text.
func (c criterion) words(v string) (Condition, error) {
	var all All
	for word := range bytes.FieldsFuncSeq(appendFolded(nil, []byte(v)), betweenWords) {
		if len(word) > keyLimit {
			return nil, c.invalid("A word to search for has at most 64 bytes.")
		}
		if c.leaves++; c.leaves > maxLeaves {
			return nil, c.tooCostly()
		}
		from := c.def.Name + string(opWord) + string(word)
		all = append(all, KeyRange{from, from + keyEnd})
	}
	if len(all) == 0 {
		return nil, c.invalid("The modifier :text needs at least one word.")
	}
	return all, nil
}

// text compiles a string: a prefix of the folded value, the whole value or a part.
func (c criterion) text(v string) (Condition, error) {
	if c.modifier == "" && !strings.HasPrefix(c.def.Name, "address") && looksPrefixed(v) {
		return nil, c.invalid("Prefixes such as gt order numbers, dates and quantities; a string has none. Search such text with :exact or :contains.")
	}
	v = unescapeValue(v)
	if c.modifier == "exact" {
		return HasKey{string(appendCut([]byte(c.def.Name+string(opExact)), []byte(v)))}, nil
	}
	needle, err := c.folded(v)
	if err != nil {
		return nil, err
	}
	if c.modifier == "contains" {
		return Contains{Param: c.def.Name, Needle: needle}, nil
	}
	from := c.def.Name + string(opFolded) + needle
	return KeyRange{from, from + keyEnd}, nil
}

func (c criterion) folded(v string) (string, error) {
	needle := string(appendFolded(nil, []byte(v)))
	switch {
	case needle == "":
		return "", c.invalid("The text to search for is blank.")
	case len(needle) > c.longest():
		return "", c.invalid("The text to search for has more than " + strconv.Itoa(c.longest()) + " bytes: give its beginning only, or use :exact.")
	}
	return needle, nil
}

// longest is how many bytes of a text can be searched for.
func (c criterion) longest() int {
	if c.def.Kind == "composite" {
		return keyLimit
	}
	return longLimit
}

// uri compiles an absolute URI, with :below and :above by segments of its path.
func (c criterion) uri(v string) ([]Condition, error) {
	equal := func(u string) Condition {
		return HasKey{string(appendLong([]byte(c.def.Name+string(opReference)), c.canonical(u)))}
	}
	switch c.modifier {
	case "below":
		if some := c.versionsBelow(v); some != nil {
			return some, nil
		}
		v = strings.TrimSuffix(v, "/")
		path := appendCut([]byte(c.def.Name+string(opPath)), []byte(v))
		return []Condition{equal(v), equal(v + "/"), HasKey{string(path)}}, nil
	case "above":
		return c.above(v, equal(v))
	}
	if whole, ok := c.edition(v); ok {
		return []Condition{equal(v), whole}, nil
	}
	return []Condition{equal(v)}, nil
}

// edition compiles url|version for what is published under a URL and in versions.
func (c criterion) edition(v string) (Condition, bool) {
	bar := strings.LastIndexByte(v, '|')
	def, versions := findParam(c.typ, "version")
	if c.def.Name != "url" || bar < 1 || bar == len(v)-1 || !versions {
		return nil, false
	}
	c.reads(c.typ, "version", def)
	part := c
	part.def = def
	return All{HasKey{c.def.Name + string(opReference) + v[:bar]}, part.codeKey(v[bar+1:])}, true
}

// codeKey is the key of a code without a system.
func (c criterion) codeKey(code string) HasKey {
	if c.caseless() {
		code = string(appendCaseless(nil, []byte(code)))
	}
	return HasKey{string(appendCode([]byte(c.def.Name+string(opToken)), []byte(code)))}
}

// above compiles a URI and the paths above it, with and without a slash at the end.
func (c criterion) above(v string, whole Condition) ([]Condition, error) {
	list := []Condition{whole}
	for above := (paths{url: []byte(v), limit: longLimit}); above.next(); {
		if len(list) > maxValues {
			return nil, c.invalid("With :above a URI has at most 250 segments.")
		}
		for _, slash := range [2]bool{false, true} {
			list = append(list, HasKey{string(above.append([]byte(c.def.Name+string(opReference)), slash))})
		}
	}
	return list, nil
}

// date compiles a date with its prefix; param is the name in the index.
func (c criterion) date(v, param string) (Condition, error) {
	prefix, text := cutPrefix(v)
	lo, hi, ok := fhir.DateSpan([]byte(text))
	if !ok {
		return nil, c.invalid("A date is YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss][Z or +hh:mm], after one of the prefixes eq ne gt lt ge le sa eb ap.")
	}
	if prefix == Ap {
		lo, hi = c.approximate(lo, hi)
	}
	return InDates{Param: param, Prefix: prefix, Lo: lo, Hi: hi}, nil
}

// approximate widens a date by a tenth of its distance from now.
func (c criterion) approximate(lo, hi int64) (int64, int64) {
	t := c.o.Now().UnixMilli()
	return lo - max(t-lo, lo-t)/10, hi + max(t-hi, hi-t)/10
}

// number compiles a number with its prefix.
func (c criterion) number(v string) (Condition, error) {
	prefix, text := cutPrefix(v)
	return c.numbers(prefix, text, c.def.Name, nil)
}

// numbers compiles the comparison with a number in a unit. For eq, ne and ap the
// digits of the number imply its precision; for the other prefixes it is exact.
func (c criterion) numbers(prefix Prefix, text, param string, u *ucum.Unit) (Condition, error) {
	var d decimal
	if !d.parse([]byte(text)) {
		return nil, c.invalid("A number is written like 100, -5.40 or 1e-3, after one of the prefixes eq ne gt lt ge le sa eb ap, with at most 64 digits.")
	}
	lo, hi, end, ok := d, d, exact, true
	switch prefix {
	case Eq, Ne:
		lo, hi, ok = d.around(0)
		end = below
	case Ap:
		lo, hi, ok = d.around(10)
	}
	if u != nil {
		ok = ok && lo.convert(u) && hi.convert(u)
	}
	if !ok {
		return nil, c.invalid("The number has too many digits to be compared.")
	}
	return InNumbers{Param: param, Prefix: prefix, Lo: lo.encode(exact), Hi: hi.encode(end)}, nil
}

// quantity compiles number, number||code and number|system|code.
func (c criterion) quantity(v, param string) (Condition, error) {
	parts := splitEscaped(v, '|')
	if len(parts) != 1 && (len(parts) != 3 || parts[2] == "") {
		return nil, c.invalid("A quantity is number, number||code or number|system|code.")
	}
	prefix, text := cutPrefix(parts[0])
	if len(parts) == 1 {
		return c.numbers(prefix, text, param+"|", nil)
	}
	system, code := []byte(unescapeValue(parts[1])), []byte(unescapeValue(parts[2]))
	tail, u := appendUnit(nil, system, code)
	return c.numbers(prefix, text, param+string(tail), u)
}

var prefixes = map[string]Prefix{"eq": Eq, "ne": Ne, "gt": Gt, "lt": Lt, "ge": Ge, "le": Le, "sa": Sa, "eb": Eb, "ap": Ap}

func cutPrefix(v string) (Prefix, string) {
	if len(v) > 2 {
		if p, ok := prefixes[v[:2]]; ok {
			return p, v[2:]
		}
	}
	return Eq, v
}

// looksPrefixed says whether the value of a string looks like a comparison: a
// prefix and a number. Callers exempt addresses: postal codes look like that.
func looksPrefixed(v string) bool {
	if len(v) < 3 || strings.Trim(v[2:], "0123456789.-") != "" {
		return false
	}
	_, ok := prefixes[v[:2]]
	return ok
}
