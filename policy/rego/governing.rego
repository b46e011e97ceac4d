# What gives access: Consents, and the resources that say who somebody is and belongs
# to. Who could change them would gain from it, so they are changed by the patient and
# the privacy office (Consents; see their files) and by the house's own systems.
package aceso.access

governing if input.type in data.aceso.types.governing

# governor: the clinician or system may do this to a governing type. Consents are
# recorded by all own ones; only a consent system changes them, and ends them.
governor if {
	input.type == "Consent"
	input.interaction == "create"
}

governor if {
	input.type == "Consent"
	input.agent.role == "system"
	input.agent.client in data.aceso.consent_systems
}

governor if {
	input.type != "Consent"
	input.agent.role == "system"
}

# defining: the type says how the server works. A SearchParameter lets all resources of its
# types be indexed anew, so the house's own systems alone change it.
defining if input.type in data.aceso.types.defining
