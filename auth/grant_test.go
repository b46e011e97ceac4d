package auth_test

import (
	"slices"
	"testing"

	"github.com/aceso-health/aceso/agent"
)

// A grant is named by tokens of our own issuer only: others' words mean nothing here.
func TestGrantsAreOfOurOwnTokens(t *testing.T) {
	own, err := authenticator(t).Authenticate(request(good(claims(object{"grant": "g-1"}))))
	if err != nil || own.Grant != "g-1" {
		t.Errorf("own token: %q, %v", own.Grant, err)
	}
	if got := whoFrom(t, nil, nil, object{"grant": "g-1"}); got.Grant != "" {
		t.Errorf("another issuer's token: %q", got.Grant)
	}
}

// An app that may know who signed in may read that resource: of our own tokens only, with the
// scope, and not again where another scope gives it.
func TestWhoSignedInCanBeRead(t *testing.T) {
	const own = "user/Practitioner.r?_id=1"
	scopes := func(all []agent.Scope) (texts []string) {
		for _, s := range all {
			texts = append(texts, s.String())
		}
		return texts
	}
	for scope, want := range map[string]bool{
		"openid fhirUser": true, "openid": false, "openid fhirUser patient/*.rs": false, "fhirUser user/Practitioner.s": true, "fhirUser patient/Observation.rs": true, "user/Practitioner.r fhirUser": false,
	} {
		got, err := authenticator(t).Authenticate(request(good(claims(object{"fhirUser": "Practitioner/1", "scope": scope}))))
		if err != nil || slices.Contains(scopes(got.Scopes), own) != want {
			t.Errorf("%s: %v %v", scope, scopes(got.Scopes), err)
		}
	}
	if got := whoFrom(t, map[string]string{"u": "Practitioner/1"}, nil, object{"fhirUser": "u", "scope": "openid fhirUser patient/Observation.rs"}); slices.Contains(scopes(got.Scopes), own) {
		t.Errorf("another issuer's token: %v", scopes(got.Scopes))
	}
}
