package server

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/fhir"
)

// noteRefused counts a refused authentication, keeps what is known of the caller for the
// request's line in the log, and raises the alarm about an address that has too many. A
// browser that has not signed in yet is not refused.
func (s *server) noteRefused(c *gin.Context, err error) {
	if isPage(c) && c.Request.URL.Path != pathSignIn && !s.entered(c) {
		return
	}
	kind := "unauthenticated"
	if describe(err).Kind == fhir.Forbidden {
		kind = "forbidden"
	}
	s.metrics.refused.WithLabelValues(kind).Inc()
	exchangeOf(c).refused = s.known(err)
	if s.alarms.note(network(c.Request), s.Now()) {
		s.metrics.alarms.Inc()
		s.Logger.Error("ALARM: more than 100 authentications of one address were refused within a minute", "address", address(c.Request))
	}
}

// known is why a caller was refused, and who it is: by a token that its issuer signed, or
// by what anybody may have written. Nothing of the token itself is kept, and of patients a
// pseudonym.
func (s *server) known(err error) []slog.Attr {
	attrs := []slog.Attr{slog.String("refused", describe(err).Detail)}
	var r *auth.Refused
	if !errors.As(err, &r) {
		return attrs
	}
	prefix := "unverified_"
	if r.Verified {
		prefix = ""
	}
	subject := r.Subject
	if strings.Contains(subject, "Patient/") {
		subject = s.Pseudonym(subject)
	}
	return append(attrs, slog.String(prefix+"issuer", short(r.Issuer)), slog.String(prefix+"subject", short(subject)), slog.String(prefix+"client", short(r.Client)))
}

// short bounds what a stranger can write into the log.
func short(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// network is the address of a client as far as one client has one: of IPv6 the first 64
// bits, which a client commands all together.
func network(r *http.Request) string {
	a, err := netip.ParseAddr(address(r))
	if err != nil || a.Unmap().Is4() {
		return address(r)
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return address(r)
	}
	return p.String()
}

// mostRefused is how many refused authentications an address may have within a minute.
const mostRefused = 100

// watch counts refused authentications by recent address.
type watch struct {
	mu        sync.Mutex
	addresses recent[refusals]
}

// refusals are those of an address since the first of a minute.
type refusals struct {
	since time.Time
	count int
}

// note counts one and says whether it is the one that raises the alarm: once for each
// minute in which there are too many.
func (w *watch) note(address string, now time.Time) (alarm bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.addresses.of(address, func() *refusals { return &refusals{since: now} })
	if now.Sub(r.since) >= time.Minute {
		*r = refusals{since: now}
	}
	r.count++
	return r.count == mostRefused+1
}
