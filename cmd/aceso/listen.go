package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// check finds what is wrong with the flags before anything is touched.
func (o *serveOptions) check() error {
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return fmt.Errorf("--listen: %q is not host:port", o.listen)
	}
	if (o.tlsCert == "") != (o.tlsKey == "") {
		return errors.New("--tls-cert and --tls-key belong together")
	}
	if !loopback(host) && o.tlsCert == "" && !o.insecure {
		return fmt.Errorf("--listen %s is reachable from other machines: give --tls-cert and --tls-key, or --insecure-listen if something in front provides TLS", o.listen)
	}
	if unspecified(host) && o.baseURL == "" {
		return errors.New("--listen on all addresses needs --base-url: the URL by which clients reach this server")
	}
	if o.rate < 0 {
		return errors.New("--rate must not be negative")
	}
	if err := o.database.check(); err != nil {
		return err
	}
	if err := o.anchor.check(); err != nil {
		return err
	}
	o.baseURL, err = completeBase(o.baseURL)
	return err
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func unspecified(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
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
	if o.tlsCert != "" {
		scheme = "https"
	}
	host, _, _ := net.SplitHostPort(o.listen)
	_, port, _ := net.SplitHostPort(a.String())
	if unspecified(host) {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
