// Package jwks fetches the public keys that others publish as JSON Web Key Sets, and keeps
// them for as long as their publisher says.
//
// It does not verify signatures, does not decide whose keys count for what, writes nothing
// to disk, and reaches no private address unless it is told to.
package jwks

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Options of a Fetcher; zero values mean the defaults.
type Options struct {
	Now     func() time.Time
	Between time.Duration                // two fetches of one set have at least this between them; 10 s
	Failed  func(from string, err error) // is told that a set cannot be fetched; may be nil
}

// Fetcher keeps the key sets of some sources. It is safe for concurrent use.
type Fetcher struct {
	options Options
	public  *http.Client // reaches no private address
	private *http.Client
	mu      sync.Mutex
	sets    map[Source]*Set
}

// Source is where a key set is published.
type Source struct {
	URL     string // of the key set; "" if Issuer says where to find out
	Issuer  string // whose openid-configuration names the URL
	Private bool   // private addresses may be reached, and http on this machine
}

// mostSets bounds the sources of a Fetcher.
const mostSets = 1000

// New makes a fetcher.
func New(o Options) *Fetcher {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Failed == nil {
		o.Failed = func(string, error) {}
	}
	o.Between = cmp.Or(max(o.Between, 0), 10*time.Second)
	return &Fetcher{options: o, public: client(false), private: client(true), sets: map[Source]*Set{}}
}

// From gives the set of a source, the same for the same source. It fetches nothing yet.
func (f *Fetcher) From(s Source) (*Set, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if set := f.sets[s]; set != nil {
		return set, nil
	}
	if len(f.sets) >= mostSets {
		return nil, fmt.Errorf("keys are fetched from at most %d sources", mostSets)
	}
	set := &Set{fetcher: f, source: s}
	f.sets[s] = set
	return set, nil
}

// Forget drops the sets for which forget is true.
func (f *Fetcher) Forget(forget func(Source) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.sets {
		if forget(s) {
			delete(f.sets, s)
		}
	}
}

func (s Source) check() error {
	if (s.URL == "") == (s.Issuer == "") {
		return errors.New("keys come from the URL of a key set or from an issuer's openid-configuration: give one of them")
	}
	return s.reachable(cmp.Or(s.URL, s.Issuer))
}

// reachable says whether a URL may be fetched at all; its address is checked when it is
// dialled.
func (s Source) reachable(from string) error {
	u, err := url.Parse(from)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("not the URL of a key set")
	case u.User != nil || u.Fragment != "":
		return errors.New("the URL of a key set has no user and no fragment")
	case u.Scheme == "https" || u.Scheme == "http" && s.Private && loopback(u.Hostname()):
		return nil
	}
	return errors.New("key sets are fetched by https only; by http from this machine, where private addresses are allowed")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s Source) client(f *Fetcher) *http.Client {
	if s.Private {
		return f.private
	}
	return f.public
}
