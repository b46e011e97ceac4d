package validate

import (
	"math/big"
	"strings"
)

// bound checks that a value has a code of a value set: one of its codings. A concept that
// has a text only satisfies a binding that is not required.
func (c *check) bound(at int32, b *binding, profile string) {
	warning := b.strength != "required"
	if c.terms == nil || warning && b.strength != "extensible" || !c.wants(warning) {
		return
	}
	codings := c.codings(at)
	if codings == nil {
		return
	}
	for _, one := range codings {
		if one[1] == "" {
			continue
		}
		if member, known := c.terms.Member(c.ctx, b.set, one[0], one[1]); member || !known {
			return
		}
	}
	if len(codings) == 0 && (warning || c.excused(at)) {
		return
	}
	c.tell(at, warning, "code-invalid", "%sNo code is of the value set %s, whose binding is %s.", in(profile), b.set, b.strength)
}

// codings are the systems and codes of a value; nil if it is no coded one.
func (c *check) codings(at int32) [][2]string {
	switch n := &c.t.Nodes[at]; c.d.Types[n.Type].Name {
	case "code", "string", "uri", "id", "url", "canonical":
		return [][2]string{{"", string(c.t.Text(at))}}
	case "Coding", "Quantity":
		return [][2]string{{c.text(at, "system"), c.text(at, "code")}}
	case "CodeableConcept":
		all := [][2]string{}
		for child := range children(c.t, at) {
			if c.d.Elements[c.t.Nodes[child].Elem].Name == "coding" {
				all = append(all, [2]string{c.text(child, "system"), c.text(child, "code")})
			}
		}
		return all
	}
	return nil
}

// excused says whether an extension says why there is no code.
func (c *check) excused(at int32) bool { return len(c.items(item{at, -1}, "extension")) > 0 }

// text is the value of a primitive child, "" without one.
func (c *check) text(at int32, name string) string {
	for child := range children(c.t, at) {
		if n := &c.t.Nodes[child]; !n.PrimitiveExt && n.Kind != '{' && c.d.Elements[n.Elem].Name == name {
			return string(c.t.Text(child))
		}
	}
	return ""
}

// between checks minValue and maxValue of numbers, dates and times, and of the values of
// quantities with the same unit.
func (c *check) between(at int32, r *rule, p *profile) {
	for _, b := range []struct {
		bound *value
		wrong int
		says  string
	}{{r.least, -1, "less than the least"}, {r.greatest, 1, "greater than the greatest"}} {
		if b.bound == nil {
			continue
		}
		if order, ok := c.compare(at, b.bound); ok && order == b.wrong {
			c.tell(at, false, "value", "%sThe value is %s that is allowed.", in(p.url), b.says)
		}
	}
}

// compare says how a value compares with a bound; false if that cannot be told.
func (c *check) compare(at int32, bound *value) (order int, ok bool) {
	n := &c.t.Nodes[at]
	if n.Kind == '{' {
		if bound.members["value"] == nil || !sameText(bound.members["code"], c.text(at, "code")) || !sameText(bound.members["system"], c.text(at, "system")) {
			return 0, false
		}
		return compareNumbers(c.text(at, "value"), bound.members["value"].text)
	}
	text := string(c.t.Text(at))
	if n.Kind == 'n' {
		return compareNumbers(text, bound.text)
	}
	if text == "" || bound.text == "" {
		return 0, false
	}
	precision := min(len(text), len(bound.text)) // of dates and times: the part that both have
	if len(text) > len("2006-01-02") && text[len(text)-1] != bound.text[len(bound.text)-1] {
		precision = min(precision, len("2006-01-02")) // other time zones
	}
	return strings.Compare(text[:precision], bound.text[:precision]), true
}

func sameText(v *value, text string) bool {
	return v == nil && text == "" || v != nil && v.text == text
}

// mostDigits is how long numbers may be that are compared.
const mostDigits = 100

func compareNumbers(a, b string) (int, bool) {
	if len(a) > mostDigits || strings.ContainsAny(a, "eE") {
		return 0, false
	}
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	if !okX || !okY {
		return 0, false
	}
	return x.Cmp(y), true
}
