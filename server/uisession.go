package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/web"
)

// Signing in with a token turns it into a cookie for a short while; the server keeps
// nothing. Before that the browser has a random cookie. Either is the key of the
// anti-forgery values in that browser's forms, which nobody can compute without it.
const (
	cookieToken = "aceso-token"
	cookieVisit = "aceso-visit"

	pathSignIn = pathPages + "sign-in"

	// visitLife bounds how long a browser keeps either cookie.
	visitLife = 15 * time.Minute
	// maxSignIn is the largest form.
	maxSignIn = 8 << 10
	// maxCookie is a size that every browser keeps, with room for the attributes.
	maxCookie = 3800
)

// signIn is POST /ui/sign-in.
func (s *server) signIn(c *gin.Context, _ *access.Call) (*answer, error) {
	form, err := s.form(c, cookieVisit)
	if err != nil {
		return nil, err
	}
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
	return &answer{status: http.StatusSeeOther, location: pathLedger}, nil
}

// signOut is POST /ui/sign-out.
func (s *server) signOut(c *gin.Context, _ *access.Call) (*answer, error) {
	if s.cookie(c, cookieToken) != "" { // or it has expired
		if _, err := s.form(c, cookieToken); err != nil {
			return nil, err
		}
	}
	s.setCookie(c, cookieToken, "", 0)
	return &answer{status: http.StatusSeeOther, location: pathLedger}, nil
}

// signInPage asks for a token. It names a problem only to those who have sent one.
func (s *server) signInPage(c *gin.Context, p *web.Pages, detail string) ([]byte, error) {
	visit := s.cookie(c, cookieVisit)
	if len(visit) != visitLength {
		visit = rand.Text()
	}
	s.setCookie(c, cookieVisit, visit, visitLife)
	page := web.SignIn{Frame: web.Frame{Title: "Sign in"}, Form: formValue(visit)}
	if c.Request.URL.Path == pathSignIn || s.cookie(c, cookieToken) != "" {
		page.Problem = detail
		s.setCookie(c, cookieToken, "", 0)
	}
	return p.SignIn(page)
}

// visitLength is that of rand.Text.
const visitLength = 26

// form reads a form and checks that it was made for the browser that holds the cookie.
func (s *server) form(c *gin.Context, cookie string) (url.Values, error) {
	body, err := s.body(c, maxSignIn, mediaForm)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &fhir.Error{Kind: fhir.Malformed, Detail: "The form is not well-formed.", Err: err}
	}
	secret := s.cookie(c, cookie)
	if secret == "" || !hmac.Equal([]byte(form.Get("form")), []byte(formValue(secret))) {
		return nil, &fhir.Error{Kind: fhir.Forbidden, Detail: "This form was not made for this browser, or too long ago. Load the page again, and allow its cookies."}
	}
	return form, nil
}

// formValue is the anti-forgery value for a browser with that cookie.
func formValue(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("aceso.form.v1"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// bearing is the request as an API client would send it with a token.
func bearing(r *http.Request, token string) *http.Request {
	with := r.WithContext(r.Context())
	with.Header = http.Header{}
	if token != "" {
		with.Header.Set("Authorization", "Bearer "+token)
	}
	return with
}

// secure says whether browsers reach the server over TLS.
func (s *server) secure(c *gin.Context) bool {
	return c.Request.TLS != nil || strings.HasPrefix(s.base, "https://")
}

// cookieName has the prefix that keeps other hosts from setting the cookie. Browsers
// accept it over TLS only.
func (s *server) cookieName(c *gin.Context, name string) string {
	if s.secure(c) {
		return "__Host-" + name
	}
	return name
}

func (s *server) cookie(c *gin.Context, name string) string {
	k, err := c.Request.Cookie(s.cookieName(c, name))
	if err != nil {
		return ""
	}
	return k.Value
}

// setCookie sets a cookie for a while, or removes it if life is not positive.
func (s *server) setCookie(c *gin.Context, name, value string, life time.Duration) {
	k := &http.Cookie{Name: s.cookieName(c, name), Value: value, Path: strings.TrimSuffix(pathPages, "/"), HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if s.secure(c) {
		k.Secure, k.Path = true, "/"
	}
	if k.MaxAge = int(life.Seconds()); k.MaxAge <= 0 {
		k.MaxAge, k.Value = -1, ""
	}
	http.SetCookie(c.Writer, k)
}
