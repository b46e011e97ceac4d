package demo

import (
	"encoding/json"
	"fmt"
	"strings"
)

// LongProvenance is how many targets the longest Provenance of a public set of Synthea
// bundles has.
const LongProvenance = 3418

// LongBundle is a transaction of the form that large Synthea runs have: one patient, and a
// Provenance whose targets are the patient and all the patient's data, so many in all. The
// data are filled up until the transaction has about so many bytes.
func LongBundle(patient, targets, bytes int) ([]byte, error) {
	name := func(n int) string { return fmt.Sprintf("urn:uuid:%08x-0000-4000-8000-%012x", patient, n) }
	self := object{"reference": name(0)}
	all := []object{{
		"resourceType": "Patient", "identifier": []object{{"system": register, "value": fmt.Sprintf("long-%d", patient)}},
		"name": []object{{"family": fmt.Sprintf("Long%d", patient), "given": []string{"Ada"}}}, "gender": "female", "birthDate": "1950-01-01",
	}}
	text := filling((bytes - targets*700) / targets)
	for n := 1; n < targets; n++ {
		all = append(all, object{
			"resourceType": "Observation", "status": "final", "subject": self,
			"code": code(loinc, "8302-2", "Body Height"), "effectiveDateTime": fmt.Sprintf("20%02d-%02d-%02d", n/336%20, n/28%12+1, n%28+1),
			"valueQuantity": object{"value": 150 + n%40, "unit": "cm", "system": ucum, "code": "cm"},
			"text":          object{"status": "generated", "div": text},
		})
	}
	target := make([]object, len(all))
	entries := make([]object, len(all), len(all)+1)
	for n, resource := range all {
		target[n] = object{"reference": name(n)}
		entries[n] = created(name(n), resource)
	}
	entries = append(entries, created(name(len(all)), object{
		"resourceType": "Provenance", "target": target, "recorded": "2020-05-01T10:00:00Z",
		"agent": []object{{"who": object{"display": "Long Hospital"}}},
	}))
	return json.Marshal(object{"resourceType": "Bundle", "type": "transaction", "entry": entries})
}

func created(name string, resource object) object {
	return object{"fullUrl": name, "resource": resource, "request": object{"method": "POST", "url": resource["resourceType"]}}
}

// filling is a narrative of about so many bytes.
func filling(bytes int) string {
	const line = "Height was measured standing, without shoes. "
	return `<div xmlns='http://www.w3.org/1999/xhtml'>` + strings.Repeat(line, max(1, bytes/len(line))) + `</div>`
}

// LongGroup is a Group of so many patients.
func LongGroup(id string, members int) ([]byte, error) {
	all := make([]object, members)
	for n := range all {
		all[n] = object{"entity": reference("Patient", fmt.Sprintf("member-%d", n))}
	}
	return json.Marshal(object{"resourceType": "Group", "id": id, "type": "person", "actual": true, "member": all})
}

// LongCodeSystem is a CodeSystem of so many concepts.
func LongCodeSystem(id string, concepts int) ([]byte, error) {
	all := make([]object, concepts)
	for n := range all {
		all[n] = object{"code": fmt.Sprintf("concept-%d", n), "display": fmt.Sprintf("Concept %d", n)}
	}
	return json.Marshal(object{
		"resourceType": "CodeSystem", "id": id, "url": "urn:aceso:demo:" + id, "status": "active", "content": "complete", "concept": all,
	})
}
