package aceso.access_test

import data.aceso.access.decision

test_patient_reads_own_compartment_and_shared_types if {
	every what in [{}, search("Observation"), {"interaction": "history-system", "action": "s", "type": ""}, {"interaction": "verify"}] {
		d := decision with input as changed(person, what) with data.aceso.access.house_rows as {}
		d == {
			"allow": true, "reason": "self-access", "consent": "none",
			"constraints": {"compartment": "Patient/1", "shared_types": data.aceso.types.shared},
		}
	}
}

test_patient_reads_for_any_purpose_but_research if {
	every purpose in {"PATRQT", "TREAT", "HPAYMT", "HOPERAT", "PUBHLTH"} {
		d := decision with input as changed(person, {"purpose": purpose})
		d.allow == true
	}
	every purpose in {"HRESCH", "HMARKT", "BTG", "nonsense"} {
		d := decision with input as changed(person, {"purpose": purpose})
		d == refused("purpose-not-allowed")
	}
}

test_patient_writes_for_herself_only if {
	d := decision with input as changed(person, object.union(create("Consent"), {"purpose": "HPAYMT"}))
	d == refused("purpose-not-allowed")
}

test_patient_writes_own_consent if {
	every what in [create("Consent"), remove("Consent")] {
		d := decision with input as changed(person, what) with data.aceso.access.house_rows as {}
		d.constraints == {"compartment": "Patient/1"}
		d.consent == "none"
	}
}

test_patient_writes_what_she_authored if {
	every type in {"Observation", "QuestionnaireResponse"} {
		d := decision with input as changed(person, create(type)) with data.aceso.access.house_rows as {}
		d.constraints == {"compartment": "Patient/1", "author": "Patient/1"}
	}
}

test_patient_writes_nothing_else if {
	every type in {"Patient", "Condition", "Practitioner", "Group"} {
		d := decision with input as changed(person, create(type))
		d == refused("type-not-allowed")
	}
}

test_patient_without_record if {
	d := decision with input as changed(object.union(person, {"patient": ""}), {})
	d == refused("patient-missing")
}

test_patient_of_another_organization if {
	d := decision with input as changed(object.union(person, guest), {})
	d == refused("guest-not-allowed")
}

test_patient_needs_scope if {
	d := decision with input as changed(object.union(person, {"scopes": []}), {})
	d == refused("scope-missing")
}

test_patient_gets_the_report if {
	d := decision with input as changed(person, operation("access-report")) with data.aceso.access.house_rows as {}
	d == {"allow": true, "reason": "self-report", "consent": "none", "constraints": {"compartment": "Patient/1"}}
}

test_patient_report_needs_scope if {
	narrow := {"scopes": [{"context": "patient", "type": "Observation", "actions": "cruds"}]}
	d := decision with input as changed(object.union(person, narrow), operation("access-report"))
	d.allow == false
}

test_patient_sees_no_log if {
	every name in {"explain", "audit-read", "audit-search", "proof", "metrics", "operations", "policy-read"} {
		d := decision with input as changed(person, operation(name))
		d == refused("interaction-not-allowed")
	}
	d := decision with input as changed(person, search("AuditEvent"))
	d == refused("type-not-allowed")
}
