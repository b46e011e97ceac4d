package fhir

// ownParams are Aceso's own search parameters: R4 has none for what an AuditEvent says
// about the decision.
var ownParams = []SearchParam{
	{Name: "decision", Kind: "token", Bases: []string{"AuditEvent"}, Expression: auditExtension("decision")},
	{Name: "purpose", Kind: "token", Bases: []string{"AuditEvent"}, Expression: "AuditEvent.purposeOfEvent"},
	{Name: "reason", Kind: "token", Bases: []string{"AuditEvent"}, Expression: auditExtension("reason")},
	{Name: "request", Kind: "token", Bases: []string{"AuditEvent"}, Expression: "AuditEvent.entity.what.identifier"},
}

func auditExtension(name string) string {
	return "AuditEvent.extension.where(url='" + extensions + name + "').value.as(string)"
}
