package server

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy/revision"
	"github.com/aceso-health/aceso/web"
)

// The pages of policies, which call what /admin/policies calls.
const (
	pathPolicyPages  = pathPages + "policies"
	pathPolicyNew    = pathPolicyPages + "/new"
	pathPolicyPage   = pathPolicyPages + "/:revision"
	pathPolicyImpact = pathPolicyPage + "/impact"
	pathEditor       = pathPages + "editor.js"
)

// policiesPage is GET /ui/policies: all revisions, and what is in force.
func (s *server) policiesPage(c *gin.Context, call *access.Call) (*answer, error) {
	return s.showsPolicies(c, call, nil)
}

// showsPolicies shows the list; refused is why a step was not taken.
func (s *server) showsPolicies(c *gin.Context, call *access.Call, refused *fhir.Error) (*answer, error) {
	var page web.Policies
	if err := s.withPolicies(call, func(p *revision.Service, by revision.By) error {
		all, active, err := p.List(c.Request.Context(), by)
		if err != nil {
			return err
		}
		page = s.policiesOf(all, active)
		if active.Shadow == "" {
			return nil
		}
		page.Shadow = &web.Shadow{Hash: active.Shadow}
		seen, err := p.Watched(c.Request.Context(), by)
		if err == nil && seen != nil {
			shadowLines(page.Shadow, seen)
		}
		return err
	}); err != nil {
		return nil, err
	}
	return s.refusedPage(refused, func(p *web.Pages, problem string) ([]byte, error) {
		page.Frame, page.Problem = s.frame(c, "Policies", call.Receipts), problem
		page.Form = page.SignOut
		return p.Policies(page)
	})
}

// refusedPage answers with a page, and if a step was refused with the status of that.
func (s *server) refusedPage(refused *fhir.Error, render func(*web.Pages, string) ([]byte, error)) (*answer, error) {
	problem, status := "", http.StatusOK
	if refused != nil {
		problem, status = refused.Detail, refused.Kind.Status()
	}
	a, err := s.page(func(p *web.Pages) ([]byte, error) { return render(p, problem) })
	if err != nil {
		return nil, err
	}
	a.status = status
	return a, nil
}

// inPlace is a refusal that a page says where the step was tried; others have pages of
// their own.
func inPlace(err error) *fhir.Error {
	switch e := describe(err); e.Kind {
	case fhir.Forbidden, fhir.Conflict, fhir.Unprocessable:
		return e
	}
	return nil
}

// policiesForm is POST /ui/policies: a step that is about what is in force.
func (s *server) policiesForm(c *gin.Context, call *access.Call) (*answer, error) {
	form, err := s.form(c, s.secretOf(c))
	if err != nil {
		return nil, err
	}
	ctx := c.Request.Context()
	err = s.withPolicies(call, func(p *revision.Service, by revision.By) (err error) {
		switch form.Get("step") {
		case "rollback":
			_, err = p.Rollback(ctx, by)
		case "end-shadow":
			_, err = p.Shadow(ctx, by, "")
		case "end-canary":
			_, err = p.Canary(ctx, by, "", nil)
		default:
			err = errForm
		}
		return err
	})
	switch refused := inPlace(err); {
	case err == nil:
		return &answer{status: http.StatusSeeOther, location: pathPolicyPages}, nil
	case refused != nil:
		return s.showsPolicies(c, call, refused)
	}
	return nil, err
}

// policyPage is GET /ui/policies/[revision]: with its files, compared with ?against or what
// is in force.
func (s *server) policyPage(c *gin.Context, call *access.Call) (*answer, error) {
	return s.showsPolicy(c, call, nil, "")
}

func (s *server) showsPolicy(c *gin.Context, call *access.Call, refused *fhir.Error, houses string) (*answer, error) {
	var page web.Policy
	if err := s.withPolicies(call, func(p *revision.Service, by revision.By) (err error) {
		page, err = s.policyOf(c.Request.Context(), p, by, c.Param("revision"), c.Query("against"))
		return err
	}); err != nil {
		return nil, err
	}
	return s.refusedPage(refused, func(p *web.Pages, problem string) ([]byte, error) {
		page.Frame, page.Problem, page.Houses = s.frame(c, "Revision "+page.Hash, call.Receipts), problem, houses
		page.Form = page.SignOut
		return p.Policy(page)
	})
}

// policyOf reads what the page of a revision shows.
func (s *server) policyOf(ctx context.Context, p *revision.Service, by revision.By, hash, against string) (web.Policy, error) {
	all, active, err := p.List(ctx, by)
	if err != nil {
		return web.Policy{}, err
	}
	r, files, err := p.Read(ctx, by, hash)
	if err != nil {
		return web.Policy{}, err
	}
	if against == "" {
		if against = active.InForce(s.Now()); against == hash && r.Base != "" {
			against = r.Base
		}
	}
	other := files
	if against != hash {
		if _, other, err = p.Read(ctx, by, against); err != nil {
			return web.Policy{}, err
		}
	}
	page := s.revisionOf(r, active)
	page.Against, page.Diffs = against, diffs(other, files)
	page.Files, page.Left = filesOf(files)
	linked(page.Trial, func(n, line int) string { return fmt.Sprintf("#f%d-%d", n, line) }, slices.Sorted(maps.Keys(files)))
	for i := range all {
		if all[i].Hash != hash {
			page.Others = append(page.Others, web.Named{ID: all[i].Hash, Words: all[i].Hash[:min(8, len(all[i].Hash))] + " · " + all[i].Reason})
		}
	}
	return page, nil
}

// policyForm is POST /ui/policies/[revision]: a step of its life.
func (s *server) policyForm(c *gin.Context, call *access.Call) (*answer, error) {
	form, err := s.form(c, s.secretOf(c))
	if err != nil {
		return nil, err
	}
	hash := c.Param("revision")
	err = s.withPolicies(call, func(p *revision.Service, by revision.By) error {
		_, err := p.Step(c.Request.Context(), by, form.Get("step"), hash, moreOf(form))
		return err
	})
	switch refused := inPlace(err); {
	case err == nil:
		return &answer{status: http.StatusSeeOther, location: pathPolicyPages + "/" + hash}, nil
	case refused != nil:
		return s.showsPolicy(c, call, refused, form.Get("organizations"))
	}
	return nil, err
}

// moreOf is what a form says besides the step.
func moreOf(form url.Values) revision.More {
	version, _ := strconv.ParseInt(form.Get("version"), 10, 64) // 0 of nonsense: any
	return revision.More{
		Version: version, Impact: form.Get("impact"),
		Organizations: strings.FieldsFunc(form.Get("organizations"), func(r rune) bool { return r == ',' || r == ' ' }),
	}
}
