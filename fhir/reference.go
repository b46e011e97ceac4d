package fhir

// Ref names one resource: a type and a logical id.
type Ref struct{ Type, ID string }

// String is the relative reference, "Patient/1".
func (r Ref) String() string { return r.Type + "/" + r.ID }

// ParseRef reads a relative reference "Type/id". The type must be an R4
// resource type, the id must match [A-Za-z0-9\-.]{1,64}; otherwise Invalid.
func ParseRef(s string) (Ref, error) { panic("contract") }
