package oauth

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/kept"
)

// longestParameter bounds what comes back in a redirect.
const longestParameter = 2000

// Request checks an authorization request, whether it came by GET or by POST. A refusal is
// a *Refusal, and is recorded; other errors say that nothing can be answered now.
func (s *Server) Request(ctx context.Context, call *kept.Call, v url.Values) (*Request, error) {
	r, err := s.check(ctx, v)
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		return r, err
	}
	e := kept.Event{Interaction: "authorize", Refused: refusal.Code, Status: refusal.Status, Detail: detail(
		"client_id", v.Get("client_id"), "redirect_uri", v.Get("redirect_uri"), "scope", v.Get("scope"), "aud", v.Get("aud"), "why", refusal.Description)}
	if err := s.refused(ctx, call, e); err != nil {
		return nil, err
	}
	return nil, refusal
}

// check comes in two parts: until client and redirect URI hold, nothing leads back.
func (s *Server) check(ctx context.Context, v url.Values) (*Request, error) {
	page := func(code, description string) error {
		return &Refusal{Code: code, Description: description, Status: http.StatusBadRequest}
	}
	for name, values := range v {
		if len(values) > 1 {
			return nil, page("invalid_request", "The parameter "+known(name)+" stands in the request more than once.")
		}
	}
	client, err := s.Client(ctx, v.Get("client_id"))
	switch {
	case errors.Is(err, kept.ErrNotFound) || err == nil && client.Disabled:
		return nil, page("unauthorized_client", "No app with this client_id is registered here. Its maker has to register it, or an administrator to enable it.")
	case err != nil:
		return nil, err
	}
	redirect := v.Get("redirect_uri")
	if !slices.Contains(client.Redirects, redirect) || redirect == "" {
		return nil, page("invalid_request", "The redirect_uri is none of those that this app is registered with. They are compared exactly.")
	}
	r := &Request{Client: client, Redirect: redirect, State: v.Get("state"), Nonce: v.Get("nonce"), Challenge: v.Get("code_challenge"), Purposes: client.Purposes}
	if refusal := s.checkRest(ctx, r, v); refusal != nil {
		if refusal.Err != nil {
			return nil, refusal.Err
		}
		refusal.Redirect = s.answer(r.Redirect, "error", refusal.Code, "error_description", refusal.Description, "state", r.State)
		refusal.Status = http.StatusFound
		return nil, refusal
	}
	return r, nil
}

// known names a parameter in a message: those of the protocol only.
func known(name string) string {
	if slices.Contains([]string{"client_id", "redirect_uri", "response_type", "scope", "state", "aud", "launch", "code_challenge", "code_challenge_method", "nonce"}, name) {
		return name
	}
	return "that is not known here"
}

// checkRest holds the parameters whose refusal the app learns.
func (s *Server) checkRest(ctx context.Context, r *Request, v url.Values) *Refusal {
	refuse := func(code, description string) *Refusal { return &Refusal{Code: code, Description: description} }
	switch {
	case v.Get("response_type") != "code":
		return refuse("unsupported_response_type", "The response_type is code.")
	case !r.Client.may(grantCode):
		return refuse("unauthorized_client", "This app is not registered for authorization_code.")
	case r.State == "" || len(r.State) > longestParameter || len(r.Nonce) > longestParameter:
		return refuse("invalid_request", "A state is needed, of at most 2000 bytes, and a nonce has no more.")
	case v.Get("aud") == "" || strings.TrimSuffix(v.Get("aud"), "/") != strings.TrimSuffix(s.Base, "/"):
		return refuse("invalid_request", "The aud is not the FHIR base of this server, "+s.Base+".")
	case v.Get("code_challenge_method") != "S256" || !isChallenge(r.Challenge):
		return refuse("invalid_request", "PKCE is needed, with code_challenge_method S256.")
	case v.Has("request") || v.Has("request_uri"):
		return refuse("request_not_supported", "Send the parameters themselves.")
	}
	scopes, err := s.parseScopes(v.Get("scope"))
	if err != nil {
		return refuse("invalid_scope", err.Error())
	}
	r.Scopes = scopes
	if beyond, ok := within(scopes, r.Client.Scopes); !ok {
		return refuse("invalid_scope", "This app is not registered for the scope "+beyond+".")
	}
	if ofContext(scopes, "system") {
		return refuse("invalid_scope", "Scopes of the context system are for client_credentials.")
	}
	r.Offline, r.Online = slices.Contains(scopes, "offline_access"), slices.Contains(scopes, "online_access")
	if (r.Offline || r.Online) && !r.Client.may(grantRefresh) {
		return refuse("invalid_scope", "This app is not registered for refresh_token.")
	}
	if refusal := s.checkLaunch(ctx, r, v.Get("launch")); refusal != nil {
		return refusal
	}
	r.NeedsPatient = (slices.Contains(scopes, "launch/patient") || ofContext(scopes, "patient")) && (r.Launch == nil || r.Launch.Patient == "")
	r.NeedsEncounter = slices.Contains(scopes, "launch/encounter") && (r.Launch == nil || r.Launch.Encounter == "")
	return nil
}

// checkLaunch finds what an EHR launch is about.
func (s *Server) checkLaunch(ctx context.Context, r *Request, launch string) *Refusal {
	asked := slices.Contains(r.Scopes, "launch")
	switch {
	case launch == "" && !asked:
		return nil
	case launch == "" || !asked:
		return &Refusal{Code: "invalid_request", Description: "The scope launch and the parameter launch belong together."}
	}
	var c Context
	key := hashed(launch)
	version, err := read(ctx, s, spaceLaunch, key, &c)
	switch {
	case errors.Is(err, kept.ErrNotFound) || err == nil && c.Client != "" && c.Client != r.Client.ID:
		return &Refusal{Code: "invalid_request", Description: "The launch is not known, was used, or is older than five minutes. Launch the app again."}
	case err != nil:
		return &Refusal{Err: err}
	}
	r.Launch, r.launchKey, r.launchVersion = &c, key, version
	return nil
}

// isChallenge says whether text can be the SHA-256 of a verifier.
func isChallenge(text string) bool {
	sum, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(sum) == 32
}

// answer adds parameters to a redirect URI, and who answers (RFC 9207).
func (s *Server) answer(redirect string, pairs ...string) string {
	u, err := url.Parse(redirect)
	if err != nil {
		return ""
	}
	q := u.Query()
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	q.Set("iss", s.Issuer)
	u.RawQuery = q.Encode()
	return u.String()
}

// Offer are the purposes of use that a user may choose for an app.
func (r *Request) Offer(u User) []string {
	return slices.DeleteFunc(slices.Clone(r.Purposes), func(p string) bool { return !slices.Contains(u.Purposes, p) })
}
