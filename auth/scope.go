package auth

import (
	"regexp"
	"strings"

	"github.com/aceso-health/aceso/access"
)

// resourceScope is the form of SMART's clinical scopes, both versions.
var resourceScope = regexp.MustCompile(`^(patient|user|system)/(\*|[A-Z][A-Za-z]*)\.([^?]*)(\?.*)?$`)

// actionsV2 is the form of version 2 permissions: some of cruds, in this order.
var actionsV2 = regexp.MustCompile(`^c?r?u?d?s?$`)

// actionsV1 gives the version 2 meaning of version 1 permissions.
var actionsV1 = map[string]string{"read": "rs", "write": "cud", "*": "cruds"}

// ParseScopes reads a scope claim. Scopes that are not about resources (openid,
// launch/patient ...) are left out. A resource scope that cannot be enforced as
// written is refused: dropping its restriction would widen it.
func ParseScopes(claim string) ([]access.Scope, error) {
	var scopes []access.Scope
	for _, s := range strings.Fields(claim) {
		m := resourceScope.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		if m[4] != "" {
			return nil, forbidden("The token has a scope with search parameters, which this server does not enforce; request it without them.")
		}
		actions, v1 := actionsV1[m[3]]
		if !v1 {
			actions = m[3]
		}
		if actions == "" || !actionsV2.MatchString(actions) {
			return nil, forbidden("The token has a resource scope whose permission is neither read, write, * nor letters of cruds in this order.")
		}
		scopes = append(scopes, access.Scope{Context: m[1], Type: m[2], Actions: actions})
	}
	return scopes, nil
}
