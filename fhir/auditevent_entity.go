package fhir

import (
	"encoding/base64"
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// Types of entities. BALP tells its slices apart by the type alone, and wants exactly one
// System Object: the resource, or the query of a search. Everything else has the type of
// its resource, or Other.
func personEntity() r4.Coding { return entityCode("1", "Person") }
func systemEntity() r4.Coding { return entityCode("2", "System Object") }
func otherEntity() r4.Coding  { return entityCode("4", "Other") }

func entityCode(code, display string) r4.Coding {
	return coding("http://terminology.hl7.org/CodeSystem/audit-entity-type", code, display)
}

func objectRole(code, display string) *r4.Coding {
	c := coding("http://terminology.hl7.org/CodeSystem/object-role", code, display)
	return &c
}

// ofType is the type of a resource, as the type of an entity.
func ofType(reference string) r4.Coding {
	typ, _, _ := strings.Cut(reference, "/")
	return coding("http://hl7.org/fhir/resource-types", typ, typ)
}

func accessEntities(a Access) []r4.AuditEventEntity {
	var all []r4.AuditEventEntity
	add := func(reference string, kind r4.Coding, is *r4.Coding) {
		all = append(all, r4.AuditEventEntity{What: &r4.Reference{Reference: &reference}, Type: &kind, Role: is})
	}
	k := kindOf(a.Interaction)
	for _, p := range a.Patients {
		add(p, personEntity(), objectRole("1", "Patient"))
	}
	data := k.data(&a)
	for i, item := range data {
		kind := ofType(item)
		if i == 0 && k.profile != "Query" {
			kind = systemEntity()
		}
		add(item, kind, objectRole("4", "Domain Resource"))
	}
	if a.Target != "" && !a.mentions(data, a.Target) {
		add(a.Target, ofType(a.Target), objectRole("4", "Domain Resource"))
	}
	for _, c := range a.Consents {
		add(c, ofType(c), objectRole("13", "Security Resource"))
	}
	if e, ok := k.queryEntity(&a); ok {
		all = append(all, e)
	}
	return append(all, circumstances(a)...)
}

// mentions says whether an entity is the target already, in some version.
func (a *Access) mentions(data []string, target string) bool {
	return slices.Contains(a.Patients, target) || slices.ContainsFunc(data, func(item string) bool {
		return item == target || strings.HasPrefix(item, target+"/_history/")
	})
}

// queryEntity is what was asked, in base64 as BALP wants it: it is what the caller wrote.
func (k auditKind) queryEntity(a *Access) (r4.AuditEventEntity, bool) {
	asked := k.asked(a)
	if !a.Asked || asked == "" {
		return r4.AuditEventEntity{}, false
	}
	kind := otherEntity()
	if k.profile == "Query" {
		kind = systemEntity()
	}
	return r4.AuditEventEntity{Type: &kind, Role: objectRole("24", "Query"), Query: text(base64.StdEncoding.EncodeToString([]byte(asked)))}, true
}

// circumstances are the request's id, how it failed, and what was erased.
func circumstances(a Access) (all []r4.AuditEventEntity) {
	if a.Request != "" {
		kind := coding("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId", "")
		all = append(all, r4.AuditEventEntity{What: &r4.Reference{Identifier: &r4.Identifier{Value: text(a.Request)}}, Type: &kind})
	}
	if a.failed() {
		kind := ofType("OperationOutcome")
		all = append(all, r4.AuditEventEntity{What: &r4.Reference{Reference: text("#" + failureID)}, Type: &kind})
	}
	if a.Erased > 0 {
		kind := coding(ownSystem+"audit-entity-type", "erased", "Erased")
		all = append(all, r4.AuditEventEntity{Type: &kind, Name: text("erased"), Description: text("A patient's part of this record was erased.")})
	}
	return all
}
