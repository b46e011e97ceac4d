package main

import (
	"fmt"
	"slices"
	"strings"
)

type searchParameter struct {
	URL, Code, Type, Expression string
	Base, Target                []string
	Component                   []struct{ Definition, Expression string }
}

// foreign is the URL of the only parameter from a later release in the package.
const foreign = "http://hl7.org/fhir/SearchParameter/DeviceDefinition-classification"

// parameters writes the search parameters, each with its components.
func parameters(dir string, t *table) error {
	all, err := bundle[searchParameter](dir, "search-parameters.json", "SearchParameter")
	if err != nil {
		return err
	}
	byURL := map[string]searchParameter{}
	for _, p := range all {
		byURL[p.URL] = p
	}
	for _, p := range all {
		if p.URL == foreign {
			continue
		}
		t.line("P", p.Code, p.Type, strings.Join(p.Base, ","), strings.Join(p.Target, ","), oneLine(p.Expression))
		for _, c := range p.Component {
			part, ok := byURL[c.Definition]
			if !ok {
				return fmt.Errorf("parameter %s: no component %s", p.Code, c.Definition)
			}
			t.line("X", part.Code, part.Type, oneLine(c.Expression))
		}
	}
	return nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

type compartment struct {
	Code     string
	Resource []struct {
		Code  string
		Param []string
	}
}

// compartments writes the parameters that place a resource in a compartment.
func compartments(dir string, t *table) error {
	all, err := bundle[compartment](dir, "profiles-resources.json", "CompartmentDefinition")
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b compartment) int { return strings.Compare(a.Code, b.Code) })
	for _, c := range all {
		t.line("C", c.Code)
		for _, r := range c.Resource {
			if len(r.Param) > 0 {
				t.line("R", r.Code, strings.Join(r.Param, ","))
			}
		}
	}
	return nil
}
