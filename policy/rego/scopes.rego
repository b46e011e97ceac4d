# SMART scopes: no role may do more than the token's scopes allow.
package aceso.access

# contexts are the contexts of the scopes that cover an action on a type.
# A system-level request has the type "", which only the scope type * covers.
contexts(type, action) := {scope.context |
	some scope in input.agent.scopes
	scope.type in {type, "*"}
	contains(scope.actions, action)
	fits(scope.context)
}

covers(type, action) if count(contexts(type, action)) > 0

# letter of the SMART action that the request needs.
letter := "r" if verifying

letter := input.action if not verifying

# scoped: some scope covers the request as it is.
scoped if covers(input.type, letter)

# operable: some scope covers the operation; data.json says which may.
operable if {
	needed := data.aceso.operations[input.interaction]
	some type in needed.types
	covers(type, needed.action)
}

# fits: a system acts in the context system, people in the context user, and both
# in the context of the one patient that their token names. The offices look at all
# patients, so the context of one does not open them.
fits("patient") if {
	input.agent.patient != ""
	not input.agent.role in {"administrator", "privacy-officer"}
}

fits("user") if input.agent.role != "system"

fits("system") if input.agent.role == "system"

# launch: only scopes of the patient context cover the request, so it stays within
# the compartment of the patient that the token names.
launch if contexts(input.type, letter) == {"patient"}

default launch_rows := {}

launch_rows := {"compartment": input.agent.patient, "shared_types": data.aceso.types.shared} if {
	launch
	not writing
}

launch_rows := {"compartment": input.agent.patient} if {
	launch
	writing
}
