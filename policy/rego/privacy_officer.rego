# Privacy officers: the access log and how far it is anchored, Consents, proofs and
# policies; no other clinical data.
package aceso.access

privacy_officer := deny("guest-not-allowed") if not own

else := deny("purpose-not-allowed") if purpose in {"break-glass", "marketing", "research", "unknown"}

else := permit("privacy-office", "none", {}) if input.interaction == "policy-read"

else := deny("scope-missing") if not office_scoped

else := permit("privacy-office", "none", {}) if office_operation

else := permit("privacy-office", "none", {"types": ["Consent"]}) if office_consent

else := deny("interaction-not-allowed") if not clinical

else := deny("type-not-allowed")

# Operations on the log need a scope for AuditEvent, all else one for its type.
office_scoped if {
	office_operation
	covers("AuditEvent", office_letter)
}

office_scoped if {
	not office_operation
	covers(input.type, input.action)
}

office_operation if input.interaction in {"audit-read", "audit-search", "proof", "verify", "access-report", "ledger"}

default office_letter := "r"

office_letter := "s" if input.interaction == "audit-search"

# Consents are read, recorded and changed, but their history is not cut off.
office_consent if {
	input.type == "Consent"
	reading
}

office_consent if {
	input.type == "Consent"
	input.interaction in {"create", "update", "patch"}
}
