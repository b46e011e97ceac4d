# Patients: their own record.
package aceso.access

patient := deny("patient-missing") if input.agent.patient == ""

else := deny("guest-not-allowed") if not own

else := deny("purpose-not-allowed") if not patient_purpose

else := authorized if authorizing

else := permit("self-report", "none", own_rows) if report

else := deny("interaction-not-allowed") if not clinical

else := deny("type-not-allowed") if input.type == "AuditEvent"

else := deny("scope-missing") if not scoped

else := permit("self-access", "none", read_rows) if looking

else := permit("self-access", "none", own_rows) if input.type == "Consent"

else := permit("self-access", "none", authored_rows) if input.type in {"Observation", "QuestionnaireResponse"}

else := deny("type-not-allowed")

# Whatever the purpose a patient states, reading the own record is fine - but
# research is not a patient's errand. Writing is for the patient or for treatment.
patient_purpose if purpose in {"patient-request", "treatment"}

patient_purpose if {
	not writing
	purpose in {"payment", "operations", "public-health"}
}

report if {
	input.interaction == "access-report"
	operable
}

own_rows := {"compartment": input.agent.patient}

read_rows := object.union(own_rows, {"shared_types": data.aceso.types.shared})

authored_rows := object.union(own_rows, {"author": input.agent.patient})
