package server

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/emergency"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/fhir/terminology"
	"github.com/aceso-health/aceso/policy/revision"
	"github.com/aceso-health/aceso/purge"
	"github.com/aceso-health/aceso/web"
)

// Config configures a server. What has no other meaning when it is zero is required.
type Config struct {
	Gate Gate
	// Authenticate says who calls, or why that is unknown (an *fhir.Error).
	Authenticate func(*http.Request) (agent.Agent, error)
	// SignIn is how people sign in with a browser, beside pasting a token.
	SignIn SignIn
	// Apps is the authorization server; nil without one.
	Apps Apps
	// OAuth is its endpoints for clients.
	OAuth Authorization
	// Labels are the rules of security labels; nil without them.
	Labels Labels
	// Purges removes data for good; nil: this server does not.
	Purges *purge.Purges
	// Emergencies declares and reviews them; nil without.
	Emergencies *emergency.Desk
	// Policies are those that are kept; nil: none are.
	Policies *revision.Service
	// BaseURL is the FHIR base that clients see, as in https://example.org/fhir.
	// The server's own paths begin with /fhir regardless.
	BaseURL string
	// Bases are all base URLs that the server has had, BaseURL first: see fhir.Below. They
	// count as its own in what it is sent; "" means BaseURL.
	Bases string
	// TrustedProxies are the networks whose Forwarded and X-Forwarded-* headers count: of who
	// sent a request, and of which of Bases its links begin with.
	TrustedProxies []netip.Prefix
	// AllowedOrigins are those whose scripts may read answers; "*" is any.
	AllowedOrigins []string
	// Issuer is the one of this server's own tokens: questions about agents assume it.
	Issuer string
	// Organization is the one whose systems are its own.
	Organization string
	// EntriesPerSecond and Burst limit each client but own systems, which have a share of
	// the requests answered at a time. 0 is no limit for anybody. A request is one entry;
	// a batch or a transaction is as many as it has.
	EntriesPerSecond float64
	Burst            int
	// Parse reads the resources that are written; nil is fhir.Parse.
	Parse fhir.Parser
	// MaxBody is the largest request body in bytes; 0 is 20 MB.
	MaxBody int64
	// Logger gets one line per request.
	Logger *slog.Logger
	// Pseudonym stands for a reference to a patient in the log.
	Pseudonym func(ref string) string
	// Ready says why the node cannot serve. /readyz shows the Detail of an
	// *fhir.Error to anybody, and nothing of other errors.
	Ready func(context.Context) error
	// Notes are lines about the node that /readyz shows when it is ready.
	Notes func(context.Context) []string
	// Anchored waits until the records of these receipts are on a ledger of several
	// organisations or ctx ends. It returns the value of AnchorHeader, "" if there is
	// no such ledger.
	Anchored func(ctx context.Context, receipts []string) string
	// Customs are the custom search parameters that there are; nil: there are none.
	Customs func(context.Context) *search.Customs
	// Registry gets the metrics of the server; /metrics shows all that it has.
	Registry *prometheus.Registry
	// Version of the software, for the CapabilityStatement.
	Version string
	// Background does work that outlives its request, until the context that it gives ends;
	// nil is a goroutine that never ends.
	Background func(work func(context.Context))
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

type server struct {
	Config
	*shared
	base      string // of links, without a final slash
	metadata  statement
	terms     func() ([]byte, error)     // the TerminologyCapabilities, too
	described func() ([]byte, error)     // as OpenAPI, built once
	pages     func() (*web.Pages, error) // for people, read once
	fixed     map[string][]string        // headers of every answer
	entries   *gin.Engine                // routes entries of batches
}

// shared is what the server has once, by whatever base URL it is asked.
type shared struct {
	limits    *limiter  // of agents
	strangers *limiter  // of addresses without an agent, apart: they must not push agents out
	busy      occupancy // of own systems
	alarms    watch
	memory    memory // of documents
	jobs      jobs
	metrics   *metrics
	packers   sync.Pool // of *gzip.Writer, which are large
}

// New is the handler of all paths.
func New(c Config) http.Handler {
	c.MaxBody = cmp.Or(c.MaxBody, 20_000_000)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Parse == nil {
		c.Parse = fhir.Parse
	}
	all := &shared{
		limits: newLimiter(c.EntriesPerSecond, c.Burst, c.Now), strangers: newLimiter(c.EntriesPerSecond, c.Burst, c.Now), metrics: newMetrics(c.Registry),
	}
	started, base := c.Now(), strings.TrimSuffix(c.BaseURL, "/")
	own := c.at(base, all, started)
	if len(c.TrustedProxies) == 0 {
		return own
	}
	p := &proxied{trusted: c.TrustedProxies, next: own, bases: map[string]http.Handler{base: own}}
	for known := range strings.FieldsSeq(c.Bases) {
		if p.bases[known] == nil {
			p.bases[known] = c.at(known, all, started)
		}
	}
	return p
}

// at is the server with a base URL for its links.
func (c Config) at(base string, all *shared, started time.Time) http.Handler {
	s := &server{Config: c, shared: all, base: base, fixed: fixed()}
	s.metadata.started = started
	s.terms = sync.OnceValues(func() ([]byte, error) {
		return terminology.Capabilities("Aceso", s.Version, s.base, started)
	})
	s.described = sync.OnceValues(s.describe)
	s.pages = sync.OnceValues(web.New)
	s.entries = s.entryEngine()
	return slashless(s.engine())
}

// slashless drops a slash at the end of a path below the FHIR base: R4 itself writes
// Patient/?identifier=x.
func slashless(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.Path; len(path) > len("/fhir/") && strings.HasPrefix(path, "/fhir/") && strings.HasSuffix(path, "/") {
			r.URL.Path, r.URL.RawPath = strings.TrimSuffix(path, "/"), strings.TrimSuffix(r.URL.RawPath, "/")
		}
		next.ServeHTTP(w, r)
	})
}

// newEngine is an empty router.
func newEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode) // or gin prints every route
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	return e
}

// engine is the router with its middleware, outermost first.
func (s *server) engine() *gin.Engine {
	e := newEngine()
	e.Use(s.identify, s.observe, s.recover, s.headers, s.cors)
	e.NoRoute(s.noRoute)
	e.NoMethod(s.noMethod)
	register(e, s.handlers)
	return e
}

// register gives the engine all routes of the table, with what handles a group of rows.
func register(e *gin.Engine, handlers func([]route) []gin.HandlerFunc) {
	groups := rows()
	for _, key := range slices.SortedFunc(maps.Keys(groups), compareRows) { // the order of methods in Allow
		method, path, group := key[0], key[1], groups[key]
		e.Handle(method, path, handlers(group)...)
		if method == http.MethodGet {
			e.Handle(http.MethodHead, path, handlers(group)...)
		}
	}
}

// HTTP is a server for the handler, with limits for slow and huge requests. The
// caller sets the address and TLS.
func HTTP(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      5 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}
