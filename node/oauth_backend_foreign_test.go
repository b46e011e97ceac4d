package node

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// golang.org/x/oauth2, unchanged, as a backend: its assertion is a parameter. Each of its
// requests needs another.
func TestForeignBackendOfGo(t *testing.T) {
	a := startAppNode(t)
	at := func() *clientcredentials.Config {
		return &clientcredentials.Config{
			TokenURL: a.node.authorization.TokenURL, Scopes: []string{"system/*.rs"}, AuthStyle: oauth2.AuthStyleInParams, ClientID: "backend",
			EndpointParams: signedProof(a.assertion("backend")),
		}
	}
	config := at()
	ctx := oidcContext(t, a)
	token, err := config.Token(ctx)
	if err != nil || token.TokenType != "Bearer" || token.RefreshToken != "" || token.Extra("scope") != "system/*.rs" {
		t.Fatalf("%+v %v", token, err)
	}
	a.with(token.AccessToken).Get("/Patient/p1").Want(200)
	if _, err := config.Token(ctx); !isRefused(err, "invalid_client", 401) {
		t.Errorf("an assertion counts twice: %v", err)
	}
	answer, err := at().Client(ctx).Get(a.node.identity.BaseURL + "/Patient/p1")
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%v %v", answer, err)
	}
	answer.Body.Close()
	wide := at()
	wide.Scopes = []string{"user/*.rs"}
	if _, err := wide.Token(ctx); !isRefused(err, "invalid_scope", 400) {
		t.Errorf("another context: %v", err)
	}
}

// zitadel/oidc, unchanged, as a backend and as an app that signs: code, refresh and end.
func TestForeignSigningClientOfZitadel(t *testing.T) {
	a := startAppNode(t)
	ctx := t.Context()
	party := func(client string, scopes string) rp.RelyingParty {
		t.Helper()
		p, err := rp.NewRelyingPartyOIDC(ctx, strings.TrimSuffix(a.node.identity.BaseURL, "/fhir"), client, "", appCallback, strings.Fields(scopes), rp.WithHTTPClient(a.toNode()), rp.WithAuthStyle(oauth2.AuthStyleInParams))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	token, err := rp.ClientCredentials(ctx, party("backend", "system/*.rs"), signedProof(a.assertion("backend")))
	if err != nil {
		t.Fatal(err)
	}
	a.with(token.AccessToken).Get("/Patient/p1").Want(200)
	signing := party("signing", "openid fhirUser offline_access launch/patient patient/*.rs")
	link := rp.AuthURL("st", signing, rp.WithCodeChallenge(a.authorizationOf("").Get("code_challenge")), func() []oauth2.AuthCodeOption {
		return []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("aud", a.node.identity.BaseURL)}
	})
	tokens, err := rp.CodeExchange[*oidc.IDTokenClaims](ctx, a.approved(link), signing, rp.WithCodeVerifier(appVerifier), rp.WithClientAssertionJWT(a.assertion("signing")))
	if err != nil || tokens.IDTokenClaims.Subject != "Practitioner/practitioner" {
		t.Fatalf("%+v %v", tokens, err)
	}
	next, err := rp.RefreshTokens[*oidc.IDTokenClaims](ctx, signing, tokens.RefreshToken, a.assertion("signing"), oidc.ClientAssertionTypeJWTAssertion)
	if err != nil || next.RefreshToken == tokens.RefreshToken {
		t.Fatalf("%+v %v", next, err)
	}
	a.with(next.AccessToken).Get("/Patient/p1").Want(200)
	form := signedProof(a.assertion("signing"))
	form.Set("token", next.RefreshToken)
	a.form("/oauth/revoke", form).Want(200)
	if _, err := rp.RefreshTokens[*oidc.IDTokenClaims](ctx, signing, next.RefreshToken, a.assertion("signing"), oidc.ClientAssertionTypeJWTAssertion); err == nil {
		t.Error("what was revoked is refreshed")
	}
	a.with(next.AccessToken).Get("/Patient/p1").Want(401)
}

// oidcContext makes golang.org/x/oauth2 reach the node.
func oidcContext(t *testing.T, a *appNode) context.Context {
	t.Helper()
	return context.WithValue(t.Context(), oauth2.HTTPClient, a.toNode())
}

func isRefused(err error, code string, status int) bool {
	var refused *oauth2.RetrieveError
	return errors.As(err, &refused) && refused.ErrorCode == code && refused.Response.StatusCode == status
}
