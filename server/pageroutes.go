package server

import "net/http"

// pageRoutes are the rows of the table for people with browsers. Those that need somebody
// who is signed in, and no token, look for the session themselves.
func pageRoutes() []route {
	const get, post, open, plain = http.MethodGet, http.MethodPost, true, true
	return []route{
		{get, "/", "", "", open, plain, (*server).welcome},
		{get, "/ui", "", "", open, plain, (*server).welcome},
		{get, "/ui/", "", "", open, plain, (*server).welcome},
		{get, pathDesk, "", "", false, plain, (*server).desk},
		{get, pathAccesses, "", "", false, plain, (*server).accesses},
		{get, pathAccesses + ".csv", "", "", false, plain, (*server).accessesFile},
		{get, pathReport, "", "", false, plain, (*server).patientReport},
		{get, pathPurges, "", "", false, plain, (*server).purgesPage},
		{post, pathPurges, "", "", false, plain, (*server).askPurgePage},
		{get, pathPurge, "", "", false, plain, (*server).purgePage},
		{post, pathPurge, "", "", false, plain, (*server).purgeStepPage},
		{get, pathPurge + "/certificate", "", "", false, plain, (*server).purgeCertificate},
		{get, pathPolicyPages, "", "", false, plain, (*server).policiesPage},
		{post, pathPolicyPages, "", "", false, plain, (*server).policiesForm},
		{get, pathPolicyNew, "", "", false, plain, (*server).newPolicyPage},
		{post, pathPolicyNew, "", "", false, plain, (*server).newPolicyForm},
		{get, pathPolicyPage, "", "", false, plain, (*server).policyPage},
		{post, pathPolicyPage, "", "", false, plain, (*server).policyForm},
		{get, pathPolicyImpact, "", "", false, plain, (*server).impactPage},
		{post, pathPolicyImpact, "", "", false, plain, (*server).impactForm},
		{get, pathEditor, "", "", open, plain, (*server).editorScript},
		{get, pathExplain, "", "", false, plain, (*server).explainPage},
		{get, pathConsents, "", "", false, plain, (*server).consentsPage},
		{post, pathConsents, "", "", false, plain, (*server).consentsForm},
		{get, pathEmergencies, "", "", false, plain, (*server).emergencies},
		{post, pathEmergencies, "", "", false, plain, (*server).emergencyForm},
		{get, "/ui/ledger", "", "", false, plain, (*server).ledger},
		{get, pathBundle, "", "", false, plain, (*server).proofFile},
		{get, "/ui/sign-in", "", "", open, plain, (*server).signInForm},
		{post, "/ui/sign-in", "", "", open, plain, (*server).signIn},
		{get, "/ui/provider", "", "", open, plain, (*server).toProvider},
		{get, "/ui/signed-in", "", "", open, plain, (*server).fromProvider},
		{post, "/ui/sign-out", "", "", open, plain, (*server).signOut},
		{get, "/ui/authorize", "", "", open, plain, (*server).authorize},
		{post, "/ui/authorize", "", "", open, plain, (*server).authorizePost},
		{post, "/ui/consent", "", "", open, plain, (*server).decide},
		{get, "/ui/apps", "", "", open, plain, (*server).apps},
		{post, "/ui/apps", "", "", open, plain, (*server).endApp},
		{get, "/ui/style.css", "", "", open, plain, (*server).style},
	}
}
