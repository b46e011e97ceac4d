package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// providerTimeout bounds each request to the provider.
const providerTimeout = 10 * time.Second

// Provider is an upstream OpenID provider.
type Provider struct {
	ProviderConfig
	Back     string // where the provider sends browsers back to
	Home     string // where it sends them after signing out
	House    string // the organisation of the node
	Bases    string // of this server: a fhirUser below one of them is somebody here
	Now      func() time.Time
	client   *http.Client
	mu       sync.Mutex
	found    *oidc.Provider
	endpoint endpoints
}

// endpoints are what the discovery document says beside what go-oidc reads.
type endpoints struct {
	SignOut     string   `json:"end_session_endpoint"`
	IssInAnswer bool     `json:"authorization_response_iss_parameter_supported"`
	Challenges  []string `json:"code_challenge_methods_supported"`
}

// ErrProvider is the error of a provider that cannot be asked, or whose answer is wrong.
var ErrProvider = errors.New("session: the provider's answer is not accepted")

// discover reads the provider's document when it is first needed: the server must be able
// to start without it.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, endpoints, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, p.endpoint, nil
	}
	p.client = &http.Client{Timeout: providerTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.Issuer)
	if err != nil {
		return nil, endpoints{}, fmt.Errorf("%w: discovery: %w", ErrProvider, err)
	}
	if err := found.Claims(&p.endpoint); err != nil {
		return nil, endpoints{}, fmt.Errorf("%w: discovery: %w", ErrProvider, err)
	}
	p.found = found
	return found, p.endpoint, nil
}

func (p *Provider) oauth(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.secret, Endpoint: found.Endpoint(), RedirectURL: p.Back,
		Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...),
	}
}

// A Way is one attempt of one browser to sign in at the provider. It is made of a random
// secret that only this browser has, in a cookie: what goes to the provider follows from
// it, so the server keeps nothing.
type Way struct{ secret, next string }

// NewWay leads to next, a path of this server, once the browser has signed in.
func NewWay(next string) Way {
	return Way{base64.RawURLEncoding.EncodeToString(random()), next}
}

// ReadWay reads the cookie; ok is false for what is none.
func ReadWay(cookie string) (w Way, ok bool) {
	secret, next, found := strings.Cut(cookie, ".")
	path, err := base64.RawURLEncoding.DecodeString(next)
	return Way{secret, string(path)}, found && err == nil && len(secret) == 43
}

// Cookie is what the browser keeps meanwhile.
func (w Way) Cookie() string {
	return w.secret + "." + base64.RawURLEncoding.EncodeToString([]byte(w.next))
}

// Next is where the browser goes then.
func (w Way) Next() string { return w.next }

func (w Way) derive(what string) string {
	mac := hmac.New(sha256.New, []byte(w.secret))
	_, _ = mac.Write([]byte("aceso.sign-in.v1\x00" + what + "\x00" + w.next))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// URL is where the browser signs in.
func (p *Provider) URL(ctx context.Context, w Way) (string, error) {
	found, _, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	return p.oauth(found).AuthCodeURL(w.derive("state"), oidc.Nonce(w.derive("nonce")), oauth2.S256ChallengeOption(w.derive("verifier"))), nil
}

// Finish reads what the provider sent the browser back with, and returns who signed in.
func (p *Provider) Finish(ctx context.Context, w Way, answer url.Values) (Session, error) {
	found, more, err := p.discover(ctx)
	if err != nil {
		return Session{}, err
	}
	if err := p.checkAnswer(w, answer, more); err != nil {
		return Session{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := p.oauth(found).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(w.derive("verifier")))
	if err != nil {
		return Session{}, fmt.Errorf("%w: code: %w", ErrProvider, withoutBody(err))
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := found.VerifierContext(ctx, &oidc.Config{ClientID: p.ClientID, Now: p.Now}).Verify(ctx, raw)
	if err != nil {
		return Session{}, fmt.Errorf("%w: id_token: %w", ErrProvider, err)
	}
	if !hmac.Equal([]byte(id.Nonce), []byte(w.derive("nonce"))) {
		return Session{}, fmt.Errorf("%w: the nonce is another", ErrProvider)
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return Session{}, fmt.Errorf("%w: claims: %w", ErrProvider, err)
	}
	user, err := p.user(claims)
	user.Provider = p.Issuer
	return Session{User: user, Provider: p.Issuer, Hint: raw}, err
}

// checkAnswer holds what came back against what this browser was sent away with.
func (p *Provider) checkAnswer(w Way, answer url.Values, more endpoints) error {
	iss, named := answer["iss"]
	switch {
	case !hmac.Equal([]byte(answer.Get("state")), []byte(w.derive("state"))):
		return fmt.Errorf("%w: the state is another", ErrProvider)
	case named && (len(iss) != 1 || iss[0] != p.Issuer) || !named && more.IssInAnswer:
		return fmt.Errorf("%w: the answer is of another issuer", ErrProvider)
	case answer.Get("error") != "":
		return fmt.Errorf("%w: it refused", ErrProvider)
	case answer.Get("code") == "":
		return fmt.Errorf("%w: there is no code", ErrProvider)
	}
	return nil
}

// withoutBody leaves out what the provider wrote: it may hold what was sent.
func withoutBody(err error) error {
	var r *oauth2.RetrieveError
	if errors.As(err, &r) {
		return fmt.Errorf("status %d, %q", r.Response.StatusCode, r.ErrorCode)
	}
	return err
}

// SignOutURL is where a browser signs out at the provider, "" if it need not.
func (p *Provider) SignOutURL(ctx context.Context, s *Session) string {
	if !p.SignOut || s.Provider != p.Issuer {
		return ""
	}
	_, more, err := p.discover(ctx)
	if err != nil || more.SignOut == "" {
		return ""
	}
	u, err := url.Parse(more.SignOut)
	if err != nil || u.Host == "" {
		return ""
	}
	q := u.Query()
	q.Set("id_token_hint", s.Hint)
	q.Set("client_id", p.ClientID)
	q.Set("post_logout_redirect_uri", p.Home)
	u.RawQuery = q.Encode()
	return u.String()
}
