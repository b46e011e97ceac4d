package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/auth/jwks"
	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/server"
)

// burstSeconds is the time after which a client that sent nothing may send at once what it
// might have sent meanwhile.
const burstSeconds = 10

func (n *Node) openServer(ctx context.Context, o Options) error {
	issuers, err := n.issuers(o.Issuers)
	if err != nil {
		return err
	}
	authenticator, err := auth.New(auth.Config{Audience: o.BaseURL, Bases: n.store.Bases(), Issuers: issuers, Scopes: n.gate.CheckScopes, Keys: n.published()})
	if err != nil {
		return err
	}
	apps, err := n.apps(o.BaseURL, authenticator)
	if err != nil {
		return err
	}
	n.try = o.TryPolicies
	policies, err := n.policies()
	if err != nil {
		return err
	}
	signIn, err := n.signIn(o)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	n.findings = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "aceso_scrubber_findings_total", Help: "Places where data and records do not agree.",
	})
	registry.MustRegister(n.findings, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "aceso_policy_failures_total", Help: "Questions that the policies in force failed to decide, and so refused.",
	}, func() float64 { _, failed := n.policy.Evaluated(); return float64(failed) }))
	n.bridge.register(registry)
	registry.MustRegister(indexing{n.gate}, emergencyFigures{n.emergencies()})
	n.handler = server.New(server.Config{
		Parse: n.rules.parser(), Gate: n.gate, SignIn: signIn, Policies: policies, Apps: apps, OAuth: apps, Labels: n.labels(), Emergencies: n.emergencies(), Purges: n.purges, Authenticate: authenticator.Authenticate, BaseURL: o.BaseURL, Bases: n.store.Bases(), Issuer: n.identity.issuer(),
		Organization: n.organization, AllowedOrigins: o.Origins, TrustedProxies: o.Proxies, EntriesPerSecond: o.Rate, Burst: int(burstSeconds * o.Rate),
		Logger: n.log, Pseudonym: n.sealer.TargetPseudonym, Ready: n.ready, Registry: registry, Version: o.Version,
		Background: func(work func(context.Context)) { n.running.Go(func() { work(ctx) }) }, Notes: n.notes, Anchored: n.bridge.await, Customs: n.gate.Customs,
	})
	return nil
}

// published fetches the keys of issuers that publish them.
func (n *Node) published() *jwks.Fetcher {
	return jwks.New(jwks.Options{Failed: func(from string, err error) {
		n.log.Warn("the keys of an issuer cannot be fetched", "from", from, "error", err)
	}})
}

// issuers are the node's own and those of the configuration.
func (n *Node) issuers(file string) ([]auth.Issuer, error) {
	var keys []auth.Key
	for _, k := range n.ring.Keys(keyring.Issuer) {
		keys = append(keys, auth.Key{ID: k.ID, Algorithm: "EdDSA", Public: k.Public()})
	}
	issuers := []auth.Issuer{auth.BuiltIn(n.identity.issuer(), keys...)}
	if file == "" {
		return issuers, nil
	}
	external, err := auth.ReadIssuers(os.DirFS(filepath.Dir(file)), filepath.Base(file))
	if err != nil {
		return nil, fmt.Errorf("issuers: %w", err)
	}
	return append(issuers, external...), nil
}

// links seals paging tokens with the keyring.
type links struct{ ring *keyring.Ring }

func (l links) Seal(plain, context []byte) ([]byte, error) {
	return l.ring.Seal(keyring.Links, plain, context)
}

func (l links) Open(sealed, context []byte) ([]byte, error) {
	return l.ring.Open(keyring.Links, sealed, context)
}

// drain is how long running requests may take after ctx has ended.
const drain = 20 * time.Second

// Serve answers requests until ctx ends or another process takes the node's name. It
// calls ready once it listens. Without certificates it speaks plain HTTP.
func (n *Node) Serve(ctx context.Context, l net.Listener, certificates []tls.Certificate, ready func() error) error {
	s := server.HTTP(n.handler)
	s.ErrorLog = slog.NewLogLogger(n.log.Handler(), slog.LevelWarn) // or its lines are no JSON
	s.RegisterOnShutdown(n.bridge.answerWaiting)
	if len(certificates) > 0 {
		s.TLSConfig = &tls.Config{Certificates: certificates}
	}
	ended := make(chan error, 1)
	go func() {
		if s.TLSConfig != nil {
			ended <- s.ServeTLS(l, "", "")
			return
		}
		ended <- s.Serve(l)
	}()
	if err := ready(); err != nil {
		return errors.Join(err, s.Close())
	}
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-n.home.lost():
		lost := fmt.Errorf("another process has become node %s, or finishes its logs because it showed no sign of life: this process can no longer write records", n.name)
		return errors.Join(lost, s.Close())
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := s.Shutdown(last); err != nil {
		return fmt.Errorf("some requests did not end in time: %w", errors.Join(err, s.Close()))
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
