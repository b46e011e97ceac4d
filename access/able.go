package access

import (
	"bytes"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// Unable says why resources of a type are not taken yet, "" if they are. It is about what
// the server can do, not about what a caller may: those that are stored already can be
// read and deleted.
func Unable(typ string) string {
	if typ == "Subscription" {
		return "This server sends no notifications yet: a Subscription that is stored would never fire, so none is taken."
	}
	return ""
}

// able refuses to store what the server could not keep its word about.
func (s *step) able() error {
	if why := Unable(s.Ref.Type); why != "" {
		return &fhir.Error{Kind: fhir.Unprocessable, Detail: why, Expression: s.Ref.Type}
	}
	if s.Method != "POST" && s.partial() {
		return &fhir.Error{Kind: fhir.Unprocessable, Detail: "The resource is tagged SUBSETTED: it is a part, which must not replace the whole. Send the whole resource, without the tag.", Expression: s.Ref.Type + ".meta.tag"}
	}
	return nil
}

// partial says whether the new version is tagged as a part of a resource.
func (s *step) partial() bool {
	if !bytes.Contains(s.stamped.Bytes(), []byte("SUBSETTED")) {
		return false
	}
	q, err := search.ParseQuery(s.Ref.Type, []fhir.Param{{Name: "_tag", Value: "http://terminology.hl7.org/CodeSystem/v3-ObservationValue|SUBSETTED"}}, search.QueryOptions{})
	return err != nil || search.Match(q.Where, search.Holder{Index: s.index}, nil)
}
