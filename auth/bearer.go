package auth

import (
	"net/http"
	"net/url"
	"strings"
)

// maxToken limits what is parsed before the sender is known.
const maxToken = 16 << 10

// bearer takes the token from the one Authorization header.
func bearer(r *http.Request) (string, error) {
	if tokenInQuery(r.URL) {
		return "", unauthenticated("A token in the URL is refused because URLs are logged; send it in the Authorization header.", nil)
	}
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return "", unauthenticated("This server needs a bearer token in the Authorization header.", nil)
	}
	if len(headers) > 1 {
		return "", unauthenticated("Send exactly one Authorization header.", nil)
	}
	if len(headers[0]) > maxToken {
		return "", unauthenticated("The token is longer than 16 KB.", nil)
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " ,\t") {
		return "", unauthenticated("The Authorization header must be the word Bearer and one token.", nil)
	}
	return token, nil
}

func tokenInQuery(u *url.URL) bool {
	if !strings.Contains(u.RawQuery, "token") {
		return false
	}
	return u.Query().Has("access_token")
}

func trimSlash(s string) string { return strings.TrimRight(s, "/") }
