package policy

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aceso-health/aceso/agent"
)

// action says which scope letters an interaction needs, and whether it names a type.
type action struct {
	letters string // possible values of Input.Action
	typed   bool   // Input.Type must be given
	system  bool   // Input.Type must be empty
}

// interactions are those of FHIR (http://hl7.org/fhir/restful-interaction) and the
// operations of this server, whose letters the policy knows.
func interactions(name string) (action, bool) {
	switch name {
	case "read", "vread", "history-instance", "meta":
		return action{letters: "r", typed: true}, true
	case "create":
		return action{letters: "c", typed: true}, true
	case "update", "patch":
		return action{letters: "u", typed: true}, true
	case "delete":
		return action{letters: "d", typed: true}, true
	case "search-type", "history-type", "everything":
		return action{letters: "s", typed: true}, true
	case "search-system", "history-system":
		return action{letters: "s", system: true}, true
	case "verify", "expand", "validate-code", "lookup", "subsumes", "translate":
		return action{letters: "rs", typed: true}, true
	case "validate":
		return action{letters: "r", typed: true}, true
	case "authorize", "token", "refresh", "revoke", "introspect", "launch", "register", "sign-in", "sign-out", "grant-read", "client-read",
		"access-report", "proof", "audit-read", "audit-search", "ledger", "metrics", "operations", "policy-read":
		return action{letters: "rs"}, true
	case "client-write":
		return action{letters: "u"}, true
	}
	return action{}, false
}

const (
	maxText   = 512
	maxScopes = 512
)

// validate checks an input more closely than its schema, before any rule sees it:
// rules can rely on every field being present, well-formed and known.
func validate(in *Input) error {
	if in.Node.Organization == "" || !text(in.Node.Organization) {
		return errors.New("input: node.organization is missing or malformed")
	}
	if err := validateAgent(&in.Agent); err != nil {
		return err
	}
	if !code(in.Purpose) {
		return errors.New("input: purpose must be one code")
	}
	if t, err := time.Parse(time.RFC3339, in.Now); err != nil || t.Location() != time.UTC {
		return errors.New("input: now must be an RFC 3339 time in UTC")
	}
	return validateAction(in)
}

func validateAction(in *Input) error {
	known, ok := interactions(in.Interaction)
	switch {
	case !ok:
		return fmt.Errorf("input: unknown interaction %q", in.Interaction)
	case in.Action == "" && (strings.Contains(known.letters, "rs") || in.Interaction == "client-write"):
		// an operation; its rule knows what it needs
	case len(in.Action) != 1 || !strings.Contains(known.letters, in.Action):
		return fmt.Errorf("input: action %q does not belong to %s", in.Action, in.Interaction)
	}
	switch {
	case in.Type == "" && known.typed:
		return fmt.Errorf("input: %s needs a type", in.Interaction)
	case in.Type != "" && (known.system || !agent.IsTypeName(in.Type)):
		return fmt.Errorf("input: malformed type for %s", in.Interaction)
	}
	return nil
}

func validateAgent(a *Agent) error {
	switch {
	case a.Subject == "" || !text(a.Subject):
		return errors.New("input: agent.subject is missing or malformed")
	case !code(a.Role):
		return errors.New("input: agent.role must be one code")
	case !text(a.Organization) || !text(a.Client):
		return errors.New("input: agent.organization or agent.client is malformed")
	case a.Patient != "" && !patientReference(a.Patient):
		return errors.New("input: agent.patient must be a reference like Patient/1")
	case len(a.Scopes) > maxScopes:
		return fmt.Errorf("input: more than %d scopes", maxScopes)
	}
	for i := range a.Scopes {
		if err := a.Scopes[i].Validate(); err != nil {
			return fmt.Errorf("input: agent.scopes[%d]: %w", i, err)
		}
	}
	return nil
}

// text is printable UTF-8 of bounded length.
func text(s string) bool {
	return len(s) <= maxText && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

// code is a word without spaces.
func code(s string) bool {
	return s != "" && len(s) <= 64 && text(s) && strings.IndexFunc(s, unicode.IsSpace) < 0
}

func patientReference(s string) bool {
	id, ok := strings.CutPrefix(s, "Patient/")
	return ok && id != "" && len(id) <= 64 && strings.IndexFunc(id, func(r rune) bool {
		return r != '-' && r != '.' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}) < 0
}
