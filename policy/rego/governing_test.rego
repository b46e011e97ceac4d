package aceso.access_test

import data.aceso.access.decision

lab := object.union(machine, {"client": "lab"})

consent_system := object.union(machine, {"client": data.aceso.consent_systems[0]})

update(type) := {"interaction": "update", "action": "u", "type": type}

test_own_systems_say_who_is_who if {
	every type in {t | some t in data.aceso.types.governing; t != "Consent"} {
		every what in [create(type), update(type), remove(type)] {
			d := decision with input as changed(lab, what) with data.aceso.access.house_rows as {}
			d == {"allow": true, "reason": "own-treatment", "consent": "forbids", "constraints": {}}
		}
	}
}

test_practitioners_do_not_say_who_is_who if {
	every type in {t | some t in data.aceso.types.governing; t != "Consent"} {
		every what in [create(type), update(type), remove(type)] {
			d := decision with input as changed({}, what)
			d == refused("type-not-allowed")
		}
	}
}

test_all_own_record_consents if {
	every who in [{}, lab] {
		d := decision with input as changed(who, create("Consent"))
		d.allow == true
	}
}

test_consents_are_changed_by_consent_systems_alone if {
	every what in [update("Consent"), remove("Consent"), {"interaction": "patch", "action": "u", "type": "Consent"}] {
		every who in [{}, lab, {"client": consent_system.client}] {
			d := decision with input as changed(who, what)
			d == refused("type-not-allowed")
		}
		d := decision with input as changed(consent_system, what)
		d.allow == true
	}
}

test_a_consent_system_of_a_guest_changes_nothing if {
	d := decision with input as changed(object.union(consent_system, guest), update("Consent"))
	d == refused("type-not-allowed")
}

test_research_of_a_consent_system_changes_nothing if {
	d := decision with input as changed(consent_system, object.union(update("Consent"), {"purpose": "HRESCH"}))
	d == refused("type-not-allowed")
}
