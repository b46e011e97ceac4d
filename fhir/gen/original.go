package main

import (
	"slices"
	"strings"
)

// byPath holds the data elements of R4 as published. The package's own
// structures carry some elements of later releases and of its authors; where
// the two differ, the data elements are right.
type byPath map[string]elementDefinition

func originals(dir string) (byPath, error) {
	all, err := bundle[structure](dir, "dataelements.json", "StructureDefinition")
	if err != nil {
		return nil, err
	}
	m := byPath{}
	for _, s := range all {
		if e := s.Snapshot.Element; len(e) > 0 && strings.Contains(e[0].Path, ".") {
			m[e[0].Path] = e[0]
		}
	}
	return m, nil
}

// restore returns a structure's elements as R4 published them.
func (m byPath) restore(name string, elements []elementDefinition) []elementDefinition {
	var kept []elementDefinition
	var foreign []string
	for _, e := range elements {
		if m.foreign(e, elements) {
			foreign = append(foreign, e.Path+".")
		}
		if slices.ContainsFunc(foreign, func(p string) bool { return strings.HasPrefix(e.Path+".", p) }) {
			continue
		}
		if o, ok := m[e.Path]; ok {
			e = o
		}
		kept = append(kept, e)
	}
	return append(kept, m.lost(name, elements)...)
}

// foreign says whether an element is not part of R4.
func (m byPath) foreign(e elementDefinition, all []elementDefinition) bool {
	if !m.covers(all) || e.ContentReference != "" || !strings.Contains(e.Path, ".") {
		return false
	}
	if !e.backbone() {
		return m.unknown(e)
	}
	alien := false
	for _, c := range all {
		if c.parent() != e.Path {
			continue
		}
		if _, ok := m[c.Path]; ok {
			return false
		}
		alien = alien || m.unknown(c)
	}
	return alien
}

// covers says whether the data elements list the structure: they omit primitives
// and the kinds of Quantity.
func (m byPath) covers(all []elementDefinition) bool {
	return slices.ContainsFunc(all, func(e elementDefinition) bool {
		_, ok := m[e.Path]
		return ok && e.name() != "id" && e.name() != "extension"
	})
}

// unknown says whether an element is missing from the data elements. They omit
// ids, extensions and paths too long to be an id.
func (m byPath) unknown(e elementDefinition) bool {
	const longest = 64 - len("de-")
	switch e.name() {
	case "id", "extension", "modifierExtension":
		return false
	}
	_, ok := m[e.Path]
	return !ok && !e.backbone() && e.ContentReference == "" && len(e.Path) <= longest
}

// lost are the published elements that are missing from the structure.
func (m byPath) lost(name string, elements []elementDefinition) []elementDefinition {
	var lost []elementDefinition
	for path, e := range m {
		if strings.HasPrefix(path, name+".") && !slices.ContainsFunc(elements, func(x elementDefinition) bool { return x.Path == path }) {
			lost = append(lost, e)
		}
	}
	slices.SortFunc(lost, func(a, b elementDefinition) int { return strings.Compare(a.Path, b.Path) })
	return lost
}
