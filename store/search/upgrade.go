package search

import (
	"fmt"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// RenewFacts returns the facts that the packed document of a version says, packed, and the
// Binaries that it names. Programs of schema version 1 did not keep what is inside a
// resource and what is attached to it, and kept inherited patients; those of a Consent
// stay, for it goes on binding.
func RenewFacts(facts, body []byte, base string) (packed []byte, names []string, err error) {
	text, err := store.Unpack(body)
	if err != nil {
		return nil, nil, err
	}
	doc, err := fhir.Open(text)
	if err != nil {
		return nil, nil, err
	}
	kept, err := store.UnpackFacts(facts)
	if err != nil {
		return nil, nil, err
	}
	_, said, err := search.Describe(doc, base)
	if err != nil {
		return nil, nil, err
	}
	if said.Type == consent && len(said.Patients) == 0 {
		said.Patients = kept.Patients
	}
	raw, err := said.AppendBinary(nil)
	if err != nil {
		return nil, nil, fmt.Errorf("encode facts: %w", err)
	}
	return store.Pack(raw), store.Names(&said), nil
}

const consent = "Consent"
