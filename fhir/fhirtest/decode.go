package fhirtest

import (
	"bytes"
	"encoding/json"
)

// Decode is what scans are measured against: encoding/json with UseNumber.
func Decode(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	return d.Decode(&v)
}
