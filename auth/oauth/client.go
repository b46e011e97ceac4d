package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/jwks"
	"github.com/aceso-health/aceso/kept"
)

// The grant types.
const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
	grantBackend = "client_credentials"
)

// GrantTypes are those that this server knows.
func GrantTypes() []string { return []string{grantCode, grantBackend, grantRefresh} }

// Bounds of a registration.
const (
	mostRedirects = 20
	longestURL    = 2000
	longestName   = 200
)

// Check says what is wrong with a client.
func (s *Server) checkClient(c *Client) error {
	if c.ID == "" || len(c.ID) > 100 || strings.ContainsFunc(c.ID, notPlain) {
		return errors.New("a client's id has 1 to 100 characters, letters, digits and -._")
	}
	if len(c.Name) > longestName || len(c.Contact) > longestName || strings.ContainsFunc(c.Name+c.Contact, notShown) {
		return fmt.Errorf("a name or contact has at most %d bytes, and no characters that are not seen or turn the direction of others", longestName)
	}
	if c.Kind != Public && c.Kind != Symmetric && c.Kind != Asymmetric {
		return errors.New("a client is public, symmetric or asymmetric")
	}
	for _, g := range c.Grants {
		if !slices.Contains(GrantTypes(), g) {
			return fmt.Errorf("unknown grant type %q", g)
		}
	}
	if len(c.Grants) == 0 || len(c.Purposes) == 0 {
		return errors.New("a client needs grant types and purposes of use")
	}
	if _, err := s.parseScopes(strings.Join(c.Scopes, " ")); err != nil {
		return err
	}
	return errors.Join(c.checkRedirects(), c.checkKeys(s.Keys != nil), c.checkBackend(), c.checkLinks())
}

// notShown are characters by which a name could pose as something else on the consent page.
func notShown(r rune) bool { return !unicode.IsPrint(r) }

func notPlain(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._", r))
}

func (c *Client) checkRedirects() error {
	if slices.Contains(c.Grants, grantCode) != (len(c.Redirects) > 0) || len(c.Redirects) > mostRedirects {
		return fmt.Errorf("a client of authorization_code has 1 to %d redirect URIs, others none", mostRedirects)
	}
	for _, r := range c.Redirects {
		if err := checkRedirect(r); err != nil {
			return fmt.Errorf("redirect URI %q: %w", r, err)
		}
	}
	return nil
}

// checkRedirect accepts https, http on this machine (RFC 8252, 7.3), and private-use
// schemes of native apps, which have a dot in them (RFC 8252, 7.1).
func checkRedirect(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > longestURL || u.Opaque != "" || !u.IsAbs():
		return errors.New("not an absolute URL")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return errors.New("has a fragment")
	case u.User != nil:
		return errors.New("names a user")
	case u.Scheme == "https" && u.Hostname() != "", u.Scheme == "http" && loopback(u.Hostname()), strings.Contains(u.Scheme, "."):
		return nil
	}
	return errors.New("is neither https, nor http on this machine, nor a scheme with a dot")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *Client) checkKeys(published bool) error {
	has := len(c.JWKS) > 0
	switch {
	case c.Kind != Asymmetric && (has || c.JWKSURI != ""):
		return errors.New("only an asymmetric client has keys")
	case c.Private && c.JWKSURI == "":
		return errors.New("private addresses are for keys that are fetched: allow_private needs a jwks_uri")
	case c.Kind != Symmetric && c.Secret != "":
		return errors.New("only a symmetric client has a secret")
	case c.Kind == Symmetric && c.Secret == "":
		return errors.New("a symmetric client needs a secret")
	case c.Kind != Asymmetric:
		return nil
	case has == (c.JWKSURI != ""):
		return errors.New("an asymmetric client has either a jwks or a jwks_uri")
	case c.JWKSURI != "" && !published:
		return errors.New("this node fetches no key sets: give the jwks itself")
	case has:
		_, err := jwks.Parse(c.JWKS)
		return err
	}
	return checkLink(c.JWKSURI)
}

func (c *Client) checkBackend() error {
	backend := slices.Contains(c.Grants, grantBackend)
	switch {
	case !backend && (c.Role != "" || c.Organization != ""):
		return errors.New("only a client of client_credentials has a role and an organisation")
	case !backend:
		return nil
	case c.Kind != Asymmetric:
		return errors.New("a client of client_credentials is asymmetric")
	case c.Role != agent.System || c.Organization == "" || len(c.Purposes) != 1:
		return errors.New("a client of client_credentials has the role system, an organisation and one purpose of use")
	}
	return nil
}

func (c *Client) checkLinks() error {
	for _, link := range []string{c.Launch, c.Logo} {
		if link == "" {
			continue
		}
		if err := checkLink(link); err != nil {
			return err
		}
	}
	return nil
}

func checkLink(text string) error {
	u, err := url.Parse(text)
	if err != nil || len(text) > longestURL || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return fmt.Errorf("%q is no https URL", text)
	}
	return nil
}

// may says whether the client is registered for a grant type.
func (c *Client) may(grant string) bool { return slices.Contains(c.Grants, grant) }

// Client is one that is registered, or ErrNotFound.
func (s *Server) Client(ctx context.Context, id string) (Client, error) {
	var c Client
	if id == "" || len(id) > 100 || strings.ContainsFunc(id, notPlain) {
		return c, kept.ErrNotFound
	}
	version, err := read(ctx, s, spaceClient, id, &c)
	c.version = version
	return c, err
}

// Clients are all, in the order of ids. It is not recorded: see ReadClients.
func (s *Server) clients(ctx context.Context) (all []Client, err error) {
	err = kept.Each(ctx, s.Keeper, spaceClient, func(r kept.Row) error {
		var c Client
		if err := json.Unmarshal(r.Value, &c); err != nil {
			return fmt.Errorf("a client cannot be read: %w", err)
		}
		c.version = r.Version
		all = append(all, c)
		return nil
	})
	return all, err
}

// Clients lists the clients for somebody, which is decided and recorded.
func (s *Server) Clients(ctx context.Context, call *kept.Call, who agent.Agent) ([]Client, error) {
	if err := s.Keeper.Commit(ctx, call, kept.Event{Interaction: "client-read", Agent: who}); err != nil {
		return nil, err
	}
	return s.clients(ctx)
}

// ErrExists says that there is such a client.
var ErrExists = errors.New("oauth: there is a client with this id")

// AddClient registers a client. The secret of a symmetric one is made here, and told once.
func (s *Server) AddClient(ctx context.Context, call *kept.Call, who agent.Agent, c Client) (secretText string, err error) {
	secretText, r, err := s.newClient(&c)
	if err != nil {
		return "", err
	}
	e := kept.Event{Interaction: "client-write", Agent: who, Detail: detail("client", c.ID, "change", "add", "scope", strings.Join(c.Scopes, " "), "purpose", strings.Join(c.Purposes, " "))}
	err = s.Keeper.Commit(ctx, call, e, r)
	if errors.Is(err, kept.ErrChanged) {
		err = ErrExists
	}
	s.origins.forget()
	return secretText, err
}

// newClient checks a client that is to be registered, and makes its secret and its row.
func (s *Server) newClient(c *Client) (secretText string, r kept.Row, err error) {
	c.Secret = ""
	if c.Kind == Symmetric {
		secretText, c.Secret = secret()
	}
	c.Created = s.Now().UTC().Truncate(time.Second)
	if err := s.checkClient(c); err != nil {
		return "", r, err
	}
	r, err = row(spaceClient, c.ID, c, 0, time.Time{})
	return secretText, r, err
}

// DisableClient ends all that a client was given, and gives it nothing until it is enabled.
func (s *Server) DisableClient(ctx context.Context, call *kept.Call, who agent.Agent, id string, disabled bool) error {
	c, err := s.Client(ctx, id)
	if err != nil {
		return err
	}
	change := "enable"
	if c.Disabled = disabled; disabled {
		change = "disable"
	}
	r, err := row(spaceClient, id, c, c.version, time.Time{})
	if err != nil {
		return err
	}
	return s.writeClient(ctx, call, who, change, r)
}

// RemoveClient removes a client and ends all that it was given.
func (s *Server) RemoveClient(ctx context.Context, call *kept.Call, who agent.Agent, id string) error {
	c, err := s.Client(ctx, id)
	if err != nil {
		return err
	}
	if c.Disabled { // what ends it may have been interrupted: no grant outlives its client
		if err := s.endAll(ctx, call, who, func(g *Grant) bool { return g.Client == id }); err != nil {
			return err
		}
	} else if err := s.DisableClient(ctx, call, who, id, true); err != nil {
		return err
	}
	if c, err = s.Client(ctx, id); err != nil {
		return err
	}
	return s.writeClient(ctx, call, who, "remove", gone(spaceClient, id, c.version))
}

func (s *Server) writeClient(ctx context.Context, call *kept.Call, who agent.Agent, change string, r kept.Row) error {
	err := s.Keeper.Commit(ctx, call, kept.Event{Interaction: "client-write", Agent: who, Detail: detail("client", r.Key, "change", change)}, r)
	s.origins.forget()
	if err != nil || change == "enable" {
		return err
	}
	return s.endAll(ctx, call, who, func(g *Grant) bool { return g.Client == r.Key })
}

// origins are those from which scripts of registered apps ask for tokens.
type origins struct {
	mu    sync.Mutex
	known map[string]bool
	until time.Time
}

func (o *origins) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known = nil
}

// originsLife is how long the list counts on other nodes than the one where a client changed.
// Nothing but what browsers let scripts read depends on it.
const originsLife = 10 * time.Second

// FromApp says whether an origin is that of a redirect URI of a registered client.
func (s *Server) FromApp(ctx context.Context, origin string) bool {
	o := &s.origins
	o.mu.Lock()
	known, fresh := o.known, s.Now().Before(o.until)
	o.mu.Unlock()
	if known != nil && fresh {
		return known[origin]
	}
	all, err := s.clients(ctx)
	if err != nil {
		return false
	}
	known = map[string]bool{}
	for _, c := range all {
		for _, r := range c.Redirects {
			if u, err := url.Parse(r); err == nil && !c.Disabled {
				known[u.Scheme+"://"+u.Host] = true
			}
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known, o.until = known, s.Now().Add(originsLife)
	return known[origin]
}

// detail is what an event is about, as a query: pairs of names and values. Long values are
// cut: some come from strangers.
func detail(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if value := pairs[i+1]; value != "" {
			v.Set(pairs[i], strings.ToValidUTF8(value[:min(len(value), 1000)], ""))
		}
	}
	return v.Encode()
}
