package server

import (
	"encoding/json"
	"net/http"
)

// part is a parameter, or a part of one, of a Parameters resource.
type part struct {
	Name    string `json:"name"`
	Code    string `json:"valueCode,omitempty"`
	Text    string `json:"valueString,omitempty"`
	URI     string `json:"valueUri,omitempty"`
	Decimal *int64 `json:"valueDecimal,omitempty"`
	Boolean *bool  `json:"valueBoolean,omitempty"`
	Parts   []part `json:"part,omitempty"`
}

// parameters answers with a Parameters resource. One of strings alone is made by
// fhir.Parameters.
func parameters(parts []part) (*answer, error) {
	body, err := json.Marshal(struct {
		ResourceType string `json:"resourceType"`
		Parameter    []part `json:"parameter,omitempty"`
	}{"Parameters", parts})
	return &answer{status: http.StatusOK, body: body}, err
}
