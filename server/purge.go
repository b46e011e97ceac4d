package server

import (
	"context"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/purge"
)

// purgeRoutes are the rows of the table for what is removed for good. The page is among
// pageRoutes.
func purgeRoutes() []route {
	const get, post, put, plain = http.MethodGet, http.MethodPost, http.MethodPut, true
	return []route{
		{post, "/fhir/:type/:id/$purge", "Patient", "", false, plain, (*server).purgePatient},
		{post, "/fhir/:type/:id/_history/:version/$purge", "", "", false, plain, (*server).purgeVersion},
		{post, "/fhir/:type/:id/$erase-records", "Patient", "", false, plain, (*server).eraseRecords},
		{get, "/admin/purges", "", "", false, plain, (*server).listPurges},
		{get, "/admin/purges/:id", "", "", false, plain, (*server).showPurge},
		{get, "/admin/purges/:id/certificate", "", "", false, plain, (*server).purgeCertificate},
		{post, "/admin/purges/:id/decide", "", "", false, plain, (*server).decidePurge},
		{post, "/admin/purges/:id/approve", "", "", false, plain, (*server).approvePurge},
		{post, "/admin/purges/:id/drop", "", "", false, plain, (*server).dropPurge},
		{get, "/admin/retention", "", "", false, plain, (*server).showRetention},
		{put, "/admin/retention", "", "", false, plain, (*server).setRetention},
		{post, "/admin/holds", "", "", false, plain, (*server).setHold},
	}
}

// purging answers with what becomes of a purge; the policy says who may ask.
func (s *server) purging(call *access.Call, status int, do func(*purge.Purges, *kept.Call, agent.Agent) (any, error)) (*answer, error) {
	var result any
	err := s.withPurges(call, func(p *purge.Purges, to *kept.Call) (err error) {
		result, err = do(p, to, call.Agent)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case result == nil:
		return &answer{status: status}, nil
	}
	return jsonAnswer(status, result)
}

// onePurge answers with the purge that a path names.
func (s *server) onePurge(c *gin.Context, call *access.Call, do func(p *purge.Purges, to *kept.Call, id string) (*purge.Purge, error)) (*answer, error) {
	return s.purging(call, http.StatusOK, func(p *purge.Purges, to *kept.Call, _ agent.Agent) (any, error) {
		return do(p, to, c.Param("id"))
	})
}

// purgePatient is POST Patient/[id]/$purge: it asks, and removes nothing yet.
func (s *server) purgePatient(c *gin.Context, call *access.Call) (*answer, error) {
	return s.askPurge(c, call, c.Param("type")+"/"+c.Param("id"), (*purge.Purges).Ask)
}

// eraseRecords is POST Patient/[id]/$erase-records: it asks, and erases nothing yet.
func (s *server) eraseRecords(c *gin.Context, call *access.Call) (*answer, error) {
	return s.askPurge(c, call, c.Param("type")+"/"+c.Param("id"), (*purge.Purges).AskRecords)
}

// purgeVersion is POST [type]/[id]/_history/[version]/$purge.
func (s *server) purgeVersion(c *gin.Context, call *access.Call) (*answer, error) {
	return s.askPurge(c, call, c.Param("type")+"/"+c.Param("id")+"/_history/"+c.Param("version"), (*purge.Purges).Ask)
}

// asking begins a purge or an erasure.
type asking func(p *purge.Purges, ctx context.Context, to *kept.Call, who agent.Agent, of, reason string) (*purge.Purge, error)

func (s *server) askPurge(c *gin.Context, call *access.Call, of string, ask asking) (*answer, error) {
	var asked struct {
		Reason string `json:"reason"`
	}
	if err := s.membersOf(c, &asked); err != nil {
		return nil, err
	}
	location := ""
	a, err := s.purging(call, http.StatusAccepted, func(p *purge.Purges, to *kept.Call, who agent.Agent) (any, error) {
		u, err := ask(p, c.Request.Context(), to, who, of, asked.Reason)
		if err == nil {
			location = strings.TrimSuffix(s.BaseURL, "/fhir") + "/admin/purges/" + u.ID
		}
		return u, err
	})
	if err == nil {
		a.location = location
	}
	return a, err
}

// listPurges is GET /admin/purges.
func (s *server) listPurges(c *gin.Context, call *access.Call) (*answer, error) {
	return s.purging(call, http.StatusOK, func(p *purge.Purges, to *kept.Call, who agent.Agent) (any, error) {
		all, err := p.List(c.Request.Context(), to, who)
		return map[string]any{"purges": all}, err
	})
}

// showPurge is GET /admin/purges/[id].
func (s *server) showPurge(c *gin.Context, call *access.Call) (*answer, error) {
	return s.onePurge(c, call, func(p *purge.Purges, to *kept.Call, id string) (*purge.Purge, error) {
		return p.Get(c.Request.Context(), to, call.Agent, id)
	})
}

// purgeCertificate is GET /admin/purges/[id]/certificate.
func (s *server) purgeCertificate(c *gin.Context, call *access.Call) (*answer, error) {
	text := ""
	_, err := s.onePurge(c, call, func(p *purge.Purges, to *kept.Call, id string) (*purge.Purge, error) {
		u, err := p.Get(c.Request.Context(), to, call.Agent, id)
		if err == nil && u.Certificate == "" {
			err = &fhir.Error{Kind: fhir.NotFound, Detail: "There is no certificate: the purge is " + u.State + "."}
		}
		if err == nil {
			text = u.Certificate
		}
		return u, err
	})
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusOK, body: []byte(text), media: "text/plain; charset=utf-8"}, nil
}

// decidePurge is POST /admin/purges/[id]/decide: which documents that mention her go, too.
func (s *server) decidePurge(c *gin.Context, call *access.Call) (*answer, error) {
	var asked struct {
		Goes []string `json:"goes"`
	}
	if err := s.membersOf(c, &asked); err != nil {
		return nil, err
	}
	return s.onePurge(c, call, func(p *purge.Purges, to *kept.Call, id string) (*purge.Purge, error) {
		return p.Decide(c.Request.Context(), to, call.Agent, id, asked.Goes)
	})
}

// approvePurge is POST /admin/purges/[id]/approve, by another person.
func (s *server) approvePurge(c *gin.Context, call *access.Call) (*answer, error) {
	var asked struct {
		Digest string `json:"digest"`
	}
	if err := s.membersOf(c, &asked); err != nil {
		return nil, err
	}
	return s.onePurge(c, call, func(p *purge.Purges, to *kept.Call, id string) (*purge.Purge, error) {
		return p.Approve(c.Request.Context(), to, call.Agent, id, asked.Digest)
	})
}

// dropPurge is POST /admin/purges/[id]/drop.
func (s *server) dropPurge(c *gin.Context, call *access.Call) (*answer, error) {
	return s.onePurge(c, call, func(p *purge.Purges, to *kept.Call, id string) (*purge.Purge, error) {
		return p.Drop(c.Request.Context(), to, call.Agent, id)
	})
}

// showRetention is GET /admin/retention.
func (s *server) showRetention(c *gin.Context, call *access.Call) (*answer, error) {
	return s.purging(call, http.StatusOK, func(p *purge.Purges, to *kept.Call, who agent.Agent) (any, error) {
		rules, err := p.ShowRules(c.Request.Context(), to, who)
		return map[string]any{"rules": rules}, err
	})
}

// setRetention is PUT /admin/retention.
func (s *server) setRetention(c *gin.Context, call *access.Call) (*answer, error) {
	var asked struct {
		Rules purge.Rules `json:"rules"`
	}
	if err := s.membersOf(c, &asked); err != nil {
		return nil, err
	}
	return s.purging(call, http.StatusNoContent, func(p *purge.Purges, to *kept.Call, who agent.Agent) (any, error) {
		return nil, p.SetRules(c.Request.Context(), to, who, asked.Rules)
	})
}

// setHold is POST /admin/holds; without a reason the hold ends.
func (s *server) setHold(c *gin.Context, call *access.Call) (*answer, error) {
	var asked struct {
		Patient string `json:"patient"`
		Reason  string `json:"reason"`
	}
	if err := s.membersOf(c, &asked); err != nil {
		return nil, err
	}
	return s.purging(call, http.StatusNoContent, func(p *purge.Purges, to *kept.Call, who agent.Agent) (any, error) {
		return nil, p.SetHold(c.Request.Context(), to, who, asked.Patient, asked.Reason)
	})
}
