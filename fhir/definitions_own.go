package fhir

// ownParams are Aceso's own search parameters: R4 has none for what an AuditEvent says
// about the decision, and whether it was a broad question.
var ownParams = []SearchParam{
	{Name: "broad", Kind: "token", Bases: []string{"AuditEvent"}, Expression: auditExtension("broad", "boolean")},
	{Name: "decision", Kind: "token", Bases: []string{"AuditEvent"}, Expression: auditExtension("decision", "string")},
	{Name: "purpose", Kind: "token", Bases: []string{"AuditEvent"}, Expression: "AuditEvent.purposeOfEvent"},
	{Name: "reason", Kind: "token", Bases: []string{"AuditEvent"}, Expression: auditExtension("reason", "string")},
	{Name: "request", Kind: "token", Bases: []string{"AuditEvent"}, Expression: "AuditEvent.entity.what.identifier"},
}

func auditExtension(name, typ string) string {
	return "AuditEvent.extension.where(url='" + extensions + name + "').value.as(" + typ + ")"
}
