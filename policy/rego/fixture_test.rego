# Requests that the tests start from; each test changes what it is about.
package aceso.access_test

request := {
	"agent": {
		"subject": "Practitioner/1",
		"role": "practitioner",
		"organization": "hospital",
		"patient": "",
		"client": "ward",
		"scopes": [{"context": "user", "type": "*", "actions": "cruds"}],
	},
	"purpose": "TREAT",
	"interaction": "read",
	"action": "r",
	"type": "Observation",
	"node": {"organization": "hospital"},
	"now": "2026-01-02T03:04:05Z",
}

changed(agent, rest) := object.union(object.union(request, rest), {"agent": object.union(request.agent, agent)})

guest := {"organization": "clinic"}

launched := {"patient": "Patient/1", "scopes": [{"context": "patient", "type": "*", "actions": "cruds"}]}

person := object.union(launched, {"subject": "Patient/1", "role": "patient"})

officer := {"role": "privacy-officer"}

admin := {"role": "administrator"}

machine := {"role": "system", "scopes": [{"context": "system", "type": "*", "actions": "cruds"}]}

scope(type, actions) := {"scopes": [{"context": "user", "type": type, "actions": actions}]}

create(type) := {"interaction": "create", "action": "c", "type": type}

remove(type) := {"interaction": "delete", "action": "d", "type": type}

search(type) := {"interaction": "search-type", "action": "s", "type": type}

operation(name) := {"interaction": name, "action": "r", "type": ""}

refused(code) := {"allow": false, "reason": code}
