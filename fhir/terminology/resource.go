package terminology

import (
	"encoding/json"
	"strconv"
)

// CodeSystem is what matters of a CodeSystem resource.
type CodeSystem struct {
	ResourceType  string    `json:"resourceType"`
	URL           string    `json:"url,omitempty"`
	Version       string    `json:"version,omitempty"`
	Name          string    `json:"name,omitempty"`
	Content       string    `json:"content,omitempty"`
	CaseSensitive *bool     `json:"caseSensitive,omitempty"`
	Concept       []Concept `json:"concept,omitempty"`
}

// Concept is one of a CodeSystem.
type Concept struct {
	Code        string        `json:"code,omitempty"`
	Display     string        `json:"display,omitempty"`
	Definition  string        `json:"definition,omitempty"`
	Designation []Designation `json:"designation,omitempty"`
	Property    []Property    `json:"property,omitempty"`
	Concept     []Concept     `json:"concept,omitempty"`
}

// Designation is a text for a concept in a language.
type Designation struct {
	Language string `json:"language,omitempty"`
	Value    string `json:"value,omitempty"`
}

// Property is one of a concept.
type Property struct {
	Code     string      `json:"code,omitempty"`
	Named    string      `json:"valueCode,omitempty"`
	Text     string      `json:"valueString,omitempty"`
	Boolean  *bool       `json:"valueBoolean,omitempty"`
	Integer  json.Number `json:"valueInteger,omitempty"`
	Decimal  json.Number `json:"valueDecimal,omitempty"`
	DateTime string      `json:"valueDateTime,omitempty"`
	Coding   *Coding     `json:"valueCoding,omitempty"`
}

// text is the value as filters compare it.
func (p *Property) text() string {
	switch {
	case p.Boolean != nil:
		return strconv.FormatBool(*p.Boolean)
	case p.Coding != nil:
		return p.Coding.Code
	}
	for _, v := range []string{p.Named, p.Text, p.Integer.String(), p.Decimal.String()} {
		if v != "" {
			return v
		}
	}
	return p.DateTime
}

// Coding is a code of a system.
type Coding struct {
	System  string `json:"system,omitempty"`
	Version string `json:"version,omitempty"`
	Code    string `json:"code,omitempty"`
	Display string `json:"display,omitempty"`
}

// ValueSet is what matters of a ValueSet resource.
type ValueSet struct {
	ResourceType string     `json:"resourceType"`
	URL          string     `json:"url,omitempty"`
	Version      string     `json:"version,omitempty"`
	Name         string     `json:"name,omitempty"`
	Status       string     `json:"status,omitempty"`
	Compose      *Compose   `json:"compose,omitempty"`
	Expansion    *Expansion `json:"expansion,omitempty"`
}

// Compose says which codes are in a ValueSet.
type Compose struct {
	Inactive *bool     `json:"inactive,omitempty"` // whether inactive codes are in it
	Include  []Include `json:"include,omitempty"`
	Exclude  []Include `json:"exclude,omitempty"`
}

// Include selects codes: those of a system, a list or filters of it, that are in all of
// the value sets named.
type Include struct {
	System   string    `json:"system,omitempty"`
	Version  string    `json:"version,omitempty"`
	Concept  []Concept `json:"concept,omitempty"`
	Filter   []Filter  `json:"filter,omitempty"`
	ValueSet []string  `json:"valueSet,omitempty"`
}

// Filter selects codes by a property.
type Filter struct {
	Property string `json:"property"`
	Op       string `json:"op"`
	Value    string `json:"value"`
}

// Expansion lists codes.
type Expansion struct {
	Contains []Contained `json:"contains,omitempty"`
}

// Contained is a code in an expansion that a resource holds.
type Contained struct {
	Coding
	Abstract bool        `json:"abstract,omitempty"`
	Inactive bool        `json:"inactive,omitempty"`
	Contains []Contained `json:"contains,omitempty"`
}

// ConceptMap is what matters of a ConceptMap resource.
type ConceptMap struct {
	ResourceType string  `json:"resourceType"`
	URL          string  `json:"url,omitempty"`
	Version      string  `json:"version,omitempty"`
	Name         string  `json:"name,omitempty"`
	Group        []Group `json:"group,omitempty"`
}

// Group maps the codes of one system to another.
type Group struct {
	Source   string    `json:"source,omitempty"`
	Target   string    `json:"target,omitempty"`
	Element  []Element `json:"element,omitempty"`
	Unmapped *Unmapped `json:"unmapped,omitempty"`
}

// Element maps one code.
type Element struct {
	Code   string   `json:"code,omitempty"`
	Target []Target `json:"target,omitempty"`
}

// Target is what a code is mapped to.
type Target struct {
	Code        string `json:"code,omitempty"`
	Display     string `json:"display,omitempty"`
	Equivalence string `json:"equivalence,omitempty"`
}

// Unmapped says what becomes of codes that a group does not map.
type Unmapped struct {
	Mode    string `json:"mode,omitempty"` // provided, fixed, other-map
	Code    string `json:"code,omitempty"`
	Display string `json:"display,omitempty"`
	URL     string `json:"url,omitempty"`
}
