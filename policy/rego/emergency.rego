# Emergencies: who may declare one for a patient, and what somebody who has sees for the
# purpose BTG. The server holds what no rule says: that one was declared and runs, by whom
# asks, and that the row is that patient's.
package aceso.access

emergency_declared := deny("guest-not-allowed") if not own

else := deny("interaction-not-allowed") if input.agent.role != "practitioner"

else := deny("purpose-not-allowed") if purpose != "treatment"

else := deny("scope-missing") if not emergency_scoped

else := permit("break-glass", "none", {})

# A token in the context of one patient declares nothing.
emergency_scoped if {
	needed := data.aceso.operations["break-glass"]
	some type in needed.types
	"user" in contexts(type, needed.action)
}

emergency if {
	own
	input.agent.role == "practitioner"
	purpose == "break-glass"
	reading
}
