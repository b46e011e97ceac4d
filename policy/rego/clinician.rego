# Practitioners and systems.
#
# Own, for treatment, payment or operations: permitted unless a Consent forbids.
# For break-glass: own practitioners read; see emergency.rego.
# Research, and every guest: refused unless a Consent permits.
package aceso.access

clinician := authorized if authorizing

else := emergency_declared if input.interaction == "break-glass"

else := permit("deputy", "none", {}) if deputising

else := permit("own-operations", "none", {}) if reporting

else := deny("interaction-not-allowed") if not clinical

else := deny("type-not-allowed") if input.type == "AuditEvent"

else := deny("scope-missing") if not scoped

else := deny("type-not-allowed") if not writable

else := permit("research-needs-consent", "permits", outsider_rows) if purpose == "research"

else := permit("guest-needs-consent", "permits", outsider_rows) if visiting

else := permit("own-treatment", "forbids", launch_rows) if purpose == "treatment"

else := permit("own-payment", "forbids", launch_rows) if purpose == "payment"

else := permit("own-operations", "forbids", launch_rows) if purpose == "operations"

else := permit("break-glass", "forbids", outsider_rows) if emergency

else := deny("purpose-not-allowed")

clinical if looking

clinical if writing

visiting if {
	not own
	purpose in {"treatment", "payment", "operations"}
}

writable if not writing

writable if {
	own
	purpose != "research"
	not defining
	not governing
}

writable if {
	own
	purpose != "research"
	defining
	input.agent.role == "system"
}

writable if {
	own
	purpose != "research"
	governor
}

# Guests and researchers change neither what everybody shares nor who is who.
writable if {
	not governing
	not input.type in data.aceso.types.shared
	not input.type in data.aceso.types.people
}

# Of what is in no patient's compartment, guests, researchers and who breaks the glass see
# the shared types only.
outsider_rows := object.union(launch_rows, {"uncompartmented": data.aceso.types.shared})

# Own systems report what they have disclosed to others: that is recorded, and shows nothing.
reporting if {
	input.interaction == "disclosure-record"
	input.agent.role == "system"
	own
	purpose == "operations"
	operable
}
