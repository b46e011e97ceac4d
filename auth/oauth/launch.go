package oauth

import (
	"context"
	"net/http"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// Launch keeps what an EHR launch is about, and returns the opaque value by which an app
// asks for it: once, within five minutes. Who begins it is its user, unless it is a system
// that begins it for one. A token for one patient begins none for another: an app would
// lead its user on to data that she has not let it have.
func (s *Server) Launch(ctx context.Context, call *kept.Call, who agent.Agent, c Context) (launch string, err error) {
	if who.Role != agent.System {
		c.User = who.Subject
	}
	e := kept.Event{Interaction: "launch", Agent: who, Patient: c.Patient, Detail: detail("client", c.Client, "user", c.User, "encounter", c.Encounter, "intent", c.Intent)}
	if who.Patient != "" && c.Patient != "" && c.Patient != who.Patient {
		e.Refused, e.Status = "other-patient", http.StatusForbidden
		if err := s.refused(ctx, call, e); err != nil {
			return "", err
		}
		return "", &fhir.Error{Kind: fhir.Forbidden, Detail: "This token is for one patient, and begins no launch for another."}
	}
	text, key := secret()
	r, err := row(spaceLaunch, key, c, 0, s.Now().Add(launchLife))
	if err != nil {
		return "", err
	}
	return text, s.Keeper.Commit(ctx, call, e, r)
}
