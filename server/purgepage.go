package server

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/purge"
	"github.com/aceso-health/aceso/web"
)

// The pages of removals, which call what /admin/purges calls.
const (
	pathPurges = pathPages + "purges"
	pathPurge  = pathPurges + "/:id"
)

// purgesPage is GET /ui/purges.
func (s *server) purgesPage(c *gin.Context, call *access.Call) (*answer, error) {
	page := web.Purges{Of: c.Query("of"), Within: purge.MostReason}
	if err := s.withPurges(call, func(p *purge.Purges, to *kept.Call) error {
		all, err := p.List(c.Request.Context(), to, call.Agent)
		for _, u := range all {
			page.All = append(page.All, purgeRow(u))
		}
		return err
	}); err != nil {
		return nil, err
	}
	return s.page(func(p *web.Pages) ([]byte, error) {
		page.Frame = s.frame(c, "Removal for good", call.Receipts)
		page.Form = page.SignOut
		return p.Purges(page)
	})
}

// withPurges calls what /admin/purges calls, with the receipts of its records.
func (s *server) withPurges(call *access.Call, do func(*purge.Purges, *kept.Call) error) error {
	if s.Purges == nil {
		return &fhir.Error{Kind: fhir.NotFound, Detail: "This server removes nothing for good."}
	}
	to, done := keptCall(call)
	defer done()
	return do(s.Purges, to)
}

// purgePage is GET /ui/purges/[id].
func (s *server) purgePage(c *gin.Context, call *access.Call) (*answer, error) {
	var u *purge.Purge
	err := s.withPurges(call, func(p *purge.Purges, to *kept.Call) (err error) {
		u, err = p.Get(c.Request.Context(), to, call.Agent, c.Param("id"))
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.showsPurge(c, call, u)
}

func (s *server) showsPurge(c *gin.Context, call *access.Call, u *purge.Purge) (*answer, error) {
	page := web.Purge{
		PurgeRow: purgeRow(u), Approver: cmp.Or(u.Approver.Name, u.Approver.Subject), Approved: u.Approved, Ended: u.Ended, Problem: u.Problem, Digest: u.Preview.Digest,
		Waits: u.State == purge.Asked, Drops: u.State == purge.Asked || u.State == purge.Looking || u.State == purge.Approved, Certificate: u.Certificate != "",
		Shared: purgeLines(u.Preview.Shared), Kept: purgeLines(u.Preview.Kept), Mentions: purgeLines(u.Preview.Mentions),
		Beyond: u.Preview.Beyond, Looked: u.Preview.Looked, Gone: u.Gone.Versions,
	}
	if r := u.Records; r != nil {
		page.Records = &web.NamedRecords{Keys: r.Keys, Changes: r.Changes, Accesses: r.Accesses}
	}
	for _, typ := range slices.Sorted(maps.Keys(u.Preview.Types)) {
		page.Types = append(page.Types, web.PurgeType{Type: typ, N: u.Preview.Types[typ]})
	}
	return s.page(func(p *web.Pages) ([]byte, error) {
		page.Frame = s.frame(c, "Removal for good", call.Receipts)
		page.Form = page.SignOut
		return p.Purge(page)
	})
}

func purgeRow(u *purge.Purge) web.PurgeRow {
	tones := map[string]web.Tone{purge.Asked: web.Warn, purge.Done: web.Good, purge.Removing: web.Warn, purge.Approved: web.Warn}
	return web.PurgeRow{
		ID: u.ID, Of: cmp.Or(u.Only, u.Patient, "an erased patient"), Erases: u.Records != nil, Reason: u.Reason, State: u.State, Tone: cmp.Or(tones[u.State], web.Plain), By: cmp.Or(u.By.Name, u.By.Subject),
		Asked: u.Asked, Versions: u.Preview.Versions,
	}
}

func purgeLines(all []purge.Line) (lines []web.PurgeLine) {
	for _, l := range all {
		lines = append(lines, web.PurgeLine{Ref: l.Ref, Why: l.Why, Goes: l.Goes})
	}
	return lines
}

// askPurgePage is POST /ui/purges.
func (s *server) askPurgePage(c *gin.Context, call *access.Call) (*answer, error) {
	return s.purgeStep(c, call, func(p *purge.Purges, to *kept.Call, form url.Values) (*purge.Purge, error) {
		ask := p.Ask
		if form.Get("step") == "erase" {
			ask = p.AskRecords
		}
		return ask(c.Request.Context(), to, call.Agent, form.Get("of"), form.Get("reason"))
	})
}

// purgeStepPage is POST /ui/purges/[id].
func (s *server) purgeStepPage(c *gin.Context, call *access.Call) (*answer, error) {
	ctx, id := c.Request.Context(), c.Param("id")
	return s.purgeStep(c, call, func(p *purge.Purges, to *kept.Call, form url.Values) (*purge.Purge, error) {
		switch form.Get("step") {
		case "decide":
			return p.Decide(ctx, to, call.Agent, id, form["goes"])
		case "approve":
			return p.Approve(ctx, to, call.Agent, id, form.Get("digest"))
		case "drop":
			return p.Drop(ctx, to, call.Agent, id)
		}
		return nil, &fhir.Error{Kind: fhir.Malformed, Detail: "The form is not well-formed."}
	})
}

// purgeStep takes a step that a form of this browser asks for, and leads to its page.
func (s *server) purgeStep(c *gin.Context, call *access.Call, do func(*purge.Purges, *kept.Call, url.Values) (*purge.Purge, error)) (*answer, error) {
	form, err := s.form(c, s.secretOf(c))
	if err != nil {
		return nil, err
	}
	var u *purge.Purge
	err = s.withPurges(call, func(p *purge.Purges, to *kept.Call) (err error) {
		u, err = do(p, to, form)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusSeeOther, location: pathPurges + "/" + u.ID}, nil
}
