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
