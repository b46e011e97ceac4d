package oauth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/aceso-health/aceso/kept"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authenticate finds out which client asks, and holds its proof. Whoever is unknown,
// disabled or wrong is told the same.
func (s *Server) authenticate(ctx context.Context, a *asking) error {
	p, err := proofOf(a.form)
	a.claimed = p.client
	if err != nil {
		return err
	}
	if p == (proof{}) && a.event == "refresh" {
		if p.client, err = s.holder(ctx, a.form.Get("refresh_token")); err != nil {
			return err
		}
	}
	client, err := s.Client(ctx, p.client)
	if err != nil && !errors.Is(err, kept.ErrNotFound) {
		return err
	}
	wrong := &Error{Code: "invalid_client", Description: "The client is not known, or has not proved who it is as it is registered.", Status: http.StatusUnauthorized, Basic: p.basic}
	known := err == nil && !client.Disabled
	switch {
	case p.assertion != "":
		if !known || client.Kind != Asymmetric {
			return wrong
		}
		used, err := s.assertion(ctx, &client, p.assertion)
		if err != nil {
			return err
		}
		a.once = []kept.Row{used}
	case p.secret != "":
		same := subtle.ConstantTimeCompare([]byte(hashed(p.secret)), []byte(client.Secret)) == 1
		if !known || client.Kind != Symmetric || !same {
			return wrong
		}
	case !known || client.Kind != Public:
		return wrong
	}
	a.client, a.call.Proved = client, client.Kind != Public
	return nil
}

// proof is what a request says about its client.
type proof struct {
	client, secret, assertion string
	basic                     bool
}

// proofOf reads it: there is one way in each request.
func proofOf(f Form) (p proof, err error) {
	p = proof{client: f.Get("client_id"), secret: f.Get("client_secret"), assertion: f.Get("client_assertion")}
	ways := 0
	for _, has := range []bool{p.secret != "", p.assertion != "" || f.Get("client_assertion_type") != "", len(f.Authorization) > 0} {
		if has {
			ways++
		}
	}
	if ways > 1 || len(f.Authorization) > 1 {
		return p, refusal("invalid_request", "The client proves who it is in one way.")
	}
	if len(f.Authorization) == 1 {
		return p.ofBasic(f.Authorization[0])
	}
	if p.assertion == "" {
		return p, nil
	}
	if f.Get("client_assertion_type") != assertionType {
		return p, refusal("invalid_request", "The client_assertion_type is "+assertionType+".")
	}
	claimed, err := claimedIn(p.assertion)
	if err != nil || p.client != "" && p.client != claimed {
		return p, &Error{Code: "invalid_client", Description: "The assertion is of another client than client_id, or not a JSON Web Token.", Status: http.StatusUnauthorized}
	}
	p.client = claimed
	return p, nil
}

// ofBasic reads HTTP Basic, whose two parts are encoded like forms (RFC 6749, 2.3.1).
func (p proof) ofBasic(header string) (proof, error) {
	wrong := &Error{Code: "invalid_client", Description: "The Authorization header is not HTTP Basic with a client's id and secret.", Status: http.StatusUnauthorized, Basic: true}
	scheme, text, _ := strings.Cut(header, " ")
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	id, secret, found := strings.Cut(string(plain), ":")
	if err != nil || !found || !strings.EqualFold(scheme, "Basic") {
		return p, wrong
	}
	named := p.client
	var idErr, secretErr error
	p.client, idErr = url.QueryUnescape(id)
	p.secret, secretErr = url.QueryUnescape(secret)
	p.basic = true
	if idErr != nil || secretErr != nil || p.secret == "" || named != "" && named != p.client {
		return p, wrong
	}
	return p, nil
}
