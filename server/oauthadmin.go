package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// asAdministrator answers a request about clients; the policy says who may make it.
func (s *server) asAdministrator(call *access.Call, status int, do func(*oauth.Server, *kept.Call, agent.Agent) (any, error)) (*answer, error) {
	o, err := s.authorization()
	if err != nil {
		return nil, err
	}
	to, done := keptCall(call)
	result, err := do(o, to, call.Agent)
	done()
	switch {
	case errors.Is(err, kept.ErrNotFound):
		return nil, &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such client."}
	case errors.Is(err, oauth.ErrExists):
		return nil, &fhir.Error{Kind: fhir.Conflict, Detail: "There is a client with this id."}
	case errors.Is(err, kept.ErrChanged):
		return nil, &fhir.Error{Kind: fhir.Conflict, Detail: "The client was changed by somebody else. Try again."}
	case err != nil:
		return nil, err
	case result == nil:
		return &answer{status: status}, nil
	}
	return jsonAnswer(status, result)
}

// shown is a client without the hash of its secret.
func shown(c oauth.Client) oauth.Client {
	c.Secret = ""
	return c
}

// listClients is GET /admin/clients.
func (s *server) listClients(c *gin.Context, call *access.Call) (*answer, error) {
	return s.asAdministrator(call, http.StatusOK, func(o *oauth.Server, to *kept.Call, who agent.Agent) (any, error) {
		all, err := o.Clients(c.Request.Context(), to, who)
		list := make([]oauth.Client, len(all))
		for i := range all {
			list[i] = shown(all[i])
		}
		return map[string]any{"clients": list}, err
	})
}

// addClient is POST /admin/clients. The answer has the secret of a symmetric client, once.
func (s *server) addClient(c *gin.Context, call *access.Call) (*answer, error) {
	var asked oauth.Client
	if err := s.membersOf(c, &asked); err != nil {
		return nil, err
	}
	return s.asAdministrator(call, http.StatusCreated, func(o *oauth.Server, to *kept.Call, who agent.Agent) (any, error) {
		secret, err := o.AddClient(c.Request.Context(), to, who, asked)
		var known *fhir.Error
		if err != nil && !errors.As(err, &known) && !errors.Is(err, oauth.ErrExists) {
			err = &fhir.Error{Kind: fhir.Unprocessable, Detail: "The client cannot be registered: " + err.Error() + ".", Err: err}
		}
		return struct {
			oauth.Client
			Secret string `json:"client_secret,omitempty"`
		}{shown(asked), secret}, err
	})
}

// membersOf reads a JSON object of an administrator, without members that are not known.
func (s *server) membersOf(c *gin.Context, to any) error {
	return s.jsonOf(c, maxTokenForm, to)
}

// jsonOf reads a JSON object of up to some bytes, without members that are not known.
func (s *server) jsonOf(c *gin.Context, most int64, to any) error {
	body, err := s.body(c, most, mediaJSON)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return &fhir.Error{Kind: fhir.Malformed, Detail: "The body is no JSON object of the members that docs/smart.md or docs/policies.md names.", Err: err}
	}
	return nil
}

func (s *server) removeClient(c *gin.Context, call *access.Call) (*answer, error) {
	return s.changeClient(c, call, func(ctx context.Context, o *oauth.Server, to *kept.Call, id string) error {
		return o.RemoveClient(ctx, to, call.Agent, id)
	})
}

func (s *server) disableClient(c *gin.Context, call *access.Call) (*answer, error) {
	return s.changeClient(c, call, func(ctx context.Context, o *oauth.Server, to *kept.Call, id string) error {
		return o.DisableClient(ctx, to, call.Agent, id, true)
	})
}

func (s *server) enableClient(c *gin.Context, call *access.Call) (*answer, error) {
	return s.changeClient(c, call, func(ctx context.Context, o *oauth.Server, to *kept.Call, id string) error {
		return o.DisableClient(ctx, to, call.Agent, id, false)
	})
}

func (s *server) changeClient(c *gin.Context, call *access.Call, change func(context.Context, *oauth.Server, *kept.Call, string) error) (*answer, error) {
	return s.asAdministrator(call, http.StatusNoContent, func(o *oauth.Server, to *kept.Call, _ agent.Agent) (any, error) {
		return nil, change(c.Request.Context(), o, to, c.Param("id"))
	})
}

// longestInitial is how long an initial token counts at most.
const longestInitial = 30 * 24 * time.Hour

// initialToken is POST /admin/registrations: a token for one registration (RFC 7591).
func (s *server) initialToken(c *gin.Context, call *access.Call) (*answer, error) {
	var asked struct {
		oauth.Initial
		Hours int `json:"hours"` // 24 if absent
	}
	asked.Hours = 24
	if err := s.membersOf(c, &asked); err != nil {
		return nil, err
	}
	life := time.Duration(asked.Hours) * time.Hour
	if life <= 0 || life > longestInitial {
		return nil, &fhir.Error{Kind: fhir.Unprocessable, Detail: "An initial token counts for 1 to 720 hours."}
	}
	return s.asAdministrator(call, http.StatusCreated, func(o *oauth.Server, to *kept.Call, who agent.Agent) (any, error) {
		token, err := o.InitialToken(c.Request.Context(), to, who, asked.Initial, life)
		return map[string]string{"initial_access_token": token}, err
	})
}
