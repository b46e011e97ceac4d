package fhir

import (
	"encoding/json"
	"strings"
	"time"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// Access is one recorded access or change, as an AuditEvent tells it (R4
// AuditEvent, profiled by IHE BALP: RESTful and patient events).
type Access struct {
	ID           string
	Recorded     time.Time
	Interaction  string // restful-interaction code, or an interaction of ours
	Type         string // resource type of the interaction
	Action       string // C R U D E
	Status       int    // HTTP status of the answer
	Decision     string
	Reason       string
	Replaces     string // in old records: source/seq of the record of an answer that was discarded
	Policy       string // revision of the policy in force
	Record       string // receipt: source/seq;c=commitment
	Request      string
	Agent        string // reference or identifier; "" if it was erased or may not be shown
	Name         string
	Role         string
	Address      string
	Organization string
	Client       string
	Purpose      string
	Node         string
	Base         string // base URL of the server
	Site         string // organisation of the node
	Asked        bool   // Query and Target are what was asked; otherwise they may be hidden
	Query        string
	Patients     []string // "Patient/1"
	Items        []string // "Observation/7/_history/2"
	Consents     []string // that decided
	Target       string   // asked for
	Broad        bool     // the question may have covered patients who are not named
	More         int64    // so many at least, who are concerned; 0 if it is not known
	Erased       int      // parts that were erased
}

// disclosureRecord is the interaction of somebody who reports what was given to others: this
// server has not observed it.
const disclosureRecord = "disclosure-record"

// Code systems and canonical URLs of AuditEvents. What HL7, DICOM and IHE have no code
// for is in systems of our own.
const (
	restEvent    = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	lifecycles   = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
	interactions = "http://hl7.org/fhir/restful-interaction"
	extensions   = "https://aceso.health/fhir/StructureDefinition/"
	ownSystem    = "https://aceso.health/fhir/CodeSystem/"
)

// AuditEvent renders the access as an R4 AuditEvent.
func AuditEvent(a Access) ([]byte, error) {
	event := struct {
		ResourceType string            `json:"resourceType"`
		Contained    []json.RawMessage `json:"contained,omitempty"`
		r4.OtherAuditEvent
	}{ResourceType: "AuditEvent", OtherAuditEvent: r4.OtherAuditEvent{
		Id:       &a.ID,
		Meta:     &r4.Meta{VersionId: text("1"), LastUpdated: text(instant(a.Recorded))},
		Type:     coding(restEvent, "rest", "RESTful Operation"),
		Subtype:  kindOf(a.Interaction).subtypes(a.Interaction),
		Recorded: instant(a.Recorded),
		Agent:    accessAgents(a),
		Source: r4.AuditEventSource{
			Site: text(a.Site), Observer: observer(a),
			Type: []r4.Coding{coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server")},
		},
		Entity: accessEntities(a),
	}}
	if profile := a.profile(); profile != "" {
		event.Meta.Profile = []string{profile}
	}
	if k := kindOf(a.Interaction); k.event.Code != nil {
		event.Type = k.event
	}
	if a.Interaction == "erase" || a.Interaction == "purge" && a.Action == "D" {
		event.Type = coding(lifecycles, "destroy", "Destroy/Delete Record Lifecycle Event")
	}
	var action r4.AuditEventAction
	if err := action.UnmarshalJSON([]byte(a.Action)); err != nil {
		return nil, err
	}
	event.Action, event.Outcome = &action, a.outcome()
	event.OutcomeDesc = text(strings.TrimSuffix(a.Decision+": "+a.Reason, ": "))
	event.PurposeOfEvent = purposeOf(a)
	event.Extension = accessExtensions(a)
	if a.failed() {
		outcome, err := a.failure()
		if err != nil {
			return nil, err
		}
		event.Contained = []json.RawMessage{outcome}
	}
	return encode(event)
}

func accessExtensions(a Access) (list []r4.Extension) {
	for _, e := range []struct{ name, value string }{
		{"record", a.Record}, {"decision", a.Decision}, {"reason", a.Reason}, {"replaces", a.Replaces}, {"policy-revision", a.Policy},
	} {
		if e.value != "" {
			list = append(list, r4.Extension{Url: extensions + e.name, ValueString: text(e.value)})
		}
	}
	if a.Broad {
		list = append(list, r4.Extension{Url: extensions + "broad", ValueBoolean: &a.Broad})
	}
	if reported := a.Interaction == disclosureRecord; reported {
		list = append(list, r4.Extension{Url: extensions + "reported", ValueBoolean: &reported})
	}
	if a.More > 0 {
		more := int(a.More)
		list = append(list, r4.Extension{Url: extensions + "more", ValueInteger: &more})
	}
	return list
}

func purposeOf(a Access) []r4.CodeableConcept {
	if a.Purpose == "" {
		return nil
	}
	return []r4.CodeableConcept{concept("http://terminology.hl7.org/CodeSystem/v3-ActReason", a.Purpose, "")}
}

func concept(system, code, display string) r4.CodeableConcept {
	return r4.CodeableConcept{Coding: []r4.Coding{coding(system, code, display)}}
}

func coding(system, code, display string) r4.Coding {
	return r4.Coding{System: &system, Code: &code, Display: text(display)}
}

// text is nil for the empty string: FHIR has no empty strings.
func text(s string) *string { return given(&s) }

// given is text without a copy.
func given(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}
