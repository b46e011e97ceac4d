package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/fhir"
)

// Signing in with a name gives the browser the cookie of a session. Signing in with a token
// turns that into a cookie for a short while; the server keeps nothing of it. Before
// either the browser has a random cookie. Each is the key of the anti-forgery values in
// that browser's forms, which nobody can compute without it.
const (
	cookieSession = "aceso-session"
	cookieToken   = "aceso-token"
	cookieVisit   = "aceso-visit"

	// visitLife bounds how long a browser keeps one of the latter two.
	visitLife = 15 * time.Minute
	// maxPageForm is the largest form. It carries what an app asked for.
	maxPageForm = 64 << 10
	// maxCookie is a size that every browser keeps, with room for the attributes.
	maxCookie = 3800
)

// visitLength is that of rand.Text.
const visitLength = 26

// form reads a form and checks that it was made for the browser that holds the secret.
func (s *server) form(c *gin.Context, secret string) (url.Values, error) {
	return s.formUpTo(c, maxPageForm, secret)
}

// formUpTo is form for one of some bytes.
func (s *server) formUpTo(c *gin.Context, most int64, secret string) (url.Values, error) {
	body, err := s.body(c, most, mediaForm)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &fhir.Error{Kind: fhir.Malformed, Detail: "The form is not well-formed.", Err: err}
	}
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

// setCookie sets a cookie for a while, or removes it if life is not positive. The browser
// sends it only if the page before was one of this server.
func (s *server) setCookie(c *gin.Context, name, value string, life time.Duration) {
	s.setCookieFor(c, http.SameSiteStrictMode, name, value, life)
}

// setCookieFor does so for a cookie that may also come with a link of another site: an app
// leads browsers here, and so does a provider that has signed somebody in.
func (s *server) setCookieFor(c *gin.Context, site http.SameSite, name, value string, life time.Duration) {
	k := &http.Cookie{Name: s.cookieName(c, name), Value: value, Path: strings.TrimSuffix(pathPages, "/"), HttpOnly: true, SameSite: site}
	if s.secure(c) {
		k.Secure, k.Path = true, "/"
	}
	if k.MaxAge = int(life.Seconds()); k.MaxAge <= 0 {
		k.MaxAge, k.Value = -1, ""
	}
	http.SetCookie(c.Writer, k)
}
