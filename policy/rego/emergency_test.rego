package aceso.access_test

import data.aceso.access.decision

test_own_practitioners_declare_emergencies if {
	d := decision with input as changed({}, operation("break-glass")) with data.aceso.access.house_rows as {}
	d == {"allow": true, "reason": "break-glass", "consent": "none", "constraints": {}}
}

test_others_declare_no_emergencies if {
	g := decision with input as changed(guest, operation("break-glass"))
	g == refused("guest-not-allowed")
	m := decision with input as changed(machine, operation("break-glass"))
	m == refused("interaction-not-allowed")
	every purpose in {"HPAYMT", "HRESCH", "BTG", "nonsense"} {
		p := decision with input as changed({}, object.union(operation("break-glass"), {"purpose": purpose}))
		p == refused("purpose-not-allowed")
	}
	every who in [officer, admin, person] {
		o := decision with input as changed(who, operation("break-glass"))
		o.allow == false
	}
}

test_declaring_needs_a_scope_for_patients if {
	every who in [scope("Observation", "cruds"), scope("Patient", "s"), launched, {"scopes": []}] {
		d := decision with input as changed(who, operation("break-glass"))
		d == refused("scope-missing")
	}
	enough := decision with input as changed(scope("Patient", "r"), operation("break-glass"))
	enough.allow == true
}

test_who_breaks_the_glass_reads if {
	every what in [{}, search("Observation"), {"interaction": "everything", "action": "s"}] {
		d := decision with input as changed({}, object.union(what, {"purpose": "BTG"})) with data.aceso.access.house_rows as {}
		d == {
			"allow": true, "reason": "break-glass", "consent": "forbids",
			"constraints": {"uncompartmented": data.aceso.types.shared},
		}
	}
}

test_who_breaks_the_glass_changes_nothing if {
	every what in [create("Observation"), remove("Observation"), {"interaction": "verify"}] {
		d := decision with input as changed({}, object.union(what, {"purpose": "BTG"}))
		d == refused("purpose-not-allowed")
	}
}

test_others_break_no_glass if {
	every who in [guest, machine, person, officer, admin] {
		d := decision with input as changed(who, {"purpose": "BTG"})
		d.allow == false
	}
}

test_the_office_reviews_emergencies if {
	every what in [operation("break-glass-read"), object.union(operation("break-glass-review"), {"action": "u"})] {
		d := decision with input as changed(officer, what) with data.aceso.access.house_rows as {}
		d == {"allow": true, "reason": "privacy-office", "consent": "none", "constraints": {}}
		every who in [{}, person, machine, admin] {
			other := decision with input as changed(who, what)
			other == refused("interaction-not-allowed")
		}
	}
}
