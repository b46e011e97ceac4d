package fhir

import "encoding/json"

// View decodes a resource into a read-only struct: structs lose members that they
// have no field for. It refuses other resource types, and resources without one of
// the mandatory members, because some structs would invent a value.
func View[T any](body []byte, resourceType string, mandatory ...string) (*T, error) {
	if err := checkView(body, resourceType, mandatory); err != nil {
		return nil, err
	}
	view := new(T)
	if err := json.Unmarshal(body, view); err != nil {
		return nil, &Error{Kind: Unprocessable, Detail: "The resource cannot be read as a " + resourceType + ".", Err: err}
	}
	return view, nil
}

func checkView(body []byte, resourceType string, mandatory []string) error {
	s, err := openTape(body)
	if err != nil {
		return err
	}
	defer s.close()
	if s.d.Types[s.Nodes[0].Type].Name != resourceType {
		return &Error{Kind: Unprocessable, Detail: "The resource is not a " + resourceType + "."}
	}
	for _, name := range mandatory {
		if !s.hasMember(0, name) {
			return &Error{
				Kind: Unprocessable, Detail: "A mandatory element has no value. Add it.", Expression: resourceType + "." + name,
			}
		}
	}
	return nil
}
