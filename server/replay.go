package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
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
		r, _, err := p.Read(ctx, by, hash)
		if err != nil {
			return err
		}
		if drafted := r.State == revision.Drafted; drafted { // what was not compiled in a process with limits is not compiled in this one
			return &fhir.Error{Kind: fhir.Conflict, Detail: "The revision is a draft that has not passed its check: check it first."}
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
		run := replay.New(hash, draft, find)
		found, err := s.Gate.Replay(ctx, call, access.ReplayRequest{
			Revision: hash, Limit: limit, Draft: draft, Samples: run.Samples, Named: run.Patients,
			Visit: func(ctx context.Context, past access.Past) error { return visited(ctx, run, past) },
		})
		if err != nil {
			return err
		}
		var logs []replay.Log
		for _, l := range found.Logs {
			logs = append(logs, replay.Log{Source: l.Source, From: l.From, To: l.To, Size: l.Size, Root: hex.EncodeToString(l.Root[:])})
		}
		report = run.Report(logs, found.Proofs)
		return nil
	})
	return report, err
}

// visited decides one recorded request again.
func visited(ctx context.Context, run *replay.Replay, past access.Past) error {
	switch {
	case past.Unknown:
		run.Unknown()
		return nil
	case past.Erased:
		run.Erased()
		return nil
	}
	err := run.Add(ctx, replay.Record{ID: past.ID, Inputs: past.Inputs, Policy: past.Policy, Patients: past.Patients}, past.Again)
	if err == nil && run.Failing() {
		err = &fhir.Error{Kind: fhir.Invalid, Detail: "The draft cannot decide more than 50 of the questions that were asked. Test it first."}
	}
	return err
}

// candidate compiles a revision that is kept.
func candidate(ctx context.Context, p *revision.Service, hash string) (replay.Policies, error) {
	archive, err := p.Archive(ctx, hash)
	if err != nil {
		return nil, err
	}
	c, err := replay.Load(ctx, archive)
	if err != nil {
		return nil, fmt.Errorf("revision %s was checked, and cannot be loaded: %w", hash, err)
	}
	return c, nil
}
