package oauth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// special are the scopes that are not about resources.
var special = []string{"openid", "fhirUser", "profile", "launch", "launch/patient", "launch/encounter", "online_access", "offline_access"}

// ignored are scopes of OpenID Connect that clients ask for by habit, and that give
// nothing here: an answer does not have them.
var ignored = []string{"email", "address", "phone"}

// mostScopes bounds a request; each is judged against each that is registered.
const mostScopes = 200

// parseScopes reads a scope parameter: every scope must be known and well-formed, so that
// none is cut to what is understood of it.
func (s *Server) parseScopes(text string) ([]string, error) {
	var all []string
	for _, one := range strings.Fields(text) {
		if slices.Contains(all, one) || slices.Contains(ignored, one) {
			continue
		}
		if err := s.checkScope(one); err != nil {
			return nil, fmt.Errorf("scope %q: %w", one, err)
		}
		if all = append(all, one); len(all) > mostScopes {
			return nil, fmt.Errorf("more than %d scopes", mostScopes)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no scope is asked for")
	}
	return all, nil
}

func (s *Server) checkScope(text string) error {
	if slices.Contains(special, text) {
		return nil
	}
	parsed, err := agent.ParseScopes(text)
	switch {
	case err != nil:
		return err
	case len(parsed) != 1:
		return errors.New("not known here")
	case parsed[0].Type != "*" && !fhir.IsResourceType(parsed[0].Type):
		return errors.New("there is no resource type of this name")
	case s.Enforceable != nil:
		return s.Enforceable(parsed[0])
	}
	return nil
}

// resourceScopes are those about resources.
func resourceScopes(texts []string) []agent.Scope {
	parsed, err := agent.ParseScopes(strings.Join(texts, " "))
	if err != nil {
		return nil // they were checked when they were granted
	}
	return parsed
}

// ofContext says whether one of the scopes has a context: patient, user or system.
func ofContext(scopes []string, context string) bool {
	return slices.ContainsFunc(resourceScopes(scopes), func(s agent.Scope) bool { return s.Context == context })
}

// within says whether every scope is one of those allowed, or narrower than one of them;
// it returns the first that is not.
func within(scopes, allowed []string) (beyond string, ok bool) {
	for _, one := range scopes {
		if !slices.ContainsFunc(allowed, func(a string) bool { return covers(a, one) }) {
			return one, false
		}
	}
	return "", true
}

// covers says whether a scope gives all that another does.
func covers(wide, narrow string) bool {
	if wide == narrow {
		return true
	}
	w, wErr := agent.ParseScopes(wide)
	n, nErr := agent.ParseScopes(narrow)
	if wErr != nil || nErr != nil || len(w) != 1 || len(n) != 1 {
		return false
	}
	return n[0].Inside(w)
}
