package access

import "github.com/aceso-health/aceso/fhir"

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
	return nil
}
