package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/aceso-health/aceso/fhir/validate"
)

// check finds what is wrong with the flags before anything is touched.
func (o *serveOptions) check() error {
	host, err := o.tls.check("--listen", o.listen)
	if err != nil {
		return err
	}
	if unspecified(host) && o.BaseURL == "" {
		return errors.New("--listen on all addresses needs --base-url: the URL by which clients reach this server")
	}
	if o.Proxies, err = networks(o.proxies); err != nil {
		return err
	}
	if o.Rate < 0 {
		return errors.New("--rate must not be negative")
	}
	if _, err := validate.ParseLevel(o.Validate); err != nil {
		return fmt.Errorf("--validate: %w", err)
	}
	if err := checkDatabase(o.Database); err != nil {
		return err
	}
	if err := o.readLedger(); err != nil {
		return err
	}
	o.BaseURL, err = completeBase(o.BaseURL)
	return err
}

// networks reads --trust-proxy: addresses, and networks such as 10.0.0.0/8.
func networks(list string) (all []netip.Prefix, err error) {
	for _, text := range split(list) {
		p, err := netip.ParsePrefix(text)
		if a, alone := netip.ParseAddr(text); alone == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("--trust-proxy: %q is neither an IP address nor a network such as 10.0.0.0/8", text)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// readLedger reads --ledger, and finds what is wrong with the flags of anchoring.
func (o *serveOptions) readLedger() error {
	kind, profile, named := strings.Cut(o.ledger, ":")
	a := &o.Anchor
	switch {
	case o.ledger != "" && o.ledger != "local" && (kind != "fabric" || !named || profile == ""):
		return fmt.Errorf("--ledger %q is neither local nor fabric:PROFILE", o.ledger)
	case a.Most < 0 || a.Most > 10_000:
		return errors.New("--anchor-most must be 1 to 10000")
	case a.Age < 0 || a.Warn < 0 || a.ReadOnly < 0:
		return errors.New("--anchor-age, --anchor-warn and --anchor-read-only must not be negative")
	}
	a.Profile = profile
	return nil
}

// tlsOptions are the flags of a listener. Beyond loopback it must have TLS.
type tlsOptions struct {
	cert, key string
	insecure  bool
}

// check finds what is wrong with them for an address, and returns its host.
func (o tlsOptions) check(name, address string) (host string, err error) {
	host, _, err = net.SplitHostPort(address)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %q is not host:port", name, address)
	case (o.cert == "") != (o.key == ""):
		return "", errors.New("--tls-cert and --tls-key belong together")
	case !loopback(host) && o.cert == "" && !o.insecure:
		return "", fmt.Errorf("%s %s is reachable from other machines: give --tls-cert and --tls-key, or --insecure-listen if something in front provides TLS", name, address)
	}
	return host, nil
}

// certificates are none without TLS.
func (o tlsOptions) certificates() ([]tls.Certificate, error) {
	if o.cert == "" {
		return nil, nil
	}
	c, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return []tls.Certificate{c}, nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func unspecified(host string) bool {
	return host == "" || net.ParseIP(host).IsUnspecified()
}

// completeBase checks a base URL; one without a path gets /fhir.
func completeBase(base string) (string, error) {
	if base == "" {
		return "", nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("--base-url: %q is not an absolute http or https URL without query", base)
	}
	if u.Path = strings.TrimRight(u.Path, "/"); u.Path == "" {
		u.Path = "/fhir"
	}
	return u.String(), nil
}

// origin is the URL of the listener, without /fhir.
func (o serveOptions) origin(a net.Addr) string {
	scheme := "http"
	if o.tls.cert != "" {
		scheme = "https"
	}
	host, _, _ := net.SplitHostPort(o.listen)
	_, port, _ := net.SplitHostPort(a.String())
	if unspecified(host) {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
