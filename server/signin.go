package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/web"
)

const (
	pathSignIn   = pathPages + "sign-in"
	pathSignOut  = pathPages + "sign-out"
	pathProvider = pathPages + "provider"
	pathReturn   = pathPages + "signed-in"
)

// signInForm is GET /ui/sign-in.
func (s *server) signInForm(c *gin.Context, _ *access.Call) (*answer, error) {
	if err := s.asStranger(c); err != nil {
		return nil, err
	}
	return s.page(func(p *web.Pages) ([]byte, error) { return s.signInPage(c, p, returnTo(c.Query("next")), "") })
}

// signIn is POST /ui/sign-in: with a name and a password, or with a token.
func (s *server) signIn(c *gin.Context, call *access.Call) (*answer, error) {
	form, err := s.form(c, s.cookie(c, cookieVisit))
	if err != nil {
		return nil, err
	}
	exchangeOf(c).next = form.Get("next")
	if form.Has("login") && s.SignIn.Users != nil {
		return s.signInByName(c, call, form)
	}
	return s.signInByToken(c, form)
}

func (s *server) signInByToken(c *gin.Context, form url.Values) (*answer, error) {
	token := strings.TrimSpace(form.Get("token"))
	if len(token) > maxCookie {
		return nil, &fhir.Error{Kind: fhir.TooLarge, Detail: "The token is too long for a cookie, which takes " + strconv.Itoa(maxCookie) + " bytes. Request one with fewer scopes."}
	}
	leave, err := s.admit(c, bearing(c.Request, token))
	if err != nil {
		return nil, err
	}
	defer leave()
	life := visitLife
	if caller, ok := callerOf(c); ok && !caller.Expires.IsZero() {
		life = min(life, caller.Expires.Sub(s.Now()))
	}
	s.setCookie(c, cookieToken, token, life)
	s.setCookie(c, cookieVisit, "", 0)
	s.setCookie(c, cookieSession, "", 0)
	return &answer{status: http.StatusSeeOther, location: returnTo(form.Get("next"))}, nil
}

// signInByName checks a password and begins a session. A refusal is recorded with the name
// that was claimed, and answers the same whether there is such a user or not.
func (s *server) signInByName(c *gin.Context, call *access.Call, form url.Values) (*answer, error) {
	if err := s.asStranger(c); err != nil {
		return nil, err
	}
	name := form.Get("login")
	fresh, err := s.SignIn.Users.Check(c.Request.Context(), name, form.Get("password"), network(c.Request))
	var wait *session.WaitError
	switch {
	case errors.As(err, &wait):
		return nil, s.throttled(c, "sign-in", wait.Wait, tooManyWrong(wait.Wait))
	case errors.Is(err, session.ErrWrong):
		return nil, s.wrongPassword(c, call, name, fresh)
	case err != nil:
		return nil, err
	}
	a, err := s.enterSession(c, call, fresh, form.Get("next"))
	if errors.Is(err, session.ErrWrong) {
		return nil, s.wrongPassword(c, call, name, fresh)
	}
	return a, err
}

// wrongPassword refuses somebody whose name or password is wrong, or was changed meanwhile.
func (s *server) wrongPassword(c *gin.Context, call *access.Call, name string, tried session.Session) error {
	wrong := &fhir.Error{Kind: fhir.Unauthenticated, Detail: "The name or the password is wrong."}
	s.noteRefused(c, wrong)
	return errors.Join(s.refusedSignIn(c, call, name, "wrong-password", tried), wrong)
}

// refusedSignIn records that somebody did not come in.
func (s *server) refusedSignIn(c *gin.Context, call *access.Call, name, reason string, tried session.Session) error {
	to, done := keptCall(call)
	defer done()
	return s.SignIn.Sessions.Refused(c.Request.Context(), to, claimed(name), reason, tried)
}

// claimed is as much of what somebody typed as a name may have.
func claimed(name string) string { return short(strings.ToValidUTF8(name, "")) }

func tooManyWrong(wait time.Duration) string {
	return fmt.Sprintf("There were too many wrong passwords for this name or from this address. Wait %d seconds, then try again.", int(math.Ceil(wait.Seconds())))
}

// enterSession begins the session of somebody who has signed in, and leads on.
func (s *server) enterSession(c *gin.Context, call *access.Call, fresh session.Session, next string) (*answer, error) {
	to, done := keptCall(call)
	defer done()
	ctx, before := c.Request.Context(), s.cookie(c, cookieSession)
	if old, err := s.SignIn.Sessions.Of(ctx, before); err == nil && s.Apps != nil { // it ends, and what lasts no longer than it
		if err := s.Apps.EndSession(ctx, to, old.User); err != nil {
			return nil, err
		}
	}
	begun, err := s.SignIn.Sessions.Start(ctx, to, before, fresh)
	if err != nil {
		return nil, err
	}
	s.keepSession(c, begun)
	s.setCookie(c, cookieVisit, "", 0)
	s.setCookie(c, cookieToken, "", 0)
	return &answer{status: http.StatusSeeOther, location: returnTo(next)}, nil
}

// signOut is POST /ui/sign-out.
func (s *server) signOut(c *gin.Context, call *access.Call) (*answer, error) {
	found, err := s.sessionOf(c)
	if err != nil {
		return nil, err
	}
	if secret := s.secretOf(c); secret != "" { // or it has expired
		if _, err := s.form(c, secret); err != nil {
			return nil, err
		}
	}
	if found != nil {
		if err := s.endSession(c, call, found); err != nil {
			return nil, err
		}
	}
	s.setCookie(c, cookieToken, "", 0)
	s.setCookie(c, cookieSession, "", 0)
	exchangeOf(c).session = nil
	return s.farewell(c, found)
}

// endSession ends a session, and the access of apps that lasts no longer than it.
func (s *server) endSession(c *gin.Context, call *access.Call, found *session.Session) error {
	to, done := keptCall(call)
	defer done()
	if s.Apps != nil {
		if err := s.Apps.EndSession(c.Request.Context(), to, found.User); err != nil {
			return err
		}
	}
	return s.SignIn.Sessions.End(c.Request.Context(), to, found)
}

// signInPage asks for a name or a token. It names a problem only to those who have sent one.
func (s *server) signInPage(c *gin.Context, p *web.Pages, next, detail string) ([]byte, error) {
	visit := s.cookie(c, cookieVisit)
	if len(visit) != visitLength {
		visit = rand.Text()
	}
	s.setCookie(c, cookieVisit, visit, visitLife)
	page := web.SignIn{Frame: web.Frame{Title: "Sign in"}, Form: formValue(visit), Next: next}
	if detail != "" && (c.Request.URL.Path == pathSignIn || c.Request.URL.Path == pathReturn || s.entered(c)) {
		page.Problem = detail
		s.setCookie(c, cookieToken, "", 0)
		s.setCookie(c, cookieSession, "", 0)
	}
	if s.SignIn.Provider != nil {
		page.Provider, page.ProviderURL = s.SignIn.Provider.Name, pathProvider+"?next="+url.QueryEscape(next)
	}
	if s.SignIn.Users != nil {
		var err error
		if page.Names, err = s.SignIn.Users.Any(c.Request.Context()); err != nil {
			return nil, err
		}
	}
	return p.SignIn(page)
}
