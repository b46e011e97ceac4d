package server

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/fhir"
)

// SignIn is how people sign in with a browser. Zero means that they paste a token.
type SignIn struct {
	Sessions *session.Sessions
	Users    *session.Users    // local ones
	Provider *session.Provider // nil without one
	// Token is one with which a request of somebody who is signed in is answered. It never
	// leaves the server.
	Token func(u oauth.User, purpose string) (string, error)
}

// sessionOf is the session of the browser, nil if it has none.
func (s *server) sessionOf(c *gin.Context) (*session.Session, error) {
	x := exchangeOf(c)
	cookie := s.cookie(c, cookieSession)
	if x.session != nil || cookie == "" || s.SignIn.Sessions == nil {
		return x.session, nil
	}
	found, err := s.SignIn.Sessions.Of(c.Request.Context(), cookie)
	if errors.Is(err, session.ErrEnded) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if found.Cookie != "" {
		s.keepSession(c, found)
	}
	x.session = found
	return found, nil
}

// keepSession gives the browser the cookie of its session. An app leads browsers here by
// links and forms of its own, so the cookie comes with those, too; what a form does is
// held by its anti-forgery value.
func (s *server) keepSession(c *gin.Context, found *session.Session) {
	s.setCookieFor(c, http.SameSiteLaxMode, cookieSession, found.Cookie, found.Ends.Sub(s.Now()))
}

// secretOf is the key of the anti-forgery values of a browser that is signed in.
func (s *server) secretOf(c *gin.Context) string {
	if x := exchangeOf(c); x.session != nil {
		return x.session.Secret()
	}
	return s.cookie(c, cookieToken)
}

// entered says that the browser has shown that it was signed in.
func (s *server) entered(c *gin.Context) bool {
	return s.cookie(c, cookieToken) != "" || s.cookie(c, cookieSession) != ""
}

// pageToken is the token of a request for a page: made for the session, or the pasted one.
func (s *server) pageToken(c *gin.Context) (string, error) {
	found, err := s.sessionOf(c)
	if err != nil || found == nil {
		return s.cookie(c, cookieToken), err
	}
	return s.SignIn.Token(found.User, purposeOf(&found.User))
}

// purposeOf is what somebody looks at the pages for: the office looks at its records in
// order to operate.
func purposeOf(u *oauth.User) string {
	office := u.Role == agent.PrivacyOfficer || u.Role == agent.Administrator
	for _, p := range u.Purposes {
		if office && agent.PurposeFamily(p) == "operations" {
			return p
		}
	}
	if len(u.Purposes) == 0 {
		return ""
	}
	return u.Purposes[0]
}

// returnsTo says whether a browser may go to a path after signing in: to the pages of the
// table that need somebody, and nowhere else. A link to the sign-in page must not lead
// elsewhere.
func returnsTo(clean string) bool {
	return slices.ContainsFunc(pageRoutes(), func(r route) bool {
		return r.method == http.MethodGet && r.path != pathBundle && (!r.open || r.path == pathApps || r.path == pathAuthorize) && fitsPath(r.path, clean)
	})
}

// fitsPath says whether a path is one of a row of the table, segment by segment.
func fitsPath(row, of string) bool {
	want, got := strings.Split(row, "/"), strings.Split(of, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && !(strings.HasPrefix(want[i], ":") && got[i] != "") {
			return false
		}
	}
	return true
}

// returnTo is a path of one of these pages, with its query.
func returnTo(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || len(next) > maxPageForm || strings.ContainsAny(next, "\\\r\n") {
		return pathDesk
	}
	if path.Clean(u.Path) != u.Path || !returnsTo(u.Path) {
		return pathDesk
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}

// here is the page that was asked for, to return to; of a sign-in that was refused, where
// it leads.
func here(c *gin.Context) string {
	if c.Request.Method != http.MethodGet {
		return returnTo(exchangeOf(c).next)
	}
	return returnTo(c.Request.URL.RequestURI())
}

// signedOut refuses what needs a session.
func signedOut() error {
	return &fhir.Error{Kind: fhir.Unauthenticated, Detail: "Sign in to see this page."}
}

// mustBeSignedIn is the session of the browser, or the error that shows the sign-in form.
func (s *server) mustBeSignedIn(c *gin.Context) (*session.Session, error) {
	found, err := s.sessionOf(c)
	if err == nil && found == nil {
		err = signedOut()
	}
	return found, err
}

// signedForm is the session of the browser, and the form that was made for it.
func (s *server) signedForm(c *gin.Context) (*session.Session, url.Values, error) {
	found, err := s.mustBeSignedIn(c)
	if err != nil {
		return nil, nil, err
	}
	form, err := s.form(c, found.Secret())
	return found, form, err
}
