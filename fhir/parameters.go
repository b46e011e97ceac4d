package fhir

import r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

// Parameter is one named value of a Parameters resource.
type Parameter struct{ Name, Value string }

// Parameters builds a Parameters resource of strings, without the empty ones.
func Parameters(values []Parameter) ([]byte, error) {
	frame := struct {
		ResourceType string                   `json:"resourceType"`
		Parameter    []r4.ParametersParameter `json:"parameter,omitempty"`
	}{ResourceType: "Parameters"}
	for _, v := range values {
		if v.Value != "" {
			frame.Parameter = append(frame.Parameter, r4.ParametersParameter{Name: v.Name, ValueString: &v.Value})
		}
	}
	return encode(frame)
}

// SimpleParameters reads the named primitive values of a Parameters resource. It refuses
// others: an operation without them would do something else than what was asked.
func SimpleParameters(body []byte) (all []Param, err error) {
	s, err := openTape(body)
	if err != nil {
		return nil, err
	}
	defer s.close()
	for i := range s.children(0) {
		if s.nameOf(i) != "parameter" {
			continue
		}
		p, ok := s.simpleParameter(i)
		if !ok {
			return nil, &Error{Kind: Invalid, Detail: "The parameters of this operation have a name and a primitive value.", Expression: s.place(i)}
		}
		all = append(all, p)
	}
	return all, nil
}

func (s *scanner) simpleParameter(at int32) (p Param, ok bool) {
	for c := range s.children(at) {
		n := &s.Nodes[c]
		switch s.nameOf(c) {
		case "name":
			p.Name = string(s.text(c))
		case "value":
			ok = n.Kind != '{' && !n.PrimitiveExt
			p.Value = string(s.text(c))
		default:
			return p, false
		}
	}
	return p, ok
}
