# The deputy of the privacy office reads and approves what an officer asks for who is the
# only one. Who it is, an operator has named; the server compares the person.
package aceso.access

deputising if {
	own
	purpose == "operations"
	input.agent.role in {"administrator", "practitioner"}
	input.interaction in {"policy-read", "policy-approve", "purge-approve"}
	operable
}
