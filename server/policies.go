package server

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy/revision"
)

// pathPolicies is where the revisions of the policies are.
const pathPolicies = "/admin/policies"

// maxDraft is the largest draft, as JSON.
const maxDraft = 2 << 20

// policyRoutes are the rows of the table for the policies that are kept.
func policyRoutes() []route {
	const get, post, plain = http.MethodGet, http.MethodPost, true
	return []route{
		{get, pathPolicies, "", "", false, plain, (*server).listPolicies},
		{post, pathPolicies, "", "", false, plain, (*server).draftPolicies},
		{get, pathPolicies + "/shadow", "", "", false, plain, (*server).shadowed},
		{post, pathPolicies + "/check", "", "", false, plain, (*server).lookPolicies},
		{post, pathPolicies + "/test", "", "", false, plain, (*server).lookPolicies},
		{post, pathPolicies + "/rollback", "", "", false, plain, (*server).rollback},
		{post, pathPolicies + "/end-shadow", "", "", false, plain, (*server).endShadow},
		{post, pathPolicies + "/end-canary", "", "", false, plain, (*server).endCanary},
		{get, pathPolicies + "/:revision", "", "", false, plain, (*server).readPolicies},
		{post, pathPolicies + "/:revision/replay", "", "", false, plain, (*server).replayPolicies},
		{get, pathPolicies + "/:revision/impact", "", "", false, plain, (*server).readImpact},
		{post, pathPolicies + "/:revision/:step", "", "", false, plain, (*server).stepPolicies},
	}
}

// asOfficer does something with the policies that are kept, for the caller, and answers with
// what comes of it.
func (s *server) asOfficer(call *access.Call, status int, do func(*revision.Service, revision.By) (any, error)) (*answer, error) {
	var result any
	err := s.withPolicies(call, func(p *revision.Service, by revision.By) (err error) {
		result, err = do(p, by)
		return err
	})
	if err != nil {
		return nil, err
	}
	return jsonAnswer(status, result)
}

// withPolicies does something with the policies that are kept, with the receipts of its records.
func (s *server) withPolicies(call *access.Call, do func(*revision.Service, revision.By) error) error {
	if s.Policies == nil {
		return errors.New("server: no policies are kept")
	}
	to, done := keptCall(call)
	defer done()
	return do(s.Policies, revision.By{Call: to, Agent: call.Agent})
}

// listPolicies is GET /admin/policies.
func (s *server) listPolicies(c *gin.Context, call *access.Call) (*answer, error) {
	return s.asOfficer(call, http.StatusOK, func(p *revision.Service, by revision.By) (any, error) {
		all, active, err := p.List(c.Request.Context(), by)
		return map[string]any{"active": active, "revisions": all}, err
	})
}

// readPolicies is GET /admin/policies/[revision]: with its files.
func (s *server) readPolicies(c *gin.Context, call *access.Call) (*answer, error) {
	return s.asOfficer(call, http.StatusOK, func(p *revision.Service, by revision.By) (any, error) {
		r, files, err := p.Read(c.Request.Context(), by, c.Param("revision"))
		return map[string]any{"revision": r, "files": files}, err
	})
}

// draftPolicies is POST /admin/policies.
func (s *server) draftPolicies(c *gin.Context, call *access.Call) (*answer, error) {
	var d revision.Draft
	if err := s.jsonOf(c, maxDraft, &d); err != nil {
		return nil, err
	}
	d.Origin = "officer"
	return s.asOfficer(call, http.StatusCreated, func(p *revision.Service, by revision.By) (any, error) {
		return p.Draft(c.Request.Context(), by, d)
	})
}

// lookPolicies is POST /admin/policies/check and /test: what is wrong with a draft that is not kept.
func (s *server) lookPolicies(c *gin.Context, call *access.Call) (*answer, error) {
	var d revision.Draft
	if err := s.jsonOf(c, maxDraft, &d); err != nil {
		return nil, err
	}
	return s.asOfficer(call, http.StatusOK, func(p *revision.Service, by revision.By) (any, error) {
		return p.Look(c.Request.Context(), by, d, c.FullPath() == pathPolicies+"/test")
	})
}

// shadowed is GET /admin/policies/shadow: what the shadow decides otherwise on this node.
func (s *server) shadowed(c *gin.Context, call *access.Call) (*answer, error) {
	return s.asOfficer(call, http.StatusOK, func(p *revision.Service, by revision.By) (any, error) {
		return p.Watched(c.Request.Context(), by)
	})
}

func (s *server) rollback(c *gin.Context, call *access.Call) (*answer, error) {
	return s.asOfficer(call, http.StatusOK, func(p *revision.Service, by revision.By) (any, error) {
		return p.Rollback(c.Request.Context(), by)
	})
}

func (s *server) endShadow(c *gin.Context, call *access.Call) (*answer, error) {
	return s.asOfficer(call, http.StatusOK, func(p *revision.Service, by revision.By) (any, error) {
		return p.Shadow(c.Request.Context(), by, "")
	})
}

func (s *server) endCanary(c *gin.Context, call *access.Call) (*answer, error) {
	return s.asOfficer(call, http.StatusOK, func(p *revision.Service, by revision.By) (any, error) {
		return p.Canary(c.Request.Context(), by, "", nil)
	})
}

// stepPolicies is POST /admin/policies/[revision]/[step]; a body says more where a step
// needs it.
func (s *server) stepPolicies(c *gin.Context, call *access.Call) (*answer, error) {
	var more revision.More
	if c.Request.ContentLength != 0 {
		if err := s.jsonOf(c, maxTokenForm, &more); err != nil {
			return nil, err
		}
	}
	return s.asOfficer(call, http.StatusOK, func(p *revision.Service, by revision.By) (any, error) {
		return p.Step(c.Request.Context(), by, c.Param("step"), c.Param("revision"), more)
	})
}

// readImpact is GET /admin/policies/[revision]/impact: the report that is kept.
func (s *server) readImpact(c *gin.Context, call *access.Call) (*answer, error) {
	return s.asOfficer(call, http.StatusOK, func(p *revision.Service, by revision.By) (any, error) {
		r, report, err := p.ReadImpact(c.Request.Context(), by, c.Param("revision"))
		if err == nil && report == nil {
			err = &fhir.Error{Kind: fhir.NotFound, Detail: "The impact of this revision was not worked out."}
		}
		if err != nil {
			return nil, err
		}
		return map[string]any{"impact": r.Impact, "report": report}, nil
	})
}
