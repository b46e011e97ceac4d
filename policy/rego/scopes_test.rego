package aceso.access_test

import data.aceso.access.decision

test_scope_must_cover_type if {
	d := decision with input as changed(scope("Patient", "cruds"), {})
	d == refused("scope-missing")
}

test_scope_must_cover_action if {
	d := decision with input as changed(scope("Observation", "cuds"), {})
	d == refused("scope-missing")
}

test_scope_covers if {
	d := decision with input as changed(scope("Observation", "r"), {})
	d.allow == true
}

test_no_scopes if {
	d := decision with input as changed({"scopes": []}, {})
	d == refused("scope-missing")
}

test_system_level_needs_all_types if {
	what := {"interaction": "search-system", "action": "s", "type": ""}
	some_types := decision with input as changed(scope("Observation", "s"), what)
	some_types == refused("scope-missing")
	all_types := decision with input as changed(scope("*", "s"), what)
	all_types.allow == true
}

test_context_must_fit_the_role if {
	as_system := decision with input as changed({"scopes": machine.scopes}, {})
	as_system == refused("scope-missing")
	as_user := decision with input as changed({"role": "system"}, {})
	as_user == refused("scope-missing")
}

test_patient_context_stays_in_the_compartment if {
	d := decision with input as changed(launched, {}) with data.aceso.access.house_rows as {}
	d.constraints == {"compartment": "Patient/1", "shared_types": data.aceso.types.shared}
	d.consent == "forbids"
}

test_patient_context_writes_no_shared_types if {
	d := decision with input as changed(launched, create("Observation")) with data.aceso.access.house_rows as {}
	d.constraints == {"compartment": "Patient/1"}
}

test_patient_context_without_patient if {
	d := decision with input as changed({"scopes": launched.scopes}, {})
	d == refused("scope-missing")
}

test_user_scope_is_not_narrowed_by_a_patient_scope if {
	d := decision with input as changed({"patient": "Patient/1", "scopes": array.concat(launched.scopes, request.agent.scopes)}, {}) with data.aceso.access.house_rows as {}
	d.constraints == {}
}

test_guest_in_patient_context_has_both_limits if {
	d := decision with input as changed(object.union(guest, launched), {})
	d.constraints.compartment == "Patient/1"
	d.constraints.uncompartmented == data.aceso.types.shared
}
