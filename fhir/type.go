package fhir

// ResourceTypes lists the R4 resource types in alphabetical order, without the
// abstract ones.
func ResourceTypes() []string { return resourceTypes() }

// IsResourceType says whether s is an R4 resource type.
func IsResourceType(s string) bool { return isResourceType(s) }
