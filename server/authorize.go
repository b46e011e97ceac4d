package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/web"
)

const (
	pathAuthorize = pathPages + "authorize"
	pathConsent   = pathPages + "consent"
	pathApps      = pathPages + "apps"
)

// Apps is the authorization server as the pages use it.
type Apps interface {
	// Request checks what an app asks for. Its error is an *oauth.Refusal.
	Request(ctx context.Context, call *kept.Call, asked url.Values) (*oauth.Request, error)
	// Approve gives the app a code for what was chosen.
	Approve(ctx context.Context, call *kept.Call, q *oauth.Request, u oauth.User, chosen oauth.Choice) (redirect string, err error)
	Deny(ctx context.Context, call *kept.Call, q *oauth.Request, u oauth.User) (redirect string, err error)
	// Grants are the apps that a person has let in, and End ends one of them.
	Grants(ctx context.Context, call *kept.Call, u oauth.User) ([]oauth.Grant, error)
	End(ctx context.Context, call *kept.Call, u oauth.User, grant string) error
	// EndSession ends the access that lasts for as long as she is signed in.
	EndSession(ctx context.Context, call *kept.Call, u oauth.User) error
}

// keptCall is the call as those who keep rows beside resources know it; receipts come back
// with done.
func keptCall(call *access.Call) (to *kept.Call, done func()) {
	to = &kept.Call{Request: call.Request, Address: call.Address}
	return to, func() { call.Receipts = append(call.Receipts, to.Receipts...) }
}

// authorize is GET /ui/authorize, where an app sends a browser: what it asks for is checked
// first, then the user signs in, then she is asked. Nothing is kept meanwhile.
func (s *server) authorize(c *gin.Context, call *access.Call) (*answer, error) {
	if err := s.asStranger(c); err != nil {
		return nil, err
	}
	asked := c.Request.URL.Query()
	request, err := s.asked(c, call, asked)
	if err != nil {
		return refusedApp(err)
	}
	found, err := s.sessionOf(c)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return &answer{status: http.StatusSeeOther, location: pathSignIn + "?next=" + url.QueryEscape(pathAuthorize+"?"+asked.Encode())}, nil
	}
	return s.consentPage(c, call, &consent{request: request, asked: asked, user: &found.User})
}

// authorizePost is POST /ui/authorize. The browser brings no cookie with a form of another
// site, so the form becomes a link.
func (s *server) authorizePost(c *gin.Context, _ *access.Call) (*answer, error) {
	if err := s.asStranger(c); err != nil {
		return nil, err
	}
	body, err := s.body(c, maxPageForm, mediaForm)
	if err != nil {
		return nil, err
	}
	asked, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &fhir.Error{Kind: fhir.Malformed, Detail: "The form is not well-formed.", Err: err}
	}
	return &answer{status: http.StatusSeeOther, location: pathAuthorize + "?" + asked.Encode()}, nil
}

func (s *server) asked(c *gin.Context, call *access.Call, asked url.Values) (*oauth.Request, error) {
	if s.Apps == nil {
		return nil, absent(c.Request.URL.Path)
	}
	to, done := keptCall(call)
	defer done()
	return s.Apps.Request(c.Request.Context(), to, asked)
}

// refusedApp answers what is wrong with an app's request: to the app where that is safe,
// otherwise as a page that leads nowhere.
func refusedApp(err error) (*answer, error) {
	var r *oauth.Refusal
	switch {
	case !errors.As(err, &r):
		return nil, err
	case r.Redirect != "":
		return &answer{status: http.StatusSeeOther, location: r.Redirect}, nil
	}
	kind := fhir.Malformed
	switch r.Status {
	case http.StatusForbidden:
		kind = fhir.Forbidden
	case http.StatusServiceUnavailable:
		kind = fhir.Unavailable
	}
	return nil, &fhir.Error{Kind: kind, Detail: r.Description, Err: r.Err}
}

// decide is POST /ui/consent: the user allows, refuses, or looks for a patient. What the app
// asks for came with the form and is checked again.
func (s *server) decide(c *gin.Context, call *access.Call) (*answer, error) {
	found, form, err := s.signedForm(c)
	if err != nil {
		return nil, err
	}
	asked, err := url.ParseQuery(form.Get("request"))
	if err != nil {
		return nil, &fhir.Error{Kind: fhir.Malformed, Detail: "The form is not well-formed.", Err: err}
	}
	request, err := s.asked(c, call, asked)
	if err != nil {
		return refusedApp(err)
	}
	page := &consent{request: request, asked: asked, user: &found.User, form: form}
	switch form.Get("do") {
	case "deny":
		return s.deny(c, call, page)
	case "allow":
		return s.allow(c, call, page)
	}
	return s.consentPage(c, call, page)
}

func (s *server) deny(c *gin.Context, call *access.Call, page *consent) (*answer, error) {
	to, done := keptCall(call)
	defer done()
	redirect, err := s.Apps.Deny(c.Request.Context(), to, page.request, *page.user)
	if err != nil {
		return refusedApp(err)
	}
	return &answer{status: http.StatusSeeOther, location: redirect}, nil
}

// allow gives the app what was chosen, unless something is still to be chosen.
func (s *server) allow(c *gin.Context, call *access.Call, page *consent) (*answer, error) {
	chosen, missing, err := s.choice(c, call, page)
	if err != nil {
		return nil, err
	}
	if missing != "" {
		page.problem = missing
		return s.consentPage(c, call, page)
	}
	to, done := keptCall(call)
	defer done()
	redirect, err := s.Apps.Approve(c.Request.Context(), to, page.request, *page.user, chosen)
	if err != nil {
		return refusedApp(err)
	}
	return &answer{status: http.StatusSeeOther, location: redirect}, nil
}

// policyFor lets a page's form end where the app gets its answer: browsers hold redirects
// of forms against the policy, too.
func policyFor(redirect string) []string {
	policy := pagePolicy()[0]
	u, err := url.Parse(redirect)
	if err != nil || strings.ContainsAny(u.Host+u.Scheme, " ;,'\"") {
		return []string{policy}
	}
	source := u.Scheme + ":"
	if u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		source += "//" + u.Host
	}
	return []string{strings.Replace(policy, "form-action 'self'", "form-action 'self' "+source, 1)}
}

// placeOf names for people where a redirect leads.
func placeOf(redirect string) string {
	if u, err := url.Parse(redirect); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host
	}
	scheme, _, _ := strings.Cut(redirect, ":")
	return scheme + ":"
}

// apps is GET /ui/apps.
func (s *server) apps(c *gin.Context, call *access.Call) (*answer, error) {
	found, err := s.mustBeSignedIn(c)
	if err != nil {
		return nil, err
	}
	return s.appsPage(c, call, found, "")
}

// endApp is POST /ui/apps.
func (s *server) endApp(c *gin.Context, call *access.Call) (*answer, error) {
	found, form, err := s.signedForm(c)
	if err != nil {
		return nil, err
	}
	to, done := keptCall(call)
	err = s.Apps.End(c.Request.Context(), to, found.User, form.Get("grant"))
	done()
	if errors.Is(err, kept.ErrNotFound) {
		return nil, &fhir.Error{Kind: fhir.NotFound, Detail: "You have let no such app in, or its access has ended."}
	}
	if err != nil {
		return nil, err
	}
	return s.appsPage(c, call, found, "Its access has ended.")
}

func (s *server) appsPage(c *gin.Context, call *access.Call, found *session.Session, did string) (*answer, error) {
	if s.Apps == nil {
		return nil, absent(c.Request.URL.Path)
	}
	to, done := keptCall(call)
	grants, err := s.Apps.Grants(c.Request.Context(), to, found.User)
	done()
	if err != nil {
		return nil, err
	}
	page := web.Apps{Form: formValue(found.Secret()), Done: did}
	for i := range grants {
		page.Apps = append(page.Apps, appOf(&grants[i]))
	}
	return s.page(func(p *web.Pages) ([]byte, error) {
		page.Frame = s.frame(c, "Your apps", nil)
		return p.Apps(page)
	})
}

func appOf(g *oauth.Grant) web.App {
	a := web.App{Grant: g.Key, Name: cmp.Or(g.App, g.Client), Purpose: web.Purpose(g.Purpose), Patient: g.Context.Patient, Since: g.Began, Until: g.Expires}
	for _, text := range g.Scopes {
		if what := inWords(text); what != "" {
			a.What = append(a.What, what)
		}
	}
	return a
}
