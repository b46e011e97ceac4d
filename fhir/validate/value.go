package validate

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// value is a fixed value, a pattern or a bound, as JSON.
type value struct {
	text    string            // of a primitive: a string without quotes, a number or boolean as written
	members map[string]*value // of an object
	items   []*value          // of an array
	list    bool
}

func readValue(data json.RawMessage) (*value, error) {
	data = bytes.TrimSpace(data)
	switch data[0] {
	case '{':
		var members map[string]json.RawMessage
		if err := json.Unmarshal(data, &members); err != nil {
			return nil, err
		}
		v := &value{members: map[string]*value{}}
		for name, member := range members {
			one, err := readValue(member)
			if err != nil {
				return nil, err
			}
			v.members[name] = one
		}
		return v, nil
	case '[':
		var items []json.RawMessage
		if err := json.Unmarshal(data, &items); err != nil {
			return nil, err
		}
		v := &value{list: true}
		for _, item := range items {
			one, err := readValue(item)
			if err != nil {
				return nil, err
			}
			v.items = append(v.items, one)
		}
		return v, nil
	case '"':
		var text string
		err := json.Unmarshal(data, &text)
		return &value{text: text}, err
	}
	return &value{text: string(data)}, nil
}

// holds says whether a node has a value: all of it, and nothing else, if exact; otherwise
// at least what the value names.
func (v *value) holds(t *fhir.Tape, at int32, exact bool) bool {
	if t.Nodes[at].Kind != '{' {
		return v.members == nil && !v.list && string(t.Text(at)) == v.text
	}
	if v.members == nil {
		return false
	}
	seen := 0
	for name, wanted := range v.members {
		given := named(t, at, name)
		if len(given) == 0 || !wanted.among(t, given, exact) {
			return false
		}
		seen += len(given)
	}
	return !exact || seen == size(t, at)
}

// among compares with the values of one member.
func (v *value) among(t *fhir.Tape, given []int32, exact bool) bool {
	if !v.list {
		return len(given) == 1 && v.holds(t, given[0], exact)
	}
	if exact {
		return slices.EqualFunc(v.items, given, func(wanted *value, at int32) bool { return wanted.holds(t, at, true) })
	}
	for _, wanted := range v.items {
		if !slices.ContainsFunc(given, func(at int32) bool { return wanted.holds(t, at, false) }) {
			return false
		}
	}
	return true
}

// named are the children of a node by their JSON name.
func named(t *fhir.Tape, at int32, name string) []int32 {
	var all []int32
	for c := range children(t, at) {
		if jsonName(t, c) == name {
			all = append(all, c)
		}
	}
	return all
}

func size(t *fhir.Tape, at int32) (n int) {
	for range children(t, at) {
		n++
	}
	return n
}

// children calls yield for every child of a node.
func children(t *fhir.Tape, at int32) func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		for c := at + 1; c < t.Nodes[at].Next; c = t.Nodes[c].Next {
			if !yield(c) {
				return
			}
		}
	}
}

// jsonName is the name of a node's member: valueQuantity, _birthDate.
func jsonName(t *fhir.Tape, at int32) string {
	d, n := fhir.R4(), &t.Nodes[at]
	el := &d.Elements[n.Elem]
	name := el.Name
	if el.Choice {
		name += title(d.Types[n.Type].Name)
	}
	if n.PrimitiveExt {
		return "_" + name
	}
	return name
}
