package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// The addresses of the authorization server, below the site of the FHIR base. What people
// see of it is with the pages: pathAuthorize.
const (
	PathToken = "/oauth/token"
	PathStyle = "/oauth/style.json"

	pathIntrospect = "/oauth/introspect"
	pathRevoke     = "/oauth/revoke"
	pathRegister   = "/oauth/register"
	pathKeys       = "/oauth/jwks.json"
	pathSMART      = "/fhir/.well-known/smart-configuration"
	pathOpenID     = "/.well-known/openid-configuration"

	pathLaunch        = "/fhir/$launch-context"
	pathClients       = "/admin/clients"
	pathRegistrations = "/admin/registrations"
)

// maxTokenForm is the largest request of a client; an assertion has at most 16 KB.
const maxTokenForm = 64 << 10

// Authorization is the authorization server; without a Server there is none.
type Authorization struct {
	*oauth.Server
	KeySet func() ([]byte, error) // the JWKS of its public keys
}

// oauthRoutes are the rows of the table for apps and other clients.
func oauthRoutes() []route {
	const get, post, open, plain = http.MethodGet, http.MethodPost, true, true
	return []route{
		{get, pathSMART, "", "", open, plain, (*server).smartConfiguration},
		{get, pathOpenID, "", "", open, plain, (*server).openIDConfiguration},
		{get, pathKeys, "", "", open, plain, (*server).keySet},
		{get, PathStyle, "", "", open, plain, (*server).appStyle},
		{post, PathToken, "", "", open, plain, (*server).token},
		{post, pathIntrospect, "", "", open, plain, (*server).introspect},
		{post, pathRevoke, "", "", open, plain, (*server).revoke},
		{post, pathRegister, "", "", open, plain, (*server).register},
		{post, pathLaunch, "", "$launch-context", false, false, (*server).launchContext},
		{get, pathClients, "", "", false, plain, (*server).listClients},
		{post, pathClients, "", "", false, plain, (*server).addClient},
		{http.MethodDelete, pathClients + "/:id", "", "", false, plain, (*server).removeClient},
		{post, pathClients + "/:id/disable", "", "", false, plain, (*server).disableClient},
		{post, pathClients + "/:id/enable", "", "", false, plain, (*server).enableClient},
		{post, pathRegistrations, "", "", false, plain, (*server).initialToken},
	}
}

// authorization is the authorization server, if there is one.
func (s *server) authorization() (*oauth.Server, error) {
	if s.OAuth.Server == nil {
		return nil, &fhir.Error{Kind: fhir.NotFound, Detail: "This server has no authorization server."}
	}
	return s.OAuth.Server, nil
}

// asClient answers a request that a client makes with a form. Who fails pays from the
// allowance of the address, and so does whoever proves nothing: anybody may name a public
// client, and revoke what is no token. Who proves who it is does not.
func (s *server) asClient(c *gin.Context, call *access.Call, ask func(*oauth.Server, *kept.Call, oauth.Form) (any, error)) (*answer, error) {
	o, err := s.authorization()
	if err != nil {
		return nil, err
	}
	if err := s.asStranger(c); err != nil {
		return nil, err
	}
	body, err := s.body(c, maxTokenForm, mediaForm)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	misplaced := err != nil || c.Request.URL.RawQuery != ""
	to, done := keptCall(call)
	result, err := ask(o, to, oauth.Form{Values: form, Authorization: c.Request.Header.Values("Authorization"), Misplaced: misplaced})
	done()
	c.Header("Pragma", "no-cache")
	if err != nil {
		return s.refusedClient(c, err)
	}
	if to.Proved {
		s.strangers.giveBack(network(c.Request), 1)
	}
	if result == nil {
		return &answer{status: http.StatusOK}, nil
	}
	return jsonAnswer(http.StatusOK, result)
}

// refusedClient is the answer to a refusal, in the words of RFC 6749.
func (s *server) refusedClient(c *gin.Context, err error) (*answer, error) {
	var e *oauth.Error
	if !errors.As(err, &e) {
		known := describe(err)
		if known.Kind.Status() < http.StatusInternalServerError {
			return nil, err
		}
		exchangeOf(c).cause = err
		c.Header("Retry-After", retryAfter)
		return jsonAnswer(known.Kind.Status(), &oauth.Error{Code: "temporarily_unavailable", Description: "The server cannot answer now. Try again later."})
	}
	if e.Status == http.StatusUnauthorized {
		s.noteRefused(c, &fhir.Error{Kind: fhir.Unauthenticated, Detail: e.Description})
		if e.Basic {
			c.Header("WWW-Authenticate", `Basic realm="aceso", charset="UTF-8"`)
		}
	}
	return jsonAnswer(e.Status, e)
}

func jsonAnswer(status int, value any) (*answer, error) {
	body, err := json.Marshal(value)
	return &answer{status: status, body: body, media: mediaJSON}, err
}

// token is POST /oauth/token.
func (s *server) token(c *gin.Context, call *access.Call) (*answer, error) {
	return s.asClient(c, call, func(o *oauth.Server, to *kept.Call, f oauth.Form) (any, error) {
		return o.Token(c.Request.Context(), to, f)
	})
}

// introspect is POST /oauth/introspect.
func (s *server) introspect(c *gin.Context, call *access.Call) (*answer, error) {
	return s.asClient(c, call, func(o *oauth.Server, to *kept.Call, f oauth.Form) (any, error) {
		return o.Introspect(c.Request.Context(), to, f)
	})
}

// revoke is POST /oauth/revoke. Its answer is empty.
func (s *server) revoke(c *gin.Context, call *access.Call) (*answer, error) {
	return s.asClient(c, call, func(o *oauth.Server, to *kept.Call, f oauth.Form) (any, error) {
		return nil, o.Revoke(c.Request.Context(), to, f)
	})
}

// register is POST /oauth/register.
func (s *server) register(c *gin.Context, call *access.Call) (*answer, error) {
	o, err := s.authorization()
	if err != nil {
		return nil, err
	}
	if err := s.asStranger(c); err != nil {
		return nil, err
	}
	body, err := s.body(c, maxTokenForm, mediaJSON)
	if err != nil {
		return nil, err
	}
	var asked oauth.Registration
	if err := json.Unmarshal(body, &asked); err != nil {
		return jsonAnswer(http.StatusBadRequest, &oauth.Error{Code: "invalid_client_metadata", Description: "The body is no JSON object of client metadata."})
	}
	to, done := keptCall(call)
	registered, err := o.Register(c.Request.Context(), to, bearerOf(c.Request), asked)
	done()
	c.Header("Pragma", "no-cache")
	if err != nil {
		return s.refusedClient(c, err)
	}
	return jsonAnswer(http.StatusCreated, registered)
}
