package fhir

import (
	"slices"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

const balp = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."

// auditKind is what IHE BALP says of a kind of interaction: its profile, and the types of
// the agents. docs/audit-events.md has the whole mapping.
type auditKind struct {
	profile string    // its name; "" where BALP has none
	code    string    // of restful-interaction; "" if that is the interaction's own name
	event   r4.Coding // its type where that is not a RESTful one ...
	sub     r4.Coding // ... and then its subtype
	client  r4.Coding
	server  r4.Coding
	user    r4.Coding
}

// Codes of agents. The client is the source of what it sends, a query too, and the
// destination of what it reads.
func dicom(code, display string) r4.Coding {
	return coding("http://dicom.nema.org/resources/ontology/DCM", code, display)
}

func participant(code, display string) r4.Coding {
	return coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", code, display)
}

func sourceRole() r4.Coding      { return dicom("110153", "Source Role ID") }
func destinationRole() r4.Coding { return dicom("110152", "Destination Role ID") }
func recipientRole() r4.Coding   { return participant("IRCP", "information recipient") }
func authorRole() r4.Coding      { return participant("AUT", "author (originator)") }

func custodianRole() r4.Coding {
	return coding("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian", "Custodian")
}

// balpAuthZ has BALP's codes of decisions to authorize.
const balpAuthZ = "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType"

func authServer() r4.Coding {
	return coding("http://terminology.hl7.org/CodeSystem/extra-security-role-type", "authserver", "authorization server")
}

// kindOf sorts an interaction.
func kindOf(interaction string) auditKind {
	switch interaction {
	case "read", "vread":
		return auditKind{profile: "Read", client: destinationRole(), server: sourceRole(), user: recipientRole()}
	case "audit-read":
		return auditKind{profile: "Read", code: "read", client: destinationRole(), server: sourceRole(), user: recipientRole()}
	case "create":
		return auditKind{profile: "Create", client: sourceRole(), server: destinationRole(), user: authorRole()}
	case "update", "patch":
		return auditKind{profile: "Update", client: sourceRole(), server: destinationRole(), user: authorRole()}
	case "delete":
		return auditKind{profile: "Delete", client: dicom("110150", "Application"), server: custodianRole(), user: authorRole()}
	case "search-type", "search-system":
		return auditKind{profile: "Query", client: sourceRole(), server: destinationRole(), user: recipientRole()}
	case "audit-search":
		return auditKind{profile: "Query", code: "search-type", client: sourceRole(), server: destinationRole(), user: recipientRole()}
	case "history-instance", "history-type", "history-system":
		return auditKind{client: destinationRole(), server: sourceRole(), user: recipientRole()}
	case "authorize":
		return auditKind{code: "operation", event: dicom("110113", "Security Alert"), sub: coding(balpAuthZ, "AuthZ-Role", "Authorization Decision using only Roles"),
			client: dicom("110150", "Application"), server: authServer(), user: recipientRole()}
	case "token", "refresh":
		return auditKind{code: "operation", event: dicom("110114", "User Authentication"), sub: coding("urn:ihe:event-type-code", "ITI-71", "Get Access Token"),
			client: dicom("110150", "Application"), server: authServer(), user: recipientRole()}
	case "sign-in":
		return auditKind{code: "operation", event: dicom("110114", "User Authentication"), sub: dicom("110122", "Login"), client: dicom("110150", "Application"), server: authServer(), user: recipientRole()}
	case "sign-out":
		return auditKind{code: "operation", event: dicom("110114", "User Authentication"), sub: dicom("110123", "Logout"), client: dicom("110150", "Application"), server: authServer(), user: recipientRole()}
	case disclosureRecord:
		return auditKind{code: "operation", event: coding(lifecycles, "disclose", "Disclose Record Lifecycle Event"), client: sourceRole(), server: destinationRole(), user: authorRole()}
	case "transaction", "batch":
		return auditKind{client: sourceRole(), server: destinationRole(), user: authorRole()}
	}
	return auditKind{code: "operation", client: destinationRole(), server: sourceRole(), user: recipientRole()}
}

// subtypes are the interaction in HL7's code system, and in ours if HL7's has no code
// of its own for it.
func (k auditKind) subtypes(interaction string) []r4.Coding {
	switch {
	case k.sub.Code != nil:
		return []r4.Coding{k.sub, coding(ownSystem+"interaction", interaction, "")}
	case k.code == "":
		return []r4.Coding{coding(interactions, interaction, "")}
	case interaction == "erase":
		return []r4.Coding{coding(ownSystem+"interaction", interaction, "")}
	}
	return []r4.Coding{coding(interactions, k.code, ""), coding(ownSystem+"interaction", interaction, "")}
}

// profile is the BALP profile that the event meets; "" if it meets none. The profiles are
// of successes, of one resource or query, and the patient ones of one patient. What was
// erased or is hidden from the reader takes the profile with it.
func (a *Access) profile() string {
	k := kindOf(a.Interaction)
	met := a.Asked && len(k.asked(a)) > 0
	if k.profile != "Query" {
		met = len(k.data(a)) == 1
	}
	if k.profile == "" || !met || a.failed() || a.Address == "" || a.Node == "" || a.Base == "" {
		return ""
	}
	if len(a.Patients) == 1 && !a.Broad && a.Erased == 0 {
		return balp + "Patient" + k.profile
	}
	return balp + k.profile
}

// asked is the query in the words of a request line.
func (k auditKind) asked(a *Access) string {
	switch {
	case a.Query == "" && k.profile != "Query":
		return ""
	case a.Interaction == "transaction": // names the types itself
		return a.Query
	case k.code == "operation":
		return a.Target + "/$" + a.Interaction + "?" + a.Query
	case a.Target != "" && k.profile == "Query":
		return a.Target + "/" + a.Type + "?" + a.Query
	}
	return a.Type + "?" + a.Query
}

// data are the resources that were read or written, or asked for if there are none.
func (k auditKind) data(a *Access) []string {
	if len(a.Items) > 0 || a.Target == "" || slices.Contains(a.Patients, a.Target) && (k.profile == "" || k.profile == "Query") {
		return a.Items
	}
	return []string{a.Target}
}
