package server

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/web"
)

// cookieWay is what a browser keeps while it is at the provider.
const cookieWay = "aceso-way"

// toProvider is GET /ui/provider: it sends the browser to where people sign in.
func (s *server) toProvider(c *gin.Context, _ *access.Call) (*answer, error) {
	p := s.SignIn.Provider
	if p == nil {
		return nil, absent(c.Request.URL.Path)
	}
	if err := s.asStranger(c); err != nil {
		return nil, err
	}
	way := session.NewWay(returnTo(c.Query("next")))
	there, err := p.URL(c.Request.Context(), way)
	if err != nil {
		return nil, unreachable(err)
	}
	s.setCookieFor(c, http.SameSiteLaxMode, cookieWay, way.Cookie(), visitLife)
	return &answer{status: http.StatusSeeOther, location: there}, nil
}

func unreachable(err error) error {
	return &fhir.Error{Kind: fhir.Unavailable, Detail: "The provider where people sign in cannot be asked now. Try again later.", Err: err}
}

// fromProvider is GET /ui/signed-in, to which the provider sends the browser back.
func (s *server) fromProvider(c *gin.Context, call *access.Call) (*answer, error) {
	p := s.SignIn.Provider
	if p == nil {
		return nil, absent(c.Request.URL.Path)
	}
	if err := s.asStranger(c); err != nil {
		return nil, err
	}
	way, ok := session.ReadWay(s.cookie(c, cookieWay))
	s.setCookieFor(c, http.SameSiteLaxMode, cookieWay, "", 0)
	if !ok {
		return nil, &fhir.Error{Kind: fhir.Unauthenticated, Detail: "This browser has not begun to sign in, or too long ago. Sign in again."}
	}
	fresh, err := p.Finish(c.Request.Context(), way, c.Request.URL.Query())
	if err != nil {
		return nil, s.refusedByProvider(c, call, fresh, err)
	}
	return s.enterSession(c, call, fresh, way.Next())
}

// refusedByProvider records that somebody did not come in, and says why as far as it helps.
func (s *server) refusedByProvider(c *gin.Context, call *access.Call, fresh session.Session, err error) error {
	reason, detail := "provider-answer", "The provider did not sign you in here. Sign in again."
	if errors.Is(err, session.ErrNoRole) {
		reason, detail = "no-role", "Your account has no role on this server. Ask those who run it."
	}
	refused := &fhir.Error{Kind: fhir.Unauthenticated, Detail: detail, Err: err}
	s.noteRefused(c, refused)
	return errors.Join(s.refusedSignIn(c, call, fresh.User.Login, reason, fresh), refused)
}

// farewell is the answer to a sign-out. Where people sign in elsewhere, it leads there:
// otherwise one click would bring the next person in as the last.
func (s *server) farewell(c *gin.Context, ended *session.Session) (*answer, error) {
	if p := s.SignIn.Provider; p != nil && ended != nil {
		if there := p.SignOutURL(c.Request.Context(), ended); there != "" {
			c.Header("Refresh", "0; url="+there) // a redirect of a form would be held against the page's policy
			return s.page(func(pages *web.Pages) ([]byte, error) {
				return pages.SignedOut(web.SignedOut{Frame: web.Frame{Title: "Signed out"}, Provider: p.Name, URL: there})
			})
		}
	}
	return &answer{status: http.StatusSeeOther, location: pathDesk}, nil
}
