package node

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/aceso-health/aceso/auth/oauth"
)

const smartConfiguration = "/fhir/.well-known/smart-configuration"

// discoveryLines are those of what an app finds first.
func discoveryLines() []smartLine {
	return slices.Concat(discoveryAnswerLines(), discoveryMemberLines(), capabilityLines(), keyLines())
}

func discoveryAnswerLines() []smartLine {
	return []smartLine{
		{"6 Conformance, discovery: 200 without a token", func(t *testing.T, a *smartNode) {
			if answer, _ := a.plain("GET", smartConfiguration); answer.StatusCode != 200 {
				t.Error(answer.StatusCode)
			}
		}},
		{"6 Conformance, discovery: JSON whatever Accept says", func(t *testing.T, a *smartNode) {
			for _, accept := range []string{"", "application/json", "application/fhir+json", "application/fhir+xml", "text/html", "image/png", "nonsense"} {
				answer, _ := a.plain("GET", smartConfiguration, "Accept", accept)
				if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%q: %d %v", accept, answer.StatusCode, answer.Header)
				}
			}
		}},
		{"2.1 App Launch, CORS: scripts of any origin read the discovery", func(t *testing.T, a *smartNode) {
			for _, path := range []string{smartConfiguration, "/.well-known/openid-configuration", "/oauth/jwks.json", "/fhir/metadata"} {
				if answer, _ := a.plain("GET", path, "Origin", "https://anybody.example"); answer.Header.Get("Access-Control-Allow-Origin") != "https://anybody.example" {
					t.Errorf("%s: %v", path, answer.Header)
				}
			}
		}},
		{"2.1 App Launch, CORS: scripts of registered apps reach tokens and data, and no pages", func(t *testing.T, a *smartNode) {
			for path, opens := range map[string]bool{"/oauth/token": true, "/oauth/revoke": true, "/fhir/Patient": true, "/ui/apps": false, "/admin/clients": false} {
				for origin, known := range map[string]bool{"https://app.example": true, "https://evil.example": false} {
					answer, _ := a.plain("OPTIONS", path, "Origin", origin, "Access-Control-Request-Method", "POST")
					if got := answer.Header.Get("Access-Control-Allow-Origin"); (got != "") != (opens && known) {
						t.Errorf("%s for %s: %q", path, origin, got)
					}
				}
			}
		}},
		{"6 Conformance, discovery: URLs are absolute", func(t *testing.T, a *smartNode) {
			for name, value := range a.document(smartConfiguration) {
				text, isText := value.(string)
				if u, err := url.Parse(text); isText && (err != nil || !u.IsAbs() || u.Host == "") {
					t.Errorf("%s is %q", name, text)
				}
			}
		}},
	}
}

func discoveryMemberLines() (lines []smartLine) {
	for _, member := range [][2]string{
		{"issuer", ""}, {"jwks_uri", "/oauth/jwks.json"}, {"authorization_endpoint", "/ui/authorize"}, {"token_endpoint", "/oauth/token"}, {"introspection_endpoint", "/oauth/introspect"},
		{"revocation_endpoint", "/oauth/revoke"}, {"management_endpoint", "/ui/apps"}, {"registration_endpoint", "/oauth/register"},
	} {
		lines = append(lines, smartLine{"6 Conformance, Metadata: " + member[0], func(t *testing.T, a *smartNode) {
			for _, path := range []string{smartConfiguration, "/.well-known/openid-configuration"} {
				if got := word(a.document(path), member[0]); got != a.site+member[1] {
					t.Errorf("%s: %q", path, got)
				}
			}
		}})
	}
	for _, member := range [][2]string{
		{"grant_types_supported", "authorization_code client_credentials refresh_token"}, {"response_types_supported", "code"}, {"code_challenge_methods_supported", "S256"},
		{"token_endpoint_auth_methods_supported", "client_secret_basic client_secret_post private_key_jwt"}, {"token_endpoint_auth_signing_alg_values_supported", "RS384 ES384"},
	} {
		lines = append(lines, smartLine{"6 Conformance, Metadata: " + member[0] + " is " + member[1], func(t *testing.T, a *smartNode) {
			if got := strings.Join(list(a.document(smartConfiguration), member[0]), " "); got != member[1] {
				t.Errorf("%q", got)
			}
		}})
	}
	return append(lines, smartLine{"6 Conformance, Metadata: every one of scopes_supported can be asked for", everyScopeCanBeAskedFor})
}

func everyScopeCanBeAskedFor(t *testing.T, a *smartNode) {
	scopes := list(a.document(smartConfiguration), "scopes_supported")
	if len(scopes) < 10 {
		t.Fatal(scopes)
	}
	users := slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return strings.HasPrefix(s, "system/") })
	if _, err := a.node.AddClient(t.Context(), oauth.Client{
		ID: "all", Kind: oauth.Public, Redirects: []string{appCallback}, Scopes: users, Purposes: []string{"TREAT"}, Grants: []string{"authorization_code", "refresh_token"},
	}); err != nil {
		t.Fatal(err)
	}
	for _, scope := range scopes {
		changes := []string{"client_id", "all"}
		switch {
		case strings.HasPrefix(scope, "system/"):
			a.backend(scope)
			continue
		case scope == "launch":
			changes = append(changes, "launch", a.launch(`{"name":"patient","valueReference":{"reference":"Patient/p1"}}`))
		}
		if status, to, _ := a.asks(a.authorizationOf(scope, changes...)); status != 303 || to.Query().Has("error") {
			t.Errorf("%s: %d %s", scope, status, to)
		}
	}
}

func capabilityLines() (lines []smartLine) {
	all := strings.Fields(`launch-ehr launch-standalone client-public client-confidential-symmetric client-confidential-asymmetric sso-openid-connect context-banner context-style
		context-ehr-patient context-ehr-encounter context-standalone-patient context-standalone-encounter permission-offline permission-online permission-patient permission-user
		permission-v1 permission-v2 authorize-post`)
	for _, one := range all {
		lines = append(lines, smartLine{"6 Conformance, Capabilities: " + one, func(t *testing.T, a *smartNode) {
			if got := list(a.document(smartConfiguration), "capabilities"); !slices.Contains(got, one) {
				t.Error(got)
			}
		}})
	}
	return append(lines, smartLine{"6 Conformance, Capabilities: no others", func(t *testing.T, a *smartNode) {
		if got := list(a.document(smartConfiguration), "capabilities"); len(got) != len(all) {
			t.Error(got)
		}
	}})
}

// keySetOf is what the site publishes.
func (a *smartNode) keySetOf() (set jose.JSONWebKeySet) {
	a.T.Helper()
	_, body := a.plain("GET", "/oauth/jwks.json")
	if err := jsonInto(body, &set); err != nil {
		a.T.Fatal(err)
	}
	return set
}

func keyLines() []smartLine {
	return []smartLine{
		{"OpenID Connect Discovery 4: the configuration names RS256 for id_tokens", func(t *testing.T, a *smartNode) {
			if j := a.document("/.well-known/openid-configuration"); strings.Join(list(j, "id_token_signing_alg_values_supported"), " ") != "RS256" || !slices.Contains(list(j, "subject_types_supported"), "public") {
				t.Error(j)
			}
		}},
		{"6 Conformance, Metadata: at jwks_uri are an RSA and an EdDSA key, public ones", func(t *testing.T, a *smartNode) {
			set := a.keySetOf()
			if len(set.Keys) != 2 || set.Keys[0].Algorithm != "RS256" || set.Keys[1].Algorithm != "EdDSA" || !set.Keys[0].IsPublic() || !set.Keys[1].IsPublic() || set.Keys[0].KeyID == set.Keys[1].KeyID {
				t.Errorf("%+v", set)
			}
		}},
		{"FHIR R4, CapabilityStatement: rest.security names SMART and its URIs", func(t *testing.T, a *smartNode) {
			_, body := a.plain("GET", "/fhir/metadata")
			for _, want := range []string{"SMART-on-FHIR", "oauth-uris", a.site + "/oauth/token", a.site + "/ui/authorize", a.site + "/oauth/introspect", a.site + "/oauth/revoke", `"name":"launch-context"`} {
				if !strings.Contains(string(body), want) {
					t.Errorf("lacks %s", want)
				}
			}
		}},
	}
}
