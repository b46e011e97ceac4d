package server_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/server"
)

// Of what is forwarded counts what trusted proxies wrote: the address of who sent it, and the
// base of links if it is one that this server has or had.
func TestForwardedHeadersCountFromTrustedProxies(t *testing.T) {
	const other = "https://other.example/ehr/fhir"
	trusting := func(c *server.Config) {
		c.TrustedProxies, c.Bases = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}, base+" "+other
	}
	for _, c := range []struct {
		name   string
		header []string
		base   string
	}{
		{"nothing", nil, base},
		{"a known base", []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "other.example"}, other},
		{"and its path", []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "other.example", "X-Forwarded-Prefix", "/ehr"}, other},
		{"another path", []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "other.example", "X-Forwarded-Prefix", "/x"}, base},
		{"another scheme", []string{"X-Forwarded-Proto", "http", "X-Forwarded-Host", "other.example"}, base},
		{"an unknown base", []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example"}, base},
		{"Forwarded", []string{"Forwarded", `for="[2001:db8::1]:5000";proto=https;host=other.example`}, other},
		{"Forwarded by two proxies", []string{"Forwarded", `for=192.0.2.1;proto=https;host=other.example, for=10.1.1.1;host=internal`}, other},
		{"what the client claims", []string{"Forwarded", `for=192.0.2.9;proto=https;host=other.example, for=192.0.2.1`}, base},
		{"nonsense", []string{"Forwarded", `;;=,"`, "X-Forwarded-Host", "other.example"}, base},
	} {
		n := start(t, trusting)
		n.result = access.Result{Total: -1, Self: "name=x", Next: "token", Matches: []access.Version{*n.version(fhir.Ref{Type: "Patient", ID: "1"}, 1)}}
		a := n.get("/fhir/Patient?name=x", c.header...).want(200)
		if !strings.Contains(a.body, `"`+c.base+`/Patient?name=x"`) || !strings.Contains(a.body, `"`+c.base+`/Patient?_page=token"`) {
			t.Errorf("%s: %s", c.name, a.body)
		}
		n.get("/fhir/Patient?_page=token").want(200)
	}
	n := start(t, func(c *server.Config) { trusting(c); c.TrustedProxies = c.TrustedProxies[1:] })
	if a := n.get("/fhir/metadata", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "other.example"); strings.Contains(a.body, other) {
		t.Error("a stranger's header counts")
	}
}

// Whoever forwards a request is not who sent it: records and alarms have the client's address.
func TestForwardedRequestsHaveTheClientsAddress(t *testing.T) {
	for want, header := range map[string][]string{
		"192.0.2.7":   {"X-Forwarded-For", "203.0.113.1, 192.0.2.7, 10.0.0.1"},
		"2001:db8::1": {"Forwarded", `for=10.9.9.9, for="[2001:db8::1]:77"`},
		"127.0.0.1":   {"X-Forwarded-For", "unknown"},
	} {
		n := start(t, func(c *server.Config) {
			c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
		})
		n.get("/fhir/Patient/1", header...).want(200)
		n.mu.Lock()
		if n.address != want {
			t.Errorf("%v: %s, want %s", header, n.address, want)
		}
		n.mu.Unlock()
	}
}
