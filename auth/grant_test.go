package auth_test

import "testing"

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
