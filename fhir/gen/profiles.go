package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// profiles writes the profiles and extensions of the core as StructureDefinitions, one a
// line, without their prose and without what their bases say.
func profiles(dir string, t *table) error {
	var all []map[string]json.RawMessage
	for _, file := range []string{"profiles-types.json", "profiles-others.json", "extension-definitions.json"} {
		some, err := bundle[map[string]json.RawMessage](dir, file, "StructureDefinition")
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	var lines []string
	for _, s := range all {
		if word(s, "derivation") != "constraint" || word(s, "version") != release {
			continue
		}
		line, err := bare(s)
		if err != nil {
			return fmt.Errorf("%s: %w", word(s, "url"), err)
		}
		lines = append(lines, string(line))
	}
	slices.Sort(lines)
	for _, line := range lines {
		t.line(line)
	}
	return nil
}

func word(s map[string]json.RawMessage, name string) (text string) {
	_ = json.Unmarshal(s[name], &text)
	return text
}

// bare is a StructureDefinition with what constrains only.
func bare(s map[string]json.RawMessage) ([]byte, error) {
	differential, err := bareElements(s["differential"])
	if err != nil {
		return nil, err
	}
	keep(s, func(name string) bool {
		return slices.Contains([]string{"url", "type", "baseDefinition", "kind", "derivation", "context"}, name)
	})
	s["differential"] = differential
	return json.Marshal(s)
}

// bareElements are those of a snapshot or differential, without prose.
func bareElements(view json.RawMessage) (json.RawMessage, error) {
	var d struct {
		Element []map[string]json.RawMessage `json:"element"`
	}
	if err := json.Unmarshal(view, &d); err != nil {
		return nil, err
	}
	for i, e := range d.Element {
		kept, err := bareElement(e)
		if err != nil {
			return nil, err
		}
		d.Element[i] = kept
	}
	return json.Marshal(d)
}

func bareElement(e map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	keep(e, func(name string) bool {
		for _, prefix := range []string{"fixed", "pattern", "minValue", "maxValue"} {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
		return slices.Contains([]string{"id", "path", "sliceName", "min", "max", "type", "slicing", "maxLength", "binding", "constraint", "contentReference"}, name)
	})
	for name, members := range map[string][]string{
		"binding": {"strength", "valueSet"}, "constraint": {"key", "severity", "expression"}, "slicing": {"discriminator", "rules", "ordered"},
	} {
		if e[name] == nil {
			continue
		}
		bare, err := bareMembers(e[name], members)
		if err != nil {
			return nil, err
		}
		e[name] = bare
	}
	return e, nil
}

// bareMembers keeps some members of an object, or of each in an array.
func bareMembers(value json.RawMessage, members []string) (json.RawMessage, error) {
	list := value[0] == '['
	if !list {
		value = json.RawMessage("[" + string(value) + "]")
	}
	var all []map[string]json.RawMessage
	if err := json.Unmarshal(value, &all); err != nil {
		return nil, err
	}
	for _, one := range all {
		keep(one, func(name string) bool { return slices.Contains(members, name) })
	}
	if !list {
		return json.Marshal(all[0])
	}
	return json.Marshal(all)
}

func keep(object map[string]json.RawMessage, wanted func(name string) bool) {
	for name := range object {
		if !wanted(name) {
			delete(object, name)
		}
	}
}
