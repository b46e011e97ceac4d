package node

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	coreos "github.com/coreos/go-oidc/v3/oidc"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/client/rs"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
)

// toNode is an HTTP client for which every host is the node.
func (a *appNode) toNode() *http.Client {
	at := a.Server.Listener.Addr().String()
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, at)
	}}}
}

// approved is the code that a person gives who follows the link of an app.
func (a *appNode) approved(link string) string {
	a.T.Helper()
	u, err := url.Parse(link)
	if err != nil || !strings.HasSuffix(u.Path, "/ui/authorize") {
		a.T.Fatal(link, err)
	}
	v := u.Query()
	v.Set("state", "st")
	return a.code(v)
}

// Clients that others wrote, unchanged: golang.org/x/oauth2 and coreos/go-oidc.
func TestForeignClientOfCoreOS(t *testing.T) {
	a := startAppNode(t)
	site := strings.TrimSuffix(a.node.identity.BaseURL, "/fhir")
	ctx := coreos.ClientContext(t.Context(), a.toNode())
	provider, err := coreos.NewProvider(ctx, site)
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{
		ClientID: "confidential", ClientSecret: a.secret, Endpoint: provider.Endpoint(), RedirectURL: appCallback,
		Scopes: strings.Fields("openid profile fhirUser offline_access launch/patient patient/*.rs"),
	}
	verifier := oauth2.GenerateVerifier()
	link := config.AuthCodeURL("st", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("aud", a.node.identity.BaseURL), coreos.Nonce("no"))
	tokens, err := config.Exchange(ctx, a.approved(link), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := provider.Verifier(&coreos.Config{ClientID: "confidential"}).Verify(ctx, raw)
	var claims struct {
		User string `json:"fhirUser"`
	}
	if err != nil || id.Nonce != "no" || id.Claims(&claims) != nil || claims.User != a.node.identity.BaseURL+"/Practitioner/practitioner" || tokens.Extra("patient") != "p1" {
		t.Fatalf("%+v %+v %v", id, claims, err)
	}
	a.with(tokens.AccessToken).Get("/Patient/p1").Want(200)
	old := *tokens
	old.Expiry = time.Now().Add(-time.Hour)
	next, err := config.TokenSource(ctx, &old).Token()
	if err != nil || next.AccessToken == tokens.AccessToken || next.RefreshToken == tokens.RefreshToken {
		t.Fatalf("%+v %v", next, err)
	}
	answer, err := config.Client(ctx, next).Get(a.node.identity.BaseURL + "/Patient/p1")
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%v %v", answer, err)
	}
	answer.Body.Close()
}

// zitadel/oidc as relying party, and as resource server that introspects.
func TestForeignClientOfZitadel(t *testing.T) {
	a := startAppNode(t)
	site := strings.TrimSuffix(a.node.identity.BaseURL, "/fhir")
	ctx := t.Context()
	party, err := rp.NewRelyingPartyOIDC(ctx, site, "confidential", a.secret, appCallback, strings.Fields("openid fhirUser offline_access launch/patient patient/*.rs"), rp.WithHTTPClient(a.toNode()))
	if err != nil {
		t.Fatal(err)
	}
	v := a.authorizationOf("")
	link := rp.AuthURL("st", party, rp.WithCodeChallenge(v.Get("code_challenge")), func() []oauth2.AuthCodeOption {
		return []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("aud", a.node.identity.BaseURL)}
	})
	tokens, err := rp.CodeExchange[*oidc.IDTokenClaims](ctx, a.approved(link), party, rp.WithCodeVerifier(appVerifier))
	if err != nil {
		t.Fatal(err)
	}
	if tokens.IDTokenClaims.Subject != "Practitioner/practitioner" {
		t.Errorf("%+v", tokens.IDTokenClaims)
	}
	next, err := rp.RefreshTokens[*oidc.IDTokenClaims](ctx, party, tokens.RefreshToken, "", "")
	if err != nil || next.RefreshToken == tokens.RefreshToken {
		t.Fatalf("%+v %v", next, err)
	}
	house, err := rs.NewResourceServerClientCredentials(ctx, site, "confidential", a.secret, rs.WithClient(a.toNode()))
	if err != nil {
		t.Fatal(err)
	}
	look := func() *oidc.IntrospectionResponse {
		t.Helper()
		found, err := rs.Introspect[*oidc.IntrospectionResponse](ctx, house, next.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := look(); !found.Active || found.ClientID != "confidential" || found.Subject == "" {
		t.Errorf("%+v", found)
	}
	if err := rp.RevokeToken(ctx, party, next.RefreshToken, "refresh_token"); err != nil {
		t.Fatal(err)
	}
	if found := look(); found.Active {
		t.Errorf("%+v", found)
	}
	a.with(next.AccessToken).Get("/Patient/p1").Want(401)
}
