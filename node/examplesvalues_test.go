package node

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aceso-health/aceso/fhir"
)

// asked are the forms in which a value of a type can be asked for by a parameter.
func asked(def fhir.SearchParam, typ string, v any) []form {
	o, _ := v.(map[string]any)
	text, plain := v.(string)
	if !plain && o == nil {
		text = said(map[string]any{"v": v}, "v")
	}
	switch def.Kind {
	case "token":
		return tokens(typ, text, o)
	case "string":
		return strungs(typ, text, o)
	case "date":
		if typ == "string" { // as in Immunization.occurrence: no date
			return nil
		}
		return dates(text, o)
	case "number":
		return compared(text)
	case "quantity":
		return amounts(typ, o)
	case "reference":
		return references(def, text, o)
	case "uri":
		if text == "" {
			text = said(o, "value") // of an Identifier
		}
		return []form{{"", escaped(text)}, {":below", escaped(text)}}
	}
	place, north := said(o, "longitude"), said(o, "latitude")
	return []form{{"", north + "|" + place + "|1|km"}, {"", north + "|" + place}}
}

func tokens(typ, text string, o map[string]any) (all []form) {
	switch typ {
	case "CodeableConcept":
		list, _ := o["coding"].([]any)
		for _, c := range list {
			all = append(all, tokens("Coding", "", c.(map[string]any))...)
		}
		return append(all, worded(said(o, "text"))...)
	case "Coding":
		return append(coded(said(o, "system"), said(o, "code")), worded(said(o, "display"))...)
	case "Identifier":
		all = coded(said(o, "system"), said(o, "value"))
		kind, _ := o["type"].(map[string]any)
		list, _ := kind["coding"].([]any)
		for _, c := range list {
			c := c.(map[string]any)
			if system, code := said(c, "system"), said(c, "code"); system != "" && code != "" && said(o, "value") != "" {
				all = append(all, form{":of-type", escaped(system) + "|" + escaped(code) + "|" + escaped(said(o, "value"))})
			}
		}
		return append(all, worded(said(kind, "text"))...)
	case "ContactPoint":
		return coded("", said(o, "value"))
	}
	if o != nil || text == "" {
		return nil
	}
	return []form{{"", escaped(text)}}
}

func coded(system, code string) (all []form) {
	switch {
	case code != "" && system != "":
		return []form{{"", escaped(code)}, {"", escaped(system) + "|" + escaped(code)}, {"", escaped(system) + "|"}}
	case code != "":
		return []form{{"", escaped(code)}, {"", "|" + escaped(code)}}
	case system != "":
		return nil // a system alone is no code
	}
	return nil
}

// worded asks for words of a text.
func worded(text string) []form {
	if words := some(text, 4); len(words) > 0 {
		return []form{{":text", strings.Join(words, " ")}}
	}
	return nil
}

func strungs(typ, text string, o map[string]any) (all []form) {
	parts := map[string][]string{
		"HumanName": {"text", "family", "given", "prefix", "suffix"},
		"Address":   {"text", "line", "city", "district", "state", "postalCode", "country"},
	}[typ]
	for _, name := range parts {
		list, ok := o[name].([]any)
		if !ok {
			list = []any{o[name]}
		}
		for _, one := range list {
			if s, ok := one.(string); ok {
				all = append(all, strungs("string", s, nil)...)
			}
		}
	}
	if o != nil || text == "" {
		return all
	}
	start := cut(text, 0, 200)
	all = []form{{"", escaped(start)}}
	if len(text) <= 1000 {
		all = append(all, form{":exact", escaped(text)})
	}
	if len(start) > 8 {
		all = append(all, form{":contains", escaped(cut(start, len(start)/3, 2*len(start)/3))})
	}
	return all
}

// cut is a part of a text, in whole characters.
func cut(text string, from, to int) string {
	for from > 0 && !utf8.RuneStart(text[from]) {
		from--
	}
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	return text[from:min(to, len(text))]
}

func dates(text string, o map[string]any) (all []form) {
	if o == nil {
		return compared(text)
	}
	for name, prefix := range map[string]string{"start": "ge", "end": "le"} {
		if at := said(o, name); at != "" {
			all = append(all, form{"", prefix + at})
		}
	}
	events, _ := o["event"].([]any)
	for _, e := range events {
		all = append(all, form{"", "ge" + e.(string)}, form{"", "le" + e.(string)})
	}
	repeat, _ := o["repeat"].(map[string]any)
	if bounds, ok := repeat["boundsPeriod"].(map[string]any); ok {
		all = append(all, dates("", bounds)...)
	}
	return all
}

// compared asks for a value, and for what is not above and not below it.
func compared(text string) []form {
	if text == "" {
		return nil
	}
	return []form{{"", text}, {"", "ge" + text}, {"", "le" + text}}
}

func amounts(typ string, o map[string]any) (all []form) {
	switch typ {
	case "Range":
		for name, prefix := range map[string]string{"low": "ge", "high": "le"} {
			if end, ok := o[name].(map[string]any); ok {
				for _, f := range amounts("Quantity", end)[:1] {
					all = append(all, form{"", prefix + f.value})
				}
			}
		}
		return all
	case "SampledData": // has no one value
		return nil
	case "Money":
		o = map[string]any{"value": o["value"], "system": "urn:iso:std:iso:4217", "code": o["currency"]}
	}
	value, system, code, unit := said(o, "value"), said(o, "system"), said(o, "code"), said(o, "unit")
	if value == "" {
		return nil
	}
	value = map[string]string{"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}[said(o, "comparator")] + value
	all = []form{{"", value}}
	if system != "" && code != "" {
		all = append(all, form{"", value + "|" + escaped(system) + "|" + escaped(code)})
	}
	for _, u := range []string{code, unit} {
		if u != "" {
			all = append(all, form{"", value + "||" + escaped(u)})
		}
	}
	return all
}

func references(def fhir.SearchParam, text string, o map[string]any) (all []form) {
	if o["resourceType"] != nil { // the first entry of a Bundle
		if typ := said(o, "resourceType"); slices.Contains(def.Targets, typ) && said(o, "id") != "" {
			return []form{{"", typ + "/" + said(o, "id")}}
		}
		return nil
	}
	if i, ok := o["identifier"].(map[string]any); ok {
		for _, f := range coded(said(i, "system"), said(i, "value")) {
			all = append(all, form{":identifier", f.value})
		}
	}
	if o != nil {
		text = said(o, "reference")
	}
	text = strings.Split(text, "/_history/")[0]
	if text == "" || text[0] == '#' { // what is contained is found by chains
		return all
	}
	all = append(all, form{"", escaped(text)})
	if typ, id, ok := strings.Cut(text, "/"); ok && fhir.IsResourceType(typ) && slices.Contains(def.Targets, typ) {
		all = append(all, form{"", id}, form{":" + typ, id})
	}
	return all
}
