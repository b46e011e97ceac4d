package aceso.access_test

import data.aceso.access.decision

test_officer_reads_the_log if {
	every what in [
		operation("audit-read"), operation("explain"), operation("proof"), operation("access-report"), operation("ledger"),
		{"interaction": "audit-search", "action": "s", "type": "AuditEvent"},
		{"interaction": "verify", "type": "Observation"},
	] {
		d := decision with input as changed(officer, what) with data.aceso.access.house_rows as {}
		d == {"allow": true, "reason": "privacy-office", "consent": "none", "constraints": {}}
	}
}

test_officer_looks_into_consents if {
	every name in {"simulate", "consent-problems"} {
		d := decision with input as changed(object.union(officer, scope("Consent", "r")), operation(name))
		d == {"allow": true, "reason": "privacy-office", "consent": "none", "constraints": {}}
		none := decision with input as changed(object.union(officer, scope("AuditEvent", "r")), operation(name))
		none == refused("scope-missing")
		other := decision with input as changed(object.union(officer, guest), operation(name))
		other == refused("guest-not-allowed")
	}
}

test_disclosures_are_reported_by_officers_and_own_systems if {
	d := decision with input as changed(object.union(officer, scope("AuditEvent", "c")), operation("disclosure-record"))
	d == {"allow": true, "reason": "privacy-office", "consent": "none", "constraints": {}}
	own := decision with input as changed(machine, object.union(operation("disclosure-record"), {"purpose": "HOPERAT"}))
	own == {"allow": true, "reason": "own-operations", "consent": "none", "constraints": {}}
	unscoped := decision with input as changed({"role": "system", "scopes": []}, object.union(operation("disclosure-record"), {"purpose": "HOPERAT"}))
	unscoped == refused("interaction-not-allowed")
	visiting := decision with input as changed(object.union(machine, guest), object.union(operation("disclosure-record"), {"purpose": "HOPERAT"}))
	visiting == refused("interaction-not-allowed")
	doctor := decision with input as changed({}, operation("disclosure-record"))
	doctor == refused("interaction-not-allowed")
}

test_officer_reads_policies if {
	d := decision with input as changed(object.union(officer, scope("CapabilityStatement", "r")), operation("policy-read"))
	d.allow == true
}

test_officer_writes_and_approves_policies if {
	every name in {"policy-write", "policy-approve"} {
		d := decision with input as changed(object.union(officer, scope("CapabilityStatement", "u")), operation(name)) with data.aceso.access.house_rows as {}
		d == {"allow": true, "reason": "privacy-office", "consent": "none", "constraints": {}}
		none := decision with input as changed(object.union(officer, scope("CapabilityStatement", "r")), operation(name))
		none == refused("scope-missing")
		other := decision with input as changed(object.union(officer, guest), operation(name))
		other == refused("guest-not-allowed")
	}
}

test_deputies_read_and_approve_policies if {
	every who in [{}, admin] {
		every name in {"policy-read", "policy-approve"} {
			d := decision with input as changed(who, object.union(operation(name), {"purpose": "HOPERAT"})) with data.aceso.access.house_rows as {}
			d == {"allow": true, "reason": "deputy", "consent": "none", "constraints": {}}
			none := decision with input as changed(object.union(who, scope("Patient", "cruds")), object.union(operation(name), {"purpose": "HOPERAT"}))
			none.allow == false
			other := decision with input as changed(object.union(who, guest), object.union(operation(name), {"purpose": "HOPERAT"}))
			other.allow == false
			treating := decision with input as changed(who, operation(name))
			treating.allow == false
		}
		w := decision with input as changed(who, object.union(operation("policy-write"), {"purpose": "HOPERAT"}))
		w == refused("interaction-not-allowed")
	}
	every who in [machine, person] {
		every name in {"policy-read", "policy-write", "policy-approve"} {
			d := decision with input as changed(who, object.union(operation(name), {"purpose": "HOPERAT"})) with data.aceso.access.house_rows as {}
			d.allow == false
		}
	}
}

test_officer_needs_scope_for_the_log if {
	d := decision with input as changed(object.union(officer, scope("AuditEvent", "r")), operation("audit-search"))
	d == refused("scope-missing")
}

test_officer_keeps_consents if {
	every what in [search("Consent"), create("Consent"), {"type": "Consent"}] {
		d := decision with input as changed(officer, what) with data.aceso.access.house_rows as {}
		d == {"allow": true, "reason": "privacy-office", "consent": "none", "constraints": {"types": ["Consent"]}}
	}
}

test_officer_deletes_no_consents if {
	d := decision with input as changed(officer, remove("Consent"))
	d == refused("type-not-allowed")
}

test_officer_sees_no_other_clinical_data if {
	every what in [{}, search("Observation"), create("Observation"), create("Patient"), {"type": "Patient", "interaction": "history-instance"}, {"interaction": "history-system", "action": "s", "type": ""}] {
		d := decision with input as changed(officer, what)
		d == refused("type-not-allowed")
	}
}

test_officer_finds_patients if {
	every what in [search("Patient"), {"type": "Patient"}] {
		d := decision with input as changed(officer, what) with data.aceso.access.house_rows as {}
		d == {"allow": true, "reason": "privacy-office", "consent": "none", "constraints": {"types": ["Patient"]}}
	}
}

test_officer_needs_scope_for_consents if {
	d := decision with input as changed(object.union(officer, scope("AuditEvent", "rs")), search("Consent"))
	d == refused("scope-missing")
}

test_officer_does_not_run_the_node if {
	d := decision with input as changed(officer, operation("metrics"))
	d == refused("interaction-not-allowed")
}

test_office_is_not_for_guests_and_not_for_research if {
	every role in {"privacy-officer", "administrator"} {
		g := decision with input as changed({"role": role, "organization": "clinic"}, operation("audit-read"))
		g == refused("guest-not-allowed")
		r := decision with input as changed({"role": role}, object.union(operation("metrics"), {"purpose": "HRESCH"}))
		r == refused("purpose-not-allowed")
	}
}

test_administrator_runs_the_node if {
	every name in {"metrics", "operations", "ledger"} {
		d := decision with input as changed(admin, operation(name)) with data.aceso.access.house_rows as {}
		d == {"allow": true, "reason": "administration", "consent": "none", "constraints": {}}
	}
}

test_administrator_sees_no_log if {
	every name in {"audit-read", "audit-search", "explain", "simulate", "consent-problems", "disclosure-record", "proof", "access-report", "policy-read", "policy-write", "verify"} {
		d := decision with input as changed(admin, operation(name))
		d.allow == false
	}
}

test_administrator_sees_no_clinical_data if {
	every what in [{}, search("Patient"), create("Consent")] {
		d := decision with input as changed(admin, what)
		d == refused("type-not-allowed")
	}
}

test_unknown_role if {
	d := decision with input as changed({"role": "janitor"}, {})
	d == refused("role-unknown")
}

test_operations_need_their_scope if {
	every name, _ in data.aceso.operations {
		every role in {"administrator", "privacy-officer"} {
			none := decision with input as changed({"role": role, "scopes": []}, operation(name))
			none.allow == false
			other := decision with input as changed(object.union({"role": role}, scope("Observation", "cruds")), operation(name))
			other.allow == false
		}
	}
}

test_the_context_of_a_patient_opens_no_office if {
	every role in {"administrator", "privacy-officer"} {
		every name, _ in data.aceso.operations {
			d := decision with input as changed(object.union(launched, {"role": role}), operation(name))
			d.allow == false
		}
		c := decision with input as changed(object.union(launched, {"role": role}), {"type": "Consent"})
		c.allow == false
	}
}

test_administrator_needs_scope if {
	every name in {"metrics", "operations", "ledger"} {
		none := decision with input as changed(object.union(admin, {"scopes": []}), operation(name))
		none == refused("scope-missing")
		enough := decision with input as changed(object.union(admin, scope("CapabilityStatement", "r")), operation(name))
		enough.allow == true
	}
}
