package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/fhir"
)

// capabilities are those of SMART App Launch 2.2.0 that this server has.
func capabilities() []string {
	return []string{
		"launch-ehr", "launch-standalone", "client-public", "client-confidential-symmetric", "client-confidential-asymmetric", "sso-openid-connect",
		"context-banner", "context-style", "context-ehr-patient", "context-ehr-encounter", "context-standalone-patient", "context-standalone-encounter",
		"permission-offline", "permission-online", "permission-patient", "permission-user", "permission-v1", "permission-v2", "authorize-post",
	}
}

// scopesSupported are the usual ones; others of the same grammar count as well.
func scopesSupported() []string {
	return []string{
		"openid", "fhirUser", "profile", "launch", "launch/patient", "launch/encounter", "online_access", "offline_access",
		"patient/*.cruds", "patient/*.rs", "user/*.cruds", "user/*.rs", "system/*.cruds", "system/*.rs", "patient/*.read", "patient/*.write", "user/*.read", "user/*.write", "system/*.read",
	}
}

// discovery has what SMART and OpenID Connect say in the same words.
type discovery struct {
	Issuer        string   `json:"issuer"`
	Keys          string   `json:"jwks_uri"`
	Authorize     string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Introspect    string   `json:"introspection_endpoint"`
	Revoke        string   `json:"revocation_endpoint"`
	Register      string   `json:"registration_endpoint"`
	Manage        string   `json:"management_endpoint"`
	Grants        []string `json:"grant_types_supported"`
	Responses     []string `json:"response_types_supported"`
	Scopes        []string `json:"scopes_supported"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	Methods       []string `json:"token_endpoint_auth_methods_supported"`
	Algorithms    []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	NamesIssuer   bool     `json:"authorization_response_iss_parameter_supported"`
	Capabilities  []string `json:"capabilities,omitempty"`
	Subjects      []string `json:"subject_types_supported,omitempty"`
	IDAlgorithms  []string `json:"id_token_signing_alg_values_supported,omitempty"`
	ClaimsInToken []string `json:"claims_supported,omitempty"`
}

func (s *server) discovery(o *oauth.Server) discovery {
	at := func(path string) string { return o.Issuer + path }
	return discovery{
		Issuer: o.Issuer, Keys: at(pathKeys), Authorize: at(pathAuthorize), Token: o.TokenURL, Introspect: at(pathIntrospect), Revoke: at(pathRevoke),
		Register: at(pathRegister), Manage: at(pathApps), Grants: oauth.GrantTypes(), Responses: []string{"code"}, Scopes: scopesSupported(),
		Challenges: []string{"S256"}, Methods: []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"}, Algorithms: oauth.AssertionAlgorithms(), NamesIssuer: true,
	}
}

// smartConfiguration is GET [base]/.well-known/smart-configuration.
func (s *server) smartConfiguration(*gin.Context, *access.Call) (*answer, error) {
	o, err := s.authorization()
	if err != nil {
		return nil, err
	}
	d := s.discovery(o)
	d.Capabilities = capabilities()
	d.Methods = slices.DeleteFunc(d.Methods, func(m string) bool { return m == "none" })
	return jsonAnswer(http.StatusOK, d)
}

// openIDConfiguration is GET /.well-known/openid-configuration.
func (s *server) openIDConfiguration(*gin.Context, *access.Call) (*answer, error) {
	o, err := s.authorization()
	if err != nil {
		return nil, err
	}
	d := s.discovery(o)
	d.Subjects, d.IDAlgorithms = []string{"public"}, []string{"RS256"}
	d.ClaimsInToken = []string{"iss", "sub", "aud", "exp", "iat", "nonce", "fhirUser", "profile"}
	return jsonAnswer(http.StatusOK, d)
}

// keySet is GET /oauth/jwks.json.
func (s *server) keySet(*gin.Context, *access.Call) (*answer, error) {
	if _, err := s.authorization(); err != nil {
		return nil, err
	}
	body, err := s.OAuth.KeySet()
	return &answer{status: http.StatusOK, body: body, media: mediaJSON}, err
}

// appStyle is GET /oauth/style.json: colours that apps may take over (SMART styling).
func (s *server) appStyle(*gin.Context, *access.Call) (*answer, error) {
	return jsonAnswer(http.StatusOK, map[string]string{
		"color_background": "#ffffff", "color_error": "#b3261e", "color_highlight": "#0b5cad", "color_modal_backdrop": "", "color_success": "#1b6e3c",
		"color_text": "#1c1c1c", "dim_border_radius": "4px", "dim_font_size": "16px", "dim_spacing_size": "16px", "font_family_body": "system-ui, sans-serif", "font_family_heading": "system-ui, sans-serif",
	})
}

// isOpenToAll says whether scripts of any origin may read the answers of an address: what
// apps begin with.
func isOpenToAll(path string) bool {
	return slices.Contains([]string{pathSMART, pathOpenID, pathKeys, PathStyle, "/fhir/metadata"}, path)
}

// fromApp says whether scripts of a registered app may read the answers of an address: the
// FHIR base and the endpoints for apps, never pages and what administrators do.
func (s *server) fromApp(c *gin.Context, origin string) bool {
	path := c.Request.URL.Path
	if s.OAuth.Server == nil || path != "/fhir" && !strings.HasPrefix(path, "/fhir/") && !strings.HasPrefix(path, "/oauth/") {
		return false
	}
	return s.OAuth.FromApp(c.Request.Context(), origin)
}

// bearerOf is the token of a request, "" if it has none.
func bearerOf(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// oauthURIs are where apps go, for the CapabilityStatement.
func (s *server) oauthURIs() []fhir.Param {
	o := s.OAuth.Server
	if o == nil {
		return nil
	}
	return []fhir.Param{
		{Name: "authorize", Value: o.Issuer + pathAuthorize}, {Name: "token", Value: o.TokenURL}, {Name: "introspect", Value: o.Issuer + pathIntrospect},
		{Name: "revoke", Value: o.Issuer + pathRevoke}, {Name: "register", Value: o.Issuer + pathRegister}, {Name: "manage", Value: o.Issuer + pathApps},
	}
}
