package fhir

// ownParams are the search parameters that Aceso has besides those of R4: what an
// AuditEvent says about the decision, which R4 has no parameters for.
var ownParams = []searchParam{
	{name: "decision", kind: "token", bases: []string{"AuditEvent"}, expression: auditExtension("decision")},
	{name: "purpose", kind: "token", bases: []string{"AuditEvent"}, expression: "AuditEvent.purposeOfEvent"},
	{name: "reason", kind: "token", bases: []string{"AuditEvent"}, expression: auditExtension("reason")},
	{name: "request", kind: "token", bases: []string{"AuditEvent"}, expression: "AuditEvent.entity.what.identifier"},
}

func auditExtension(name string) string {
	return "AuditEvent.extension.where(url='" + extensions + name + "').value.as(string)"
}
