package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/audit"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/server"
)

// openedNode is a node at work: the wiring of all packages.
type openedNode struct {
	node
	records
	gate    *access.Gate
	policy  *policy.Engine
	handler http.Handler
	log     *slog.Logger
	stop    context.CancelFunc
	running sync.WaitGroup
}

// openNode opens store, keys, logs, policies, gate and server, in this order; a
// log that does not continue its checkpoints ends the start here.
func openNode(ctx context.Context, data dataFolder, o serveOptions, log *slog.Logger) (*openedNode, error) {
	n := &openedNode{log: log}
	if err := n.start(ctx, data, o); err != nil {
		return nil, err
	}
	return n, nil
}

// start opens everything; if something fails, what is open already is closed.
func (n *openedNode) start(ctx context.Context, data dataFolder, o serveOptions) error {
	ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := n.open(ctx, data, o); err != nil {
		return errors.Join(err, n.close())
	}
	return nil
}

func (n *openedNode) open(ctx context.Context, data dataFolder, o serveOptions) error {
	err := n.records.open(ctx, data, o, n.log)
	if err != nil {
		return err
	}
	n.node = node{Organization: n.organization, Node: n.name, BaseURL: o.baseURL, Shared: n.shared != nil}
	if err := n.openPolicy(ctx, o.policies); err != nil {
		return err
	}
	consents := n.consents()
	consents.Compiler.Base = o.baseURL
	n.gate = access.New(access.Config{
		Store: n.store, Policy: n.policy, Consents: consents, Sealer: n.sealer,
		Changes: n.changes, Accesses: n.accesses, Others: n.otherJournal, Organization: n.organization, Node: n.name,
		Base: o.baseURL, Links: links{n.ring}, Now: time.Now, Log: n.log, Writable: n.bridge.writable, Network: n.bridge.prover(),
	})
	if err := n.openServer(o); err != nil {
		return err
	}
	for _, j := range []*ledgerbridge.Journal{n.changes, n.accesses} {
		n.running.Go(func() { j.Run(ctx) })
		n.running.Go(func() { n.bridge.ship(ctx, j) })
	}
	n.running.Go(func() { n.bridge.watch(ctx) })
	if n.shared != nil {
		n.running.Go(func() { n.keepOthers(ctx) })
	}
	if n.copier != nil {
		n.running.Go(func() {
			n.copier.Run(ctx, func(err error) { n.log.Error("checkpoints could not be copied to the witness", "error", err) })
		})
	}
	n.running.Go(func() { audit.Scrub(ctx, o.scrub, n.verify, n.alarm) })
	return nil
}

// openPolicy puts the built-in policies in force, or those of a folder, which is
// then watched.
func (n *openedNode) openPolicy(ctx context.Context, folder string) (err error) {
	options := policy.Options{Reloaded: func(revision string, err error) {
		if err != nil {
			n.log.Error("policies were not activated: the ones before stay in force", "revision", revision, "error", err)
			return
		}
		n.log.Info("policies activated", "revision", revision)
	}}
	if n.shared != nil {
		if err := n.sharePolicies(ctx, folder, options); err != nil {
			return fmt.Errorf("policies of all nodes: %w", err)
		}
		return nil
	}
	if folder == "" {
		n.policy, err = policy.New(ctx, nil, options)
		return err
	}
	if n.policy, err = policy.New(ctx, os.DirFS(folder), options); err != nil {
		return fmt.Errorf("policies in %s: %w", folder, err)
	}
	n.running.Go(func() { n.policy.Watch(ctx, folder) })
	return nil
}

// consents is the registry of compiled Consents.
func (n *openedNode) consents() *consent.Registry {
	r := consent.NewRegistry(access.NewFinder(n.store))
	r.Defect = func(ref fhir.Ref, version int64, err error) {
		n.log.Warn("a Consent cannot be understood: it permits nothing", "consent", n.sealer.TargetPseudonym(ref.String()), "version", version, "error", err)
	}
	return r
}

func (n *openedNode) openServer(o serveOptions) error {
	issuers, err := n.issuers(o.issuers)
	if err != nil {
		return err
	}
	authenticator, err := auth.New(auth.Config{Audience: o.baseURL, Issuers: issuers})
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	n.register(registry)
	n.handler = server.New(server.Config{
		Gate: n.gate, Authenticate: authenticator.Authenticate, BaseURL: o.baseURL,
		AllowedOrigins: split(o.origins), RequestsPerSecond: o.rate, Burst: int(2*o.rate) + 1,
		Logger: n.log, Ready: n.ready, Registry: registry, Version: version(),
		Notes: n.bridge.notes, Anchored: n.bridge.await,
	})
	return nil
}

// issuers are the node's own and those of the configuration.
func (n *openedNode) issuers(file string) ([]auth.Issuer, error) {
	var keys []auth.Key
	for _, k := range n.ring.Keys(keyring.Issuer) {
		keys = append(keys, auth.Key{ID: k.ID, Algorithm: "EdDSA", Public: k.Public()})
	}
	issuers := []auth.Issuer{auth.BuiltIn(n.issuer(), keys...)}
	if file == "" {
		return issuers, nil
	}
	external, err := auth.ReadIssuers(os.DirFS(filepath.Dir(file)), filepath.Base(file))
	if err != nil {
		return nil, fmt.Errorf("issuers: %w", err)
	}
	return append(issuers, external...), nil
}

// ready says why the node cannot serve, or that an old policy is in force.
func (n *openedNode) ready(context.Context) error {
	var reasons []string
	for _, j := range []*ledgerbridge.Journal{n.changes, n.accesses} {
		if j.Err() != nil {
			reasons = append(reasons, "no checkpoint can be made of "+j.Source())
		}
	}
	if n.policy.Problem() != nil {
		reasons = append(reasons, "the policy folder does not compile; the policies before it are in force")
	}
	if n.damaged.Load() {
		reasons = append(reasons, "the scrubber found records or resources that were changed")
	}
	if why := n.bridge.contradicted(); why != "" {
		reasons = append(reasons, why)
	}
	select {
	case <-n.lost():
		reasons = append(reasons, "another process has taken this node's place")
	default:
	}
	if len(reasons) == 0 {
		return nil
	}
	return &fhir.Error{Kind: fhir.Unavailable, Detail: strings.Join(reasons, "; ") + "."}
}

// close ends the journals with a last checkpoint, copies that to the witness, and
// closes the store.
func (n *openedNode) close() error {
	n.stop()
	n.running.Wait()
	if n.copier != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := n.copier.Flush(ctx); err != nil {
			n.log.Error("the last checkpoints could not be copied to the witness", "error", err)
		}
	}
	return n.records.close()
}

// links seals paging tokens with the keyring.
type links struct{ ring *keyring.Ring }

func (l links) Seal(plain, context []byte) ([]byte, error) {
	return l.ring.Seal(keyring.Links, plain, context)
}

func (l links) Open(sealed, context []byte) ([]byte, error) {
	return l.ring.Open(keyring.Links, sealed, context)
}

// alarm tells of what the scrubber found: in the log, in the metrics, and by not
// being ready. The node goes on: refusing to serve would be one more damage.
func (n *openedNode) alarm(f audit.Finding) {
	n.damaged.Store(true)
	n.findings.Inc()
	n.log.Error("ALARM: data and records do not agree", "table", f.Table, "row", f.Row, "finding", f.What)
}
