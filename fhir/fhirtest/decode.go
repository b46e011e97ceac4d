package fhirtest

import (
	"bytes"
	"encoding/json"
)

// Decode decodes with encoding/json and UseNumber, for comparison with scans.
func Decode(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	return d.Decode(&v)
}
