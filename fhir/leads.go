package fhir

import "slices"

// HoldsOthers says whether resources of a type hold other resources, or show them: who may
// know what is in them is decided with all that they refer to.
func HoldsOthers(typ string) bool { return slices.Contains(holders, typ) }

// OnlyWhoAndWhere says whether resources of a type say only who and where: a reference to
// one leads to nobody's data.
func OnlyWhoAndWhere(typ string) bool { return slices.Contains(whoAndWhere, typ) }

var (
	holders     = []string{"Binary", "Bundle", "Composition", "DocumentManifest", "List"}
	whoAndWhere = []string{"Endpoint", "HealthcareService", "Location", "Organization", "Practitioner", "PractitionerRole"}
)
