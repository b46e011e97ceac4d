package server

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// proxied is what trusted proxies say of a request: who sent it, and by which address of this
// server. Anybody can send these headers, so they count only as far as trusted proxies have
// written them, and an address only if it is one that this server has or had.
type proxied struct {
	trusted []netip.Prefix
	bases   map[string]http.Handler // by base URL
	next    http.Handler            // of requests that say nothing of use
}

// ServeHTTP hands the request to the handler for the base that the client sees.
func (p *proxied) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hops := p.hops(r)
	if hops == nil {
		p.next.ServeHTTP(w, r)
		return
	}
	r = r.Clone(r.Context())
	outermost := hops[0]
	if outermost.client != "" {
		r.RemoteAddr = net.JoinHostPort(outermost.client, "0")
	}
	if h := p.bases[p.base(outermost)]; h != nil {
		h.ServeHTTP(w, r)
		return
	}
	p.next.ServeHTTP(w, r)
}

// hop is what one proxy says.
type hop struct{ client, scheme, host, prefix string }

// hops are what the trusted proxies say that the request came through, the one nearest to
// the client first; nil if the peer is none.
func (p *proxied) hops(r *http.Request) []hop {
	if !p.trusts(address(r)) {
		return nil
	}
	all := saidBy(r.Header)
	for i := len(all) - 1; i >= 0; i-- {
		if !p.trusts(all[i].client) {
			return all[i:]
		}
	}
	return all
}

func (p *proxied) trusts(client string) bool {
	a, err := netip.ParseAddr(client)
	return err == nil && slices.ContainsFunc(p.trusted, func(n netip.Prefix) bool { return n.Contains(a.Unmap()) })
}

// saidBy reads Forwarded (RFC 7239), or X-Forwarded-*, in the order in which the proxies
// wrote them; nil if there is neither.
func saidBy(h http.Header) (all []hop) {
	if elements := h.Values("Forwarded"); len(elements) > 0 {
		for element := range strings.SplitSeq(strings.Join(elements, ","), ",") {
			all = append(all, forwardedHop(element))
		}
		return all
	}
	clients := listed(h, "X-Forwarded-For")
	schemes, hosts, prefixes := listed(h, "X-Forwarded-Proto"), listed(h, "X-Forwarded-Host"), listed(h, "X-Forwarded-Prefix")
	n := max(len(clients), min(1, len(schemes)+len(hosts)))
	for i := range n { // the last values are those of the nearest proxy
		all = append(all, hop{hostOnly(fromEnd(clients, n-i)), fromEnd(schemes, n-i), fromEnd(hosts, n-i), fromEnd(prefixes, n-i)})
	}
	return all
}

// fromEnd is the value of the nth proxy from the server; proxies that only hand a value on
// say what the one before said.
func fromEnd(values []string, n int) string {
	if len(values) == 0 {
		return ""
	}
	return values[max(0, len(values)-n)]
}

func listed(h http.Header, name string) (all []string) {
	for v := range strings.SplitSeq(strings.Join(h.Values(name), ","), ",") {
		if v = strings.TrimSpace(v); v != "" {
			all = append(all, v)
		}
	}
	return all
}

func forwardedHop(element string) (one hop) {
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.ToLower(name) {
		case "for":
			one.client = hostOnly(value)
		case "proto":
			one.scheme = value
		case "host":
			one.host = value
		}
	}
	return one
}

// hostOnly is an IP address without port and brackets, "" for anything else.
func hostOnly(value string) string {
	if at, err := netip.ParseAddrPort(value); err == nil {
		return at.Addr().Unmap().String()
	}
	a, err := netip.ParseAddr(strings.Trim(value, "[]"))
	if err != nil {
		return ""
	}
	return a.Unmap().String()
}

// base is the known base URL by which the client sees this server, "" if it is none.
func (p *proxied) base(h hop) string {
	if h.host == "" {
		return ""
	}
	var found []string
	for base := range p.bases {
		u, err := url.Parse(base)
		if err == nil && strings.EqualFold(u.Host, h.host) && (h.scheme == "" || u.Scheme == strings.ToLower(h.scheme)) && strings.HasPrefix(u.Path, h.prefix) {
			found = append(found, base)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return slices.Min(found)
}
