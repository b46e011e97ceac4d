package server

import "encoding/json"

// definition describes an operation that the server offers.
type definition struct {
	ID, URL, Name string
	Base          string // canonical URL of what it is derived from, or ""
	Title, Says   string
	Affects       bool     // changes something
	Types         []string // resource types that have it
	OnType, OnOne bool     // is called on a type, on one resource
	OnSystem      bool     // is called on the FHIR base
	Parameters    []parameter
}

// parameter is one parameter of an operation.
type parameter struct {
	Name          string `json:"name"`
	Use           string `json:"use"` // in or out
	Min           int    `json:"min"`
	Max           string `json:"max"`
	Documentation string `json:"documentation,omitempty"`
	Type          string `json:"type,omitempty"`
}

// bytes builds the resource.
func (o *definition) bytes() ([]byte, error) {
	return json.Marshal(struct {
		ResourceType string      `json:"resourceType"`
		ID           string      `json:"id"`
		URL          string      `json:"url"`
		Name         string      `json:"name"`
		Title        string      `json:"title"`
		Status       string      `json:"status"`
		Kind         string      `json:"kind"`
		Description  string      `json:"description"`
		AffectsState bool        `json:"affectsState"`
		Code         string      `json:"code"`
		Base         string      `json:"base,omitempty"`
		Resource     []string    `json:"resource,omitempty"`
		System       bool        `json:"system"`
		Type         bool        `json:"type"`
		Instance     bool        `json:"instance"`
		Parameter    []parameter `json:"parameter,omitempty"`
	}{"OperationDefinition", o.ID, o.URL, pascal(o.ID), o.Title, "active", "operation", o.Says, o.Affects, o.Name, o.Base, o.Types, o.OnSystem, o.OnType, o.OnOne, o.Parameters})
}

// pascal is a name as computers like it: each word with a capital, and nothing between.
func pascal(name string) string {
	b, up := make([]byte, 0, len(name)), true
	for i := range len(name) {
		switch c := name[i]; {
		case c == '-':
			up = true
		case up && 'a' <= c && c <= 'z':
			b, up = append(b, c-'a'+'A'), false
		default:
			b, up = append(b, c), false
		}
	}
	return string(b)
}
