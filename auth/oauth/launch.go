package oauth

import (
	"context"

	"github.com/aceso-health/aceso/agent"
)

// Launch keeps what an EHR launch is about, and returns the opaque value by which an app
// asks for it: once, within five minutes. Who begins it is its user, unless it is a system
// that begins it for one.
func (s *Server) Launch(ctx context.Context, call *Call, who agent.Agent, c Context) (launch string, err error) {
	if who.Role != agent.System {
		c.User = who.Subject
	}
	text, key := secret()
	r, err := row(spaceLaunch, key, c, 0, s.Now().Add(launchLife))
	if err != nil {
		return "", err
	}
	e := Event{Interaction: "launch", Agent: who, Patient: c.Patient, Detail: detail("client", c.Client, "user", c.User, "encounter", c.Encounter, "intent", c.Intent)}
	return text, s.Keeper.Commit(ctx, call, e, r)
}
