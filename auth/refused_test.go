package auth_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aceso-health/aceso/auth"
)

// A refusal says whom the token names, and whether its issuer says so or anybody.
func TestRefusedTokensSayWho(t *testing.T) {
	a := authenticator(t)
	twoPurposes := claims(object{"extensions": iua(object{"purpose_of_use": []object{{"code": "TREAT"}, {"code": "HRESCH"}}})})
	expired := claims(object{"exp": noon.Add(-time.Hour).Unix()})
	for name, test := range map[string]struct {
		token           string
		verified, known bool
	}{
		"two purposes":          {good(twoPurposes), true, true},
		"expired":               {good(expired), true, true},
		"signed by another key": {sign(object{"alg": "EdDSA", "kid": "own"}, claims(), spare), false, true},
		"unknown issuer":        {good(claims(object{"iss": "https://nobody.example"})), false, true},
		"header with a key":     {sign(object{"alg": "EdDSA", "kid": "own", "jku": "https://x"}, claims(), own), false, true},
		"no token":              {"x.y.z", false, false},
	} {
		_, err := a.Authenticate(request(test.token))
		var r *auth.Refused
		if known := errors.As(err, &r); known != test.known {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r != nil && (r.Verified != test.verified || r.Subject != "Practitioner/12" || r.Client != "app-7" || r.Issuer == "" || r.Error() == "") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	var r *auth.Refused
	if _, err := a.Authenticate(&http.Request{URL: request("").URL, Header: http.Header{}}); err == nil || errors.As(err, &r) {
		t.Errorf("without a token: %v", err)
	}
}
