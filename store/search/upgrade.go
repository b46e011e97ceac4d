package search

import (
	"fmt"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// RenewCodes returns the packed facts of a version with the codes that its packed document
// says. Programs of schema version 1 did not keep the types inside a Bundle. The other facts
// stay, for they may be inherited.
func RenewCodes(facts, body []byte) ([]byte, error) {
	text, err := store.Unpack(body)
	if err != nil {
		return nil, err
	}
	doc, err := fhir.Open(text)
	if err != nil {
		return nil, err
	}
	kept, err := store.UnpackFacts(facts)
	if err != nil {
		return nil, err
	}
	_, said, err := search.Describe(doc, "")
	if err != nil {
		return nil, err
	}
	kept.Codes = said.Codes
	raw, err := kept.AppendBinary(nil)
	if err != nil {
		return nil, fmt.Errorf("encode facts: %w", err)
	}
	return store.Pack(raw), nil
}
