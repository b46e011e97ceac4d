package fhir

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// Access is one recorded access or change, as an AuditEvent tells it (R4
// AuditEvent, profiled by IHE BALP: RESTful and patient events).
type Access struct {
	ID           string
	Recorded     time.Time
	Interaction  string // restful-interaction code
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
	Site         string // organisation of the node
	Query        string
	Patients     []string // "Patient/1"
	Items        []string // "Observation/7/_history/2"
	Consents     []string // that decided
	Target       string   // asked for
	Broad        bool     // the question may have covered patients who are not named
	More         int64    // so many at least, who are concerned; 0 if it is not known
	Erased       int      // parts that were erased
}

const (
	restEvent    = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	interactions = "http://hl7.org/fhir/restful-interaction"
	extensions   = "https://aceso.health/fhir/StructureDefinition/"
	objectRole   = "http://terminology.hl7.org/CodeSystem/object-role"
	entityType   = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	balp         = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/"
)

// AuditEvent renders the access as an R4 AuditEvent.
func AuditEvent(a Access) ([]byte, error) {
	event := r4.OtherAuditEvent{
		Id:       &a.ID,
		Meta:     &r4.Meta{VersionId: text("1"), LastUpdated: text(instant(a.Recorded)), Profile: []string{balpProfile(a)}},
		Type:     coding(restEvent, "rest", "RESTful Operation"),
		Subtype:  []r4.Coding{coding(interactions, a.Interaction, "")},
		Recorded: instant(a.Recorded),
		Agent:    accessAgents(a),
		Source:   r4.AuditEventSource{Site: text(a.Site), Observer: r4.Reference{Display: text(a.Node)}},
		Entity:   accessEntities(a),
	}
	var action r4.AuditEventAction
	if err := action.UnmarshalJSON([]byte(a.Action)); err != nil {
		return nil, err
	}
	event.Action, event.Outcome = &action, accessOutcome(a.Status)
	event.OutcomeDesc = text(a.Decision + ": " + a.Reason)
	if a.Purpose != "" {
		event.PurposeOfEvent = purposeOf(a)
	}
	for _, e := range []struct{ name, value string }{
		{"record", a.Record}, {"decision", a.Decision}, {"reason", a.Reason}, {"replaces", a.Replaces}, {"policy-revision", a.Policy},
	} {
		if e.value != "" {
			event.Extension = append(event.Extension, r4.Extension{Url: extensions + e.name, ValueString: text(e.value)})
		}
	}
	if a.Broad {
		event.Extension = append(event.Extension, r4.Extension{Url: extensions + "broad", ValueBoolean: &a.Broad})
	}
	if a.More > 0 {
		more := int(a.More)
		event.Extension = append(event.Extension, r4.Extension{Url: extensions + "more", ValueInteger: &more})
	}
	return encode(struct {
		ResourceType string `json:"resourceType"`
		r4.OtherAuditEvent
	}{"AuditEvent", event})
}

// balpProfile is the BALP profile of the event's kind.
func balpProfile(a Access) string {
	name := map[string]string{"C": "Create", "R": "Read", "U": "Update", "D": "Delete", "E": "Query"}[a.Action]
	if len(a.Patients) > 0 {
		name = "Patient" + name
	}
	return balp + "IHE.BasicAudit." + name
}

// auditOutcomes are the codes of AuditEvent.outcome that records have, and the lowest
// HTTP status of each: success, the client's failure, the server's failure.
var auditOutcomes = []struct {
	code r4.AuditEventOutcome
	from int
}{{r4.AuditEventOutcome0, 0}, {r4.AuditEventOutcome4, 400}, {r4.AuditEventOutcome8, 500}}

func accessOutcome(status int) *r4.AuditEventOutcome {
	o := auditOutcomes[0].code
	for _, outcome := range auditOutcomes {
		if status >= outcome.from {
			o = outcome.code
		}
	}
	return &o
}

// AuditStatuses returns the HTTP statuses, from <= status < to, that a code of
// AuditEvent.outcome stands for. No record has a code that is not ok.
func AuditStatuses(code string) (from, to int, ok bool) {
	to = 600
	for _, outcome := range slices.Backward(auditOutcomes) {
		if outcome.code.Code() == code {
			return outcome.from, to, true
		}
		to = outcome.from
	}
	return 0, 0, false
}

func accessAgents(a Access) []r4.AuditEventAgent {
	agent := r4.AuditEventAgent{Requestor: true, Name: text(a.Name), Who: who(a.Agent)}
	if a.Role != "" {
		agent.Role = []r4.CodeableConcept{{Text: text(a.Role)}}
	}
	if a.Policy != "" {
		agent.Policy = []string{"urn:aceso:policy:" + a.Policy}
	}
	if a.Address != "" {
		kind := r4.AuditEventAgentNetworkType2 // IP address
		agent.Network = &r4.AuditEventAgentNetwork{Address: text(a.Address), Type: &kind}
	}
	if a.Purpose != "" {
		agent.PurposeOfUse = purposeOf(a)
	}
	agents := []r4.AuditEventAgent{agent}
	if a.Organization != "" {
		agents = append(agents, r4.AuditEventAgent{Who: who("Organization/" + a.Organization)})
	}
	if a.Client != "" {
		agents = append(agents, r4.AuditEventAgent{Who: &r4.Reference{Identifier: &r4.Identifier{Value: text(a.Client)}}})
	}
	return agents
}

func accessEntities(a Access) []r4.AuditEventEntity {
	var all []r4.AuditEventEntity
	add := func(reference, roleCode, role string) {
		kind, object := coding(entityType, "2", "System Object"), coding(objectRole, roleCode, role)
		if role == "Patient" {
			kind = coding(entityType, "1", "Person")
		}
		all = append(all, r4.AuditEventEntity{What: &r4.Reference{Reference: &reference}, Type: &kind, Role: &object})
	}
	for _, p := range a.Patients {
		add(p, "1", "Patient")
	}
	for _, i := range a.Items {
		add(i, "4", "Domain Resource")
	}
	for _, c := range a.Consents {
		add(c, "13", "Security Resource")
	}
	shown := func(item string) bool { return strings.HasPrefix(item, a.Target+"/_history/") }
	if a.Target != "" && !slices.Contains(a.Patients, a.Target) && !slices.ContainsFunc(a.Items, shown) {
		add(a.Target, "4", "Domain Resource")
	}
	if a.Query != "" {
		object := coding(objectRole, "24", "Query")
		all = append(all, r4.AuditEventEntity{Role: &object, Query: text(base64.StdEncoding.EncodeToString([]byte(a.Query)))})
	}
	if a.Request != "" {
		object := coding(objectRole, "21", "Job Stream")
		all = append(all, r4.AuditEventEntity{What: &r4.Reference{Identifier: &r4.Identifier{Value: text(a.Request)}}, Role: &object})
	}
	if a.Erased > 0 {
		all = append(all, r4.AuditEventEntity{Name: text("erased"), Description: text("A patient's part of this record was erased.")})
	}
	return all
}

// who is a reference where the issuer gave one, an identifier otherwise.
func who(subject string) *r4.Reference {
	if subject == "" {
		return nil
	}
	if strings.Count(subject, "/") == 1 {
		if _, err := ParseRef(subject); err == nil {
			return &r4.Reference{Reference: &subject}
		}
	}
	return &r4.Reference{Identifier: &r4.Identifier{Value: &subject}}
}

func purposeOf(a Access) []r4.CodeableConcept {
	return []r4.CodeableConcept{{Coding: []r4.Coding{coding("http://terminology.hl7.org/CodeSystem/v3-ActReason", a.Purpose, "")}}}
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
