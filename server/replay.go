package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/policy/replay"
	"github.com/aceso-health/aceso/policy/revision"
)

// usuallyReplayed is how many records of each log are decided again if nobody says it.
const usuallyReplayed = 20_000

// replayPolicies is POST /admin/policies/[revision]/replay: {"limit": 1000}.
func (s *server) replayPolicies(c *gin.Context, call *access.Call) (*answer, error) {
	ask := struct {
		Limit int `json:"limit"`
	}{usuallyReplayed}
	if c.Request.ContentLength != 0 {
		if err := s.jsonOf(c, maxTokenForm, &ask); err != nil {
			return nil, err
		}
	}
	if ask.Limit < 1 || ask.Limit > access.MostReplayed {
		return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "A replay reads 1 to 100,000 records of each log.", Expression: "limit"}
	}
	report, err := s.replay(c.Request.Context(), call, c.Param("revision"), ask.Limit)
	if err != nil {
		return nil, err
	}
	return jsonAnswer(http.StatusOK, report)
}

// replay decides the newest records of each log again with a revision. Its caller must be one
// who may read policies, and search records.
func (s *server) replay(ctx context.Context, call *access.Call, hash string, limit int) (report *replay.Report, err error) {
	err = s.withPolicies(call, func(p *revision.Service, by revision.By) error {
		if _, _, err := p.Read(ctx, by, hash); err != nil {
			return err
		}
		known := map[string]replay.Policies{}
		find := func(ctx context.Context, hash string) (replay.Policies, error) {
			found, ok := known[hash]
			if ok {
				return found, nil
			}
			found, err := candidate(ctx, p, hash)
			if errors.Is(err, revision.ErrNotFound) {
				found, err = nil, nil
			}
			known[hash] = found
			return found, err
		}
		draft, err := candidate(ctx, p, hash)
		if err != nil {
			return err
		}
		report, err = s.Gate.Replay(ctx, call, access.ReplayRequest{Revision: hash, Draft: draft, Past: find, Limit: limit})
		return err
	})
	return report, err
}

// candidate compiles a revision that is kept.
func candidate(ctx context.Context, p *revision.Service, hash string) (replay.Policies, error) {
	archive, err := p.Archive(ctx, hash)
	if err != nil {
		return nil, err
	}
	fsys, err := policy.Unpack(archive)
	if err != nil {
		return nil, err
	}
	c, err := policy.Look(ctx, fsys)
	if err != nil {
		return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "The revision does not pass its check, so nothing can be decided with it.", Err: err}
	}
	return c, nil
}
