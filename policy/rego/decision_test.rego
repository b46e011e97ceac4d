package aceso.access_test

import data.aceso.access

# What rules of the house oblige to stands in what is permitted, and only there.
test_obligations_of_the_house if {
	some agent in [{}, guest, person, machine]
	d := access.decision with input as changed(agent, {"purpose": "TREAT"})
		with data.aceso.access.house_obligations as {"record", "mask Patient.birthDate"}
	d.allow
	d.obligations == {"record", "mask Patient.birthDate"}
}

test_no_obligations if {
	d := access.decision with input as request
	not d.obligations
}

test_refusals_oblige_to_nothing if {
	d := access.decision with input as changed({"role": "nobody"}, {})
		with data.aceso.access.house_obligations as {"record", "mask Patient.birthDate"}
	d == refused("role-unknown")
}
