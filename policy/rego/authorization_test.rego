package aceso.access_test

import data.aceso.access.decision

authorization_of(name) := {"interaction": name, "action": "", "type": ""}

allowed_to_authorize := {"allow": true, "reason": "authorization", "consent": "none", "constraints": {}}

test_everybody_signs_in_and_lets_apps_in if {
	every who in [{}, guest, machine, officer, admin] {
		every name in {"authorize", "token", "refresh", "revoke", "introspect", "launch", "sign-in", "sign-out"} {
			d := decision with input as changed(who, object.union(authorization_of(name), {"purpose": "HOPERAT"}))
			d == allowed_to_authorize
		}
	}
	p := decision with input as changed(person, object.union(authorization_of("authorize"), {"purpose": "PATRQT"}))
	p == allowed_to_authorize
}

test_no_scope_is_needed_for_a_token if {
	d := decision with input as changed({"scopes": []}, authorization_of("token"))
	d == allowed_to_authorize
}

test_nobody_is_authorized_for_some_purposes if {
	every code in {"BTG", "HMARKT", "nonsense"} {
		every who in [{}, machine, officer, admin, person] {
			d := decision with input as changed(who, object.union(authorization_of("authorize"), {"purpose": code}))
			d == refused("purpose-not-allowed")
		}
	}
}

test_research_is_no_errand_of_patients_and_offices if {
	every who in [officer, admin, person] {
		d := decision with input as changed(who, object.union(authorization_of("authorize"), {"purpose": "HRESCH"}))
		d == refused("purpose-not-allowed")
	}
}

test_registration_is_for_systems if {
	d := decision with input as changed(machine, object.union(authorization_of("register"), {"purpose": "HOPERAT"}))
	d == allowed_to_authorize
	every who in [{}, object.union(machine, guest)] {
		other := decision with input as changed(who, object.union(authorization_of("register"), {"purpose": "HOPERAT"}))
		other == refused("interaction-not-allowed")
	}
}

test_clients_are_for_the_offices if {
	read := decision with input as changed(officer, object.union(operation("client-read"), {"purpose": "HOPERAT"}))
	read.reason == "privacy-office"
	every name in {"client-read", "client-write"} {
		d := decision with input as changed(admin, object.union(operation(name), {"purpose": "HOPERAT"}))
		d.reason == "administration"
		bare := decision with input as changed(object.union(admin, scope("Patient", "cruds")), object.union(operation(name), {"purpose": "HOPERAT"}))
		bare == refused("scope-missing")
	}
	every who in [{}, machine, officer] {
		d := decision with input as changed(who, object.union(operation("client-write"), {"purpose": "HOPERAT"}))
		d == refused("interaction-not-allowed")
	}
}
