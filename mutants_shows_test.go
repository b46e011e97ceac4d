package aceso_test

func init() { mutants = append(mutants, showsMutants...) }

// showsMutants are guards that the lines of SMART App Launch found missing.
var showsMutants = []mutant{
	{"apps: scopes are of known types", "auth/oauth/scope.go", "case parsed[0].Type != \"*\" && !fhir.IsResourceType(parsed[0].Type):", "case false && fhir.IsResourceType(\"\"):", "./node", "TestSMARTAppLaunch"},
	{"apps read who signed in, and nobody else", "auth/agent.go", "Query: \"_id=\" + id}", "Query: strings.Repeat(id, 0)}", "./auth", "TestWhoSignedInCanBeRead"},
	{"apps read who signed in with the scope only", "auth/agent.go", "!slices.Contains(strings.Fields(claim), \"fhirUser\") || ", "claim == \"\" || ", "./auth", "TestWhoSignedInCanBeRead"},
	{"others' fhirUser opens nothing", "auth/agent.go", "if i.Own {\n\t\tcaller.Scopes", "if i.Own || true {\n\t\tcaller.Scopes", "./auth", "TestWhoSignedInCanBeRead"},
	{"users without an organisation are of the house", "auth/session/users.go", "a.User.Organization = cmp.Or(a.User.Organization, u.House)", "a.User.Organization = cmp.Or(a.User.Organization)", "./cmd/aceso", "TestKilledBetweenCodeTokenAndRefresh"},
	{"keys of clients are not fetched from inside", "auth/oauth/assertion.go", "Private: c.Private}", "Private: true}", "./node", "TestKeysOfClientsInside"},
	{"allow_private counts", "auth/oauth/assertion.go", "Private: c.Private}", "Private: false}", "./node", "TestKeysOfClientsInside"},
	{"allow_private is for fetched keys", "auth/oauth/client.go", "case c.Private && c.JWKSURI == \"\":", "case false:", "./node", "TestKeysOfClientsInside"},
}
