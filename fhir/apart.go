package fhir

import (
	"slices"
	"strings"
)

// containers are the types of what holds other resources, or shows them. Of what they
// refer to, bystanders are not in them. Contained ingredients are what their container is
// about, not something beside it. What is only whoAndWhere leads to nobody's data.
var (
	containers = []string{"Binary", "Bundle", "Composition", "DocumentManifest", "List"}
	bystanders = []string{"CareTeam", "Device", "Encounter", "EpisodeOfCare", "Group", "Location", "Organization", "Patient",
		"Practitioner", "PractitionerRole", "RelatedPerson"}
	ingredients = []string{"Medication", "Substance"}
	whoAndWhere = []string{"Endpoint", "HealthcareService", "Location", "Organization", "Practitioner", "PractitionerRole"}
)

// Container says whether resources of a type hold others, or show them.
func Container(typ string) bool { return slices.Contains(containers, typ) }

// Bystander says whether resources of a type are beside what refers to them, not in it.
func Bystander(typ string) bool { return slices.Contains(bystanders, typ) }

// WhoAndWhere says whether resources of a type lead to nobody's data.
func WhoAndWhere(typ string) bool { return slices.Contains(whoAndWhere, typ) }

// Shows says whether a resource of type typ shows what is inside it, of type inside, as
// something beside itself.
func Shows(typ, inside string) bool {
	return !Bystander(inside) && (Container(typ) || !slices.Contains(ingredients, inside))
}

// Apart says whether a version stands for itself: it is in the compartment of one patient
// at most, and neither what it leads to nor what is inside it says whose data it is, or
// what Consents see in it.
func (f *Facts) Apart() bool {
	switch {
	case len(f.Patients) > 1, f.Loose, len(f.Logical) > 0, len(f.Contents) > 0, Container(f.Type):
		return false
	case slices.ContainsFunc(f.Inside, func(in Facts) bool { return Shows(f.Type, in.Type) }):
		return false
	}
	leads := func(ref string) bool { return f.leads(ref) }
	return !slices.ContainsFunc(f.References, leads) && !slices.ContainsFunc(f.Later, leads)
}

// leads says whether a reference may lead to somebody's data.
func (f *Facts) leads(ref string) bool {
	typ, _, local := strings.Cut(ref, "/")
	switch {
	case !local || !IsResourceType(typ):
		return false
	case len(f.Patients) > 0:
		return typ == "Binary"
	}
	return !WhoAndWhere(typ)
}
