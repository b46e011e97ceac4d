# The decision about one request: who asks (role, organization, scopes), for what
# purpose, which interaction with which resource type. Each role has its own file;
# there, the first line that applies decides, from top to bottom.
#
# Rows are judged afterwards, by the constraints and the consent mode given here.
package aceso.access

default decision := {"allow": false, "reason": "role-unknown"}

decision := clinician if input.agent.role == "practitioner"

decision := clinician if input.agent.role == "system"

decision := patient if input.agent.role == "patient"

decision := privacy_officer if input.agent.role == "privacy-officer"

decision := administrator if input.agent.role == "administrator"

# deny refuses, with a code of data.aceso.reasons.
deny(code) := {"allow": false, "reason": code}

# permit allows. mode says how Consents bind ("forbids", "permits" or "none");
# rows are the constraints that every resource must satisfy, beside those of the house.
permit(code, mode, rows) := object.union(
	{"allow": true, "reason": code, "consent": mode, "constraints": object.union(rows, house_rows)},
	duties,
)

# house_rows are constraints for everybody, whatever the role.
default house_rows := {}

# house_obligations are what the server must do besides for everybody, whatever the role.
# Rules add to them; to record is done anyway.
house_obligations contains "record"

# duties are those of the house, if it has some of its own.
default duties := {}

duties := {"obligations": house_obligations} if count(house_obligations) > 1
