package terminology

import (
	"slices"
	"time"
)

// Capabilities describes a server that answers by this package: a TerminologyCapabilities.
func Capabilities(software, version, url string, at time.Time) ([]byte, error) {
	systems, err := Embedded("CodeSystem")
	if err != nil {
		return nil, err
	}
	slices.Sort(systems)
	type named struct {
		Name string `json:"name"`
	}
	type uri struct {
		URI         string `json:"uri"`
		Subsumption bool   `json:"subsumption"`
	}
	var known []uri
	for _, s := range systems {
		known = append(known, uri{s, true})
	}
	var taken []named
	for _, p := range Parameters("ValueSet expand") {
		taken = append(taken, named{p})
	}
	type object map[string]any
	return encode(struct {
		ResourceType   string `json:"resourceType"`
		Name           string `json:"name"`
		Status         string `json:"status"`
		Date           string `json:"date"`
		Kind           string `json:"kind"`
		Software       object `json:"software"`
		Implementation object `json:"implementation"`
		LockedDate     bool   `json:"lockedDate"`
		CodeSystem     []uri  `json:"codeSystem"`
		Expansion      object `json:"expansion"`
		CodeSearch     string `json:"codeSearch"`
		ValidateCode   object `json:"validateCode"`
		Translation    object `json:"translation"`
		Closure        object `json:"closure"`
	}{
		"TerminologyCapabilities", software, "active", at.UTC().Format(time.RFC3339), "instance",
		object{"name": software, "version": version},
		object{"description": "The code systems named here are embedded; stored CodeSystem, ValueSet and ConceptMap resources count, too.", "url": url},
		false, known,
		object{
			"hierarchical": false, "paging": true, "incomplete": false, "parameter": taken,
			"textFilter": "Every word is part of the code or of its display, whatever their case.",
		},
		"all", object{"translations": false}, object{"needsMap": true}, object{"translation": false},
	})
}
