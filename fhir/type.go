package fhir

import (
	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// resourceTypes is the constant table of R4 resource types, without the two
// abstract ones.
var resourceTypes, resourceTypeSet = listResourceTypes()

func listResourceTypes() ([]string, map[string]struct{}) {
	var list []string
	set := make(map[string]struct{}, 160)
	for t := r4.ResourceType(0); t.Code() != "<unknown>"; t++ {
		if t == r4.ResourceTypeResource || t == r4.ResourceTypeDomainResource {
			continue
		}
		list = append(list, t.Code())
		set[t.Code()] = struct{}{}
	}
	return list, set
}

// ResourceTypes lists the R4 resource types in alphabetical order.
func ResourceTypes() []string { return append([]string(nil), resourceTypes...) }

// IsResourceType says whether s is an R4 resource type.
func IsResourceType(s string) bool {
	_, ok := resourceTypeSet[s]
	return ok
}
