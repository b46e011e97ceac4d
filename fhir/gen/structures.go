package main

import (
	"fmt"
	"slices"
	"strings"
)

type structure struct {
	Name, Kind, Derivation, Version string
	Abstract                        bool
	Snapshot                        struct{ Element []elementDefinition }
}

type elementDefinition struct {
	Path             string
	Min              int
	Max              string
	IsSummary        bool
	IsModifier       bool
	ContentReference string
	Type             []elementType
	Binding          *struct{ Strength, ValueSet string }
	Constraint       []constraint
}

type elementType struct {
	Code          string
	Profile       []string
	TargetProfile []string
	Extension     []struct{ URL, ValueURL string }
}

// name is the FHIR type of an element. The types of ids and of Extension.url
// are given in an extension, because their code is one of FHIRPath.
func (t elementType) name() string {
	for _, x := range t.Extension {
		if strings.HasSuffix(x.URL, "structuredefinition-fhir-type") {
			return x.ValueURL
		}
	}
	if t.Code == "http://hl7.org/fhirpath/System.String" {
		return "string"
	}
	return t.Code
}

func (e elementDefinition) name() string { return e.Path[strings.LastIndexByte(e.Path, '.')+1:] }
func (e elementDefinition) parent() string {
	return e.Path[:max(0, strings.LastIndexByte(e.Path, '.'))]
}

// backbone says whether the element has elements of its own in the same structure.
func (e elementDefinition) backbone() bool {
	return len(e.Type) == 1 && (e.Type[0].Code == "BackboneElement" || e.Type[0].Code == "Element")
}

// structures writes every type with its elements and their required code lists.
func structures(dir string, t *table) error {
	sets, err := readCodes(dir)
	if err != nil {
		return err
	}
	return eachStructure(dir, func(s structure, elements []elementDefinition) error { return writeStructure(t, s, elements, sets) })
}

// eachStructure calls write for every type of R4, with its elements as published.
func eachStructure(dir string, write func(structure, []elementDefinition) error) error {
	original, err := originals(dir)
	if err != nil {
		return err
	}
	var all []structure
	for _, file := range []string{"profiles-types.json", "profiles-resources.json"} {
		some, err := bundle[structure](dir, file, "StructureDefinition")
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b structure) int { return strings.Compare(a.Name, b.Name) })
	for _, s := range all {
		if s.Derivation == "constraint" || s.Kind == "logical" || s.Version != release {
			continue
		}
		if err := write(s, original.restore(s.Name, s.Snapshot.Element)); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

// writeStructure writes a type and, as types of their own, its backbone elements.
func writeStructure(t *table, s structure, elements []elementDefinition, sets *codes) error {
	owners := []string{s.Name}
	for _, e := range elements {
		if e.backbone() {
			owners = append(owners, e.Path)
		}
	}
	for i, owner := range owners {
		kind := s.Kind
		switch {
		case i > 0:
			kind = "backbone"
		case s.Abstract:
			kind = "abstract"
		}
		t.line("T", owner, kind)
		for _, e := range elements {
			if e.parent() != owner || s.Kind == "primitive-type" && e.name() == "value" {
				continue
			}
			if err := writeElement(t, s, e, sets); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeElement(t *table, s structure, e elementDefinition, sets *codes) error {
	var types, targets []string
	for _, one := range e.Type {
		types = append(types, one.name())
		if one.Code != "Reference" {
			continue
		}
		for _, p := range one.TargetProfile {
			if name, ok := strings.CutPrefix(p, core); ok {
				targets = append(targets, name)
			}
		}
	}
	switch {
	case e.backbone():
		types = []string{e.Path}
	case e.ContentReference != "":
		types = []string{strings.TrimPrefix(e.ContentReference, "#")}
	case s.Kind == "resource" && e.Path == s.Name+".id":
		types = []string{"id"} // R4 says string there by mistake; the text and the pattern say id
	}
	if len(types) == 0 || e.Min > 1 {
		return fmt.Errorf("element %s: no type, or a minimum above one", e.Path)
	}
	set := ""
	if e.Binding != nil && e.Binding.Strength == "required" {
		set = sets.write(t, e.Binding.ValueSet)
	}
	t.line("E", e.name(), flags(e), strings.Join(types, ","), strings.Join(targets, ","), set)
	return nil
}

// flags are letters: 1 mandatory, * repeats, s summary, m modifier.
func flags(e elementDefinition) string {
	f := ""
	for _, one := range []struct {
		is     bool
		letter string
	}{{e.Min == 1, "1"}, {e.Max != "1" && e.Max != "0", "*"}, {e.IsSummary, "s"}, {e.IsModifier, "m"}} {
		if one.is {
			f += one.letter
		}
	}
	return f
}
