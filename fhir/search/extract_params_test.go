package search

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// Every alternative of every search parameter of every type yields keys from a
// document with nothing but its path.
func TestEveryParameterYieldsKeys(t *testing.T) {
	count := 0
	for _, typ := range fhir.ResourceTypes() {
		for _, def := range fhir.SearchParams(typ) {
			if _, union := unions[def.Name]; union || !supported(def) || strings.HasPrefix(def.Name, "_") || def.Name == "near" { // needs both of its numbers
				continue
			}
			paths, err := parseExpression(def.Expression)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range paths {
				sampled := slices.ContainsFunc(p.steps, func(s step) bool { return s.as == "SampledData" }) // has no one value
				if (p.root == typ || p.root == "") && !sampled {
					count++
					checkYield(t, typ, def, p)
				}
			}
		}
	}
	if count < 1700 {
		t.Errorf("only %d paths", count)
	}
}

func checkYield(t *testing.T, typ string, def fhir.SearchParam, p path) {
	t.Helper()
	m := maker{t: t, d: fhir.R4(), path: p, entry: strings.Join(def.Targets, "")}
	doc := map[string]any{"resourceType": typ}
	if def.Kind != "composite" {
		m.put(doc, m.d.TypeIndex(typ), p.steps)
	}
	for _, c := range def.Components {
		inner, err := parseExpression(c.Expression)
		if err != nil {
			t.Fatal(err)
		}
		steps := slices.Concat(p.steps, inner[0].steps)
		if inner[0].global {
			steps = inner[0].steps
		}
		m.put(doc, m.d.TypeIndex(typ), steps)
	}
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	r, err := fhir.Open(data)
	if err != nil {
		t.Errorf("%s.%s: %s: %v", typ, def.Name, data, err)
		return
	}
	x, err := IndexOf(r, "")
	if err != nil || !yields(x, def) {
		t.Errorf("%s.%s (%s): nothing from %s: %v", typ, def.Name, def.Kind, data, err)
	}
}

// yields says whether the index has a value of a parameter, not only its mark.
func yields(x *Index, def fhir.SearchParam) bool {
	name := def.Name
	switch def.Kind {
	case "date":
		return slices.ContainsFunc(x.Dates, func(d DateRange) bool { return d.Param == name })
	case "number":
		return slices.ContainsFunc(x.Numbers, func(n NumberRange) bool { return n.Param == name })
	case "quantity":
		return slices.ContainsFunc(x.Numbers, func(n NumberRange) bool { return n.Param == name+"|" })
	case "composite":
		if slices.ContainsFunc(x.Numbers, func(n NumberRange) bool { return strings.HasPrefix(n.Param, name+"|") }) ||
			slices.ContainsFunc(x.Dates, func(d DateRange) bool { return strings.HasPrefix(d.Param, name+"|") }) {
			return true
		}
	}
	return slices.ContainsFunc(x.Keys, func(k string) bool {
		return strings.HasPrefix(k, name) && len(k) > len(name)+1 && strings.IndexByte("=^>", k[len(name)]) >= 0
	})
}

// maker writes documents that have a value at a path.
type maker struct {
	t    *testing.T
	d    *fhir.Definitions
	path path

	entry string // type of a resource inside
}

// put adds the elements of a path to an object of a type.
func (m maker) put(object map[string]any, typ int32, steps []step) {
	m.t.Helper()
	s := steps[0]
	elem := m.d.Element(typ, s.name)
	if elem < 0 {
		m.t.Fatalf("%s has no %s", m.d.Types[typ].Name, s.name)
	}
	e := m.d.Elements[elem]
	value := m.choose(e, s, steps[1:])
	name := s.name
	if e.Choice {
		typ := m.d.Types[value].Name
		name += strings.ToUpper(typ[:1]) + typ[1:]
	}
	inner, _ := object[name].(map[string]any)
	if list, ok := object[name].([]any); ok {
		inner, _ = list[0].(map[string]any)
	}
	if inner == nil {
		inner = map[string]any{}
	}
	if s.field != "" {
		inner[s.field] = s.equal
	}
	var made any = inner
	if len(steps) > 1 {
		m.put(inner, value, steps[1:])
	} else if sample := m.sample(value); sample != nil {
		if fields, ok := sample.(map[string]any); ok {
			for k, v := range fields {
				inner[k] = v
			}
		} else {
			made = sample
		}
	}
	if e.Array {
		made = []any{made}
	}
	object[name] = made
}

// choose gives the type of the value to write.
func (m maker) choose(e fhir.Element, s step, rest []step) int32 {
	if s.as != "" {
		return typeLike(m.d, s.as)
	}
	for _, typ := range e.Types {
		if len(rest) == 0 && classNames[m.d.Types[typ].Name] != otherClass || len(rest) > 0 && m.d.Element(typ, rest[0].name) >= 0 {
			return typ
		}
	}
	return e.Types[0]
}

// sample is a value of a type; nil for a backbone element.
func (m maker) sample(typ int32) any {
	coding := map[string]any{"system": "urn:s", "code": "c"}
	quantity := map[string]any{"value": 5, "unit": "u"}
	switch name := m.d.Types[typ].Name; classNames[name] {
	case textClass:
		return "text"
	case uriClass, canonicalClass:
		return "http://a.example/" + strings.TrimPrefix(m.path.target+"/1", "/")
	case booleanClass:
		return true
	case numberClass:
		return 7
	case dateClass:
		return "2024-01-01T00:00:00Z"[:map[string]int{"date": 10}[name]+20*map[string]int{"dateTime": 1, "instant": 1}[name]]
	case codingClass:
		return coding
	case conceptClass:
		return map[string]any{"coding": []any{coding}, "text": "text"}
	case identifierClass:
		return map[string]any{"system": "urn:i", "value": "v"}
	case contactClass:
		return map[string]any{"value": "v"}
	case quantityClass:
		return quantity
	case moneyClass:
		return map[string]any{"value": 5, "currency": "EUR"}
	case rangeClass:
		return map[string]any{"low": quantity}
	case periodClass:
		return map[string]any{"start": "2024"}
	case timingClass:
		return map[string]any{"event": []any{"2024"}}
	case nameClass:
		return map[string]any{"family": "F"}
	case addressClass:
		return map[string]any{"city": "C"}
	case referenceClass:
		return map[string]any{"reference": max(m.path.target, "Basic") + "/1"}
	case otherClass:
		if name == "Resource" {
			return map[string]any{"resourceType": m.entry, "id": "1"}
		}
	}
	return nil
}
