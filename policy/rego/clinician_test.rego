package aceso.access_test

import data.aceso.access.decision

test_own_staff_permitted_unless_consent_forbids if {
	cases := {"TREAT": "own-treatment", "ETREAT": "own-treatment", "HPAYMT": "own-payment", "HOPERAT": "own-operations"}
	every purpose, reason in cases {
		d := decision with input as changed({}, {"purpose": purpose}) with data.aceso.access.house_rows as {}
		d == {"allow": true, "reason": reason, "consent": "forbids", "constraints": {}}
	}
}

test_own_system_writes_everything_with_or_without_a_patient if {
	every type in {"Patient", "Claim", "ExplanationOfBenefit", "Provenance", "Organization", "Consent"} {
		d := decision with input as changed(machine, object.union(create(type), {"purpose": "HOPERAT"})) with data.aceso.access.house_rows as {}
		d == {"allow": true, "reason": "own-operations", "consent": "forbids", "constraints": {}}
	}
}

test_research_needs_consent if {
	every purpose in {"HRESCH", "CLINTRCH", "CLINTRL"} {
		d := decision with input as changed({}, {"purpose": purpose}) with data.aceso.access.house_rows as {}
		d.consent == "permits"
		d.reason == "research-needs-consent"
		d.constraints == {"uncompartmented": data.aceso.types.shared}
	}
}

test_guest_needs_consent if {
	every purpose in {"TREAT", "HPAYMT", "HOPERAT"} {
		d := decision with input as changed(guest, {"purpose": purpose}) with data.aceso.access.house_rows as {}
		d.consent == "permits"
		d.reason == "guest-needs-consent"
		d.constraints == {"uncompartmented": data.aceso.types.shared}
	}
}

test_no_organization_is_a_guest if {
	d := decision with input as changed({"organization": ""}, {})
	d.reason == "guest-needs-consent"
}

test_guest_research_is_research if {
	d := decision with input as changed(guest, {"purpose": "HRESCH"})
	d.reason == "research-needs-consent"
}

test_guests_and_researchers_do_not_write_what_governs_access if {
	every type in array.concat(data.aceso.types.governing, array.concat(data.aceso.types.people, data.aceso.types.shared)) {
		g := decision with input as changed(guest, create(type))
		g == refused("type-not-allowed")
		r := decision with input as changed({}, object.union(create(type), {"purpose": "HRESCH"}))
		r == refused("type-not-allowed")
	}
}

test_guest_writes_with_consent if {
	d := decision with input as changed(guest, create("Observation"))
	d.consent == "permits"
}

test_other_purposes_refused if {
	every purpose in {"PATRQT", "PUBHLTH", "HMARKT", "nonsense"} {
		own := decision with input as changed({}, {"purpose": purpose})
		own == refused("purpose-not-allowed")
		other := decision with input as changed(guest, {"purpose": purpose})
		other == refused("purpose-not-allowed")
	}
}

test_audit_events_are_not_for_clinicians if {
	every what in [{"type": "AuditEvent"}, search("AuditEvent"), create("AuditEvent")] {
		d := decision with input as changed({}, what)
		d == refused("type-not-allowed")
	}
}

test_operations_are_not_for_clinicians if {
	every name in {"access-report", "explain", "simulate", "consent-problems", "disclosure-record", "proof", "audit-read", "audit-search", "ledger", "metrics", "operations", "policy-read"} {
		d := decision with input as changed({}, operation(name))
		d == refused("interaction-not-allowed")
	}
}

test_verify_as_read if {
	d := decision with input as changed(scope("Observation", "r"), {"interaction": "verify", "action": ""})
	d.reason == "own-treatment"
}

test_verify_without_scope if {
	d := decision with input as changed(scope("Patient", "r"), {"interaction": "verify", "action": ""})
	d == refused("scope-missing")
}

test_validate_as_read if {
	request := {"interaction": "validate", "action": "r", "type": "Observation"}
	d := decision with input as changed(scope("Observation", "r"), request)
	d.reason == "own-treatment"
	other := decision with input as changed(scope("Patient", "r"), request)
	other == refused("scope-missing")
	p := decision with input as changed({"role": "patient", "patient": "Patient/1"}, object.union(request, {"purpose": "PATRQT"}))
	p.constraints.compartment == "Patient/1"
	o := decision with input as changed({"role": "administrator"}, object.union(request, {"purpose": "HOPERAT"}))
	not o.allow
}

test_terminology_as_read if {
	every interaction in {"expand", "validate-code", "lookup", "subsumes", "translate"} {
		request := {"interaction": interaction, "action": "r", "type": "ValueSet"}
		d := decision with input as changed({}, request)
		d.reason == "own-treatment"
		p := decision with input as changed({"role": "patient", "patient": "Patient/1"}, object.union(request, {"purpose": "PATRQT"}))
		p.constraints.compartment == "Patient/1"
		o := decision with input as changed({"role": "administrator"}, object.union(request, {"purpose": "HOPERAT"}))
		not o.allow
	}
}

test_own_systems_alone_define_search_parameters if {
	every what in [create("SearchParameter"), remove("SearchParameter")] {
		d := decision with input as changed({}, what)
		d == refused("type-not-allowed")
		g := decision with input as changed(guest, what)
		g == refused("type-not-allowed")
		s := decision with input as changed(machine, object.union(what, {"purpose": "HOPERAT"}))
		s.allow == true
	}
	r := decision with input as changed({}, {"type": "SearchParameter"})
	r.allow == true
}
