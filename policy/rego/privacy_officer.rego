# Privacy officers: the access log and how far it is anchored, Consents, proofs and
# policies, and which patients they are about; no other clinical data.
package aceso.access

privacy_officer := deny("guest-not-allowed") if not own

else := deny("purpose-not-allowed") if purpose in {"break-glass", "marketing", "research", "unknown"}

else := authorized if authorizing

else := deny("scope-missing") if not office_scoped

else := permit("privacy-office", "none", {}) if office_operation

else := permit("privacy-office", "none", {"types": ["Consent"]}) if office_consent

else := permit("privacy-office", "none", {"types": ["Patient"]}) if office_patient

else := deny("interaction-not-allowed") if not clinical

else := deny("type-not-allowed")

# Operations need the scope that data.json names, all else one for its type.
office_scoped if {
	office_operation
	operable
}

office_scoped if {
	not office_operation
	covers(input.type, input.action)
}

office_operation if input.interaction in {"audit-read", "audit-search", "proof", "verify", "access-report", "ledger", "client-read"}

office_operation if input.interaction in {"policy-read", "policy-write", "policy-approve", "label-write"}

office_operation if input.interaction in {"purge", "purge-approve"}

# They see which emergencies were declared, end them, and judge them afterwards.
office_operation if input.interaction in {"break-glass-read", "break-glass-review"}

# They learn who could read what, and why.
office_operation if input.interaction == "explain"

# They learn what a Consent would change before it is written, and which ones contradict each
# other or cannot be understood.
office_operation if input.interaction in {"simulate", "consent-problems"}

# They record what others report to have disclosed.
office_operation if input.interaction == "disclosure-record"

# Consents are read, recorded, changed and ended, but not deleted.
office_consent if {
	input.type == "Consent"
	reading
}

office_consent if {
	input.type == "Consent"
	input.interaction in {"create", "update", "patch"}
}

# Whoever asks for her report has to be found, and a record names patients by their ids.
office_patient if {
	input.type == "Patient"
	input.interaction in {"read", "search-type"}
}
