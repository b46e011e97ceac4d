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
	case in.Action == "" && (!known.typed && !known.system || strings.Contains(known.letters, "rs")):
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
