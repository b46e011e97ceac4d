package policy

import (
	"encoding/json"
	"maps"
	"slices"
)

// Fields are the paths of what a policy sees of a request, as its schema has them, below
// input: agent.subject, purpose ...
func Fields() ([]string, error) {
	var s shape
	if err := json.Unmarshal(schemaJSON, &s); err != nil {
		return nil, err
	}
	return s.paths(""), nil
}

// shape is the part of a schema that names things.
type shape struct {
	Properties map[string]*shape `json:"properties"`
	Items      *shape            `json:"items"`
}

func (s *shape) paths(at string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		all = append(all, at+name)
		all = append(all, s.Properties[name].paths(at+name+".")...)
	}
	return all
}
