# What the rules of all roles want to know about the request.
package aceso.access

# own: the agent belongs to the organization of this node. All others are guests.
own if input.agent.organization == input.node.organization

# purpose is the family of the purpose of use; data.json lists all known codes.
default purpose := "unknown"

purpose := data.aceso.purposes[input.purpose]

reading if input.interaction in {
	"read", "vread", "history-instance", "meta",
	"search-type", "search-system", "history-type", "history-system", "everything",
}

writing if input.interaction in {"create", "update", "patch", "delete"}

# verifying compares a stored version with its record; it shows no content.
verifying if input.interaction == "verify"

# validating looks at a document that is sent, or at a stored one, as reading does.
validating if input.interaction == "validate"

# terming asks what codes mean; what it rests on is judged like what a read shows.
terming if input.interaction in {"expand", "validate-code", "lookup", "subsumes", "translate"}

looking if reading

looking if terming

looking if verifying

looking if validating
