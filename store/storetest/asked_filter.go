package storetest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// someCodes is a vocabulary: the value set urn:set:N has the codes of all systems whose
// places in the lists are divisible by N, and a code subsumes the one after it.
type someCodes struct{}

// Members implements search.Codes.
func (someCodes) Members(set string) (all []search.Code, err error) {
	n, err := strconv.Atoi(strings.TrimPrefix(set, "urn:set:"))
	if err != nil || n < 1 {
		return nil, &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such ValueSet here."}
	}
	for i, system := range systems {
		for k, code := range codes {
			if (i+k)%n == 0 {
				all = append(all, search.Code{System: system, Code: code})
			}
		}
	}
	return all, nil
}

// Below implements search.Codes.
func (someCodes) Below(c search.Code) ([]search.Code, error) { return besides(c, 1), nil }

// Above implements search.Codes.
func (someCodes) Above(c search.Code) ([]search.Code, error) { return besides(c, -1), nil }

func besides(c search.Code, step int) []search.Code {
	all := []search.Code{c}
	for i, code := range codes {
		if next := i + step; code == c.Code && 0 <= next && next < len(codes) {
			all = append(all, search.Code{System: c.System, Code: codes[next]})
		}
	}
	return all
}

// meaning chooses a modifier of tokens that looks codes up.
func (a *asker) meaning() (string, func() string) {
	if a.once(2) {
		return a.pick([]string{":in", ":not-in"}), a.set
	}
	return a.pick([]string{":below", ":above"}), a.coded
}

func (a *asker) set() string { return "urn:set:" + fmt.Sprint(1+a.IntN(4)) }

// coded is a code with a system.
func (a *asker) coded() string {
	system := ""
	for system == "" {
		system = a.pick(systems)
	}
	return escapeValue(system) + "|" + escapeValue(a.pick(codes))
}

// near asks for one or two places.
func (a *asker) near() string {
	if a.once(8) {
		return "near:missing=" + a.pick([]string{"true", "false"})
	}
	place := func() string {
		p := places[a.IntN(len(places))]
		return p[0] + "|" + p[1] + a.pick([]string{"", "|1", "|1.5|km", "|900|m", "|30|[mi_us]", "|20000|km"})
	}
	if a.once(4) {
		return "near=" + place() + "," + place()
	}
	return "near=" + place()
}

// filter writes a _filter.
func (a *asker) filter(typ string, depth int) string {
	text := a.filterTerm(typ, depth)
	for a.once(3) {
		text += a.pick([]string{" and ", " or "}) + a.filterTerm(typ, depth)
	}
	return text
}

func (a *asker) filterTerm(typ string, depth int) string {
	switch {
	case depth > 0 && a.once(5):
		return a.pick([]string{"", "not", "not "}) + "(" + a.filter(typ, depth-1) + ")"
	case depth > 0 && a.once(4) && len(links(typ)) > 0:
		param := a.pick(links(typ))
		target := a.pick(wards[typ][param])
		only := ""
		if a.once(3) {
			only = "[" + a.filter(target, depth-1) + "]"
		}
		return param + only + "." + a.filterPath(target)
	}
	return a.filterPath(typ)
}

// filterPath writes a comparison of one parameter.
func (a *asker) filterPath(typ string) string {
	p := kinds[typ][a.IntN(len(kinds[typ]))]
	for n := 0; n < 6 && a.values(typ, p) == nil; n++ {
		p = kinds[typ][a.IntN(len(kinds[typ]))]
	}
	if a.once(8) {
		return p.Name + " pr " + a.pick([]string{"true", "false"})
	}
	op, value := a.filterOperand(typ, p)
	return p.Name + " " + op + " " + value
}

func (a *asker) filterOperand(typ string, p fhir.CapabilityParam) (op, value string) {
	known := func(sign string, or []string) string {
		if values := a.known[typ+"."+p.Name+sign]; len(values) > 0 && !a.once(5) {
			return a.pick(values)
		}
		return a.pick(or)
	}
	switch p.Type {
	case "string":
		return a.pick(strings.Fields("eq ne co sw ew gt lt ge le")), strconv.Quote(strings.Map(plain, a.part(known("^", texts))))
	case "token":
		switch a.IntN(6) {
		case 0:
			return a.pick([]string{"in", "ni"}), a.set()
		case 1:
			return a.pick([]string{"ss", "sb"}), strconv.Quote(a.coded())
		}
		return a.pick([]string{"eq", "eq", "ne"}), strconv.Quote(known("=", codes))
	case "reference":
		if targets := wards[typ][p.Name]; len(targets) > 0 {
			return a.pick([]string{"re", "eq", "ne"}), a.ref(a.pick(targets)).String()
		}
		return "re", a.ref("Patient").String()
	case "date":
		return a.pick(strings.Fields("eq ne gt lt ge le ap sa eb co po")), a.pick(instants)
	case "number":
		return a.pick(strings.Fields("eq ne gt lt ge le ap sa eb co")), a.pick(decimals)
	case "quantity":
		u := units[a.IntN(len(units))]
		return a.pick(strings.Fields("eq ne gt lt ge le ap sa eb co")), strconv.Quote(a.pick(decimals) + "|" + u[0] + "|" + u[1])
	case "uri":
		return a.pick([]string{"eq", "ne"}), strconv.Quote(escapeValue(a.pick(addresses)))
	}
	return "eq", strconv.Quote(a.composite(typ, p.Name))
}

// plain leaves out what a JSON string writes otherwise than Go does.
func plain(r rune) rune {
	if r < ' ' || r == 0x7f || r > 0xffff || !strconv.IsPrint(r) {
		return -1
	}
	return r
}
