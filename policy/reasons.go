package policy

// Reasons is the closed list of reason codes and their meanings. Any other code in
// an answer counts as a failure of the policy, so that records, screens and
// statistics can rely on the list.
func Reasons() map[string]string {
	return map[string]string{
		"own-treatment":           "Own staff or system, treatment: permitted unless a Consent forbids.",
		"own-payment":             "Own staff or system, payment: permitted unless a Consent forbids.",
		"own-operations":          "Own staff or system, healthcare operations: permitted unless a Consent forbids.",
		"research-needs-consent":  "Research: refused unless a Consent permits.",
		"guest-needs-consent":     "Agent of another organization: refused unless a Consent permits.",
		"break-glass":             "Declared emergency: permitted unless a Consent forbids it for BTG itself.",
		"self-access":             "Patient, own data.",
		"self-report":             "Patient, report of who accessed the own data.",
		"privacy-office":          "Privacy officer: audit events, Consents, proofs and policies.",
		"administration":          "Administrator: operations, metrics and clients.",
		"deputy":                  "Deputy of the privacy office: approves what its only officer asks for.",
		"authorization":           "Sign-in, what somebody lets an app do, and its tokens.",
		"local-permit":            "Permitted by a rule of this organization.",
		"local-refusal":           "Refused by a rule of this organization.",
		"role-unknown":            "No rule exists for the role.",
		"guest-not-allowed":       "The role is only for agents of this organization.",
		"patient-missing":         "The token names no patient.",
		"scope-missing":           "No scope of the token covers the type and the action.",
		"purpose-not-allowed":     "The role may not act for this purpose of use.",
		"type-not-allowed":        "The role may not do this to this resource type.",
		"interaction-not-allowed": "The role may not use this interaction.",
		"policy-error":            "The policies failed to decide.",
		"input-invalid":           "The question put to the policies was not well-formed.",
	}
}

// Consent modes of a Decision.
const (
	Forbids = "forbids" // permitted unless a Consent forbids
	Permits = "permits" // refused unless a Consent permits
	None    = "none"    // consent does not bind
)
