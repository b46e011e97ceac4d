package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/purge"
	"github.com/aceso-health/aceso/server"
	"github.com/aceso-health/aceso/store"
)

// Node is a node at work: the wiring of all packages.
type Node struct {
	records
	identity Identity
	gate     *access.Gate
	policy   *policy.Engine
	rules    rules
	try      func(context.Context, []byte, bool) policy.Trial // of drafts; nil: in this process
	proposed func() error                                     // what keeps this node's folder from being the policies of all; nil without one
	handler  http.Handler
	provider *session.Provider // where people sign in; nil without one

	authorization server.Authorization
	purges        *purge.Purges
	purgeSoon     <-chan struct{}
	trials        trials
	stop          context.CancelFunc
	running       sync.WaitGroup
}

// Open opens store, keys, logs, policies, gate and server, in this order, and writes the
// node's identity into the folder. It refuses a log that does not continue its
// checkpoints. The node works until Close, even if ctx ends.
func Open(ctx context.Context, data Folder, o Options) (*Node, error) {
	n := &Node{records: records{log: o.Log}}
	if err := n.start(ctx, data, o); err != nil {
		return nil, err
	}
	return n, nil
}

// start opens everything; if something fails, what is open already is closed.
func (n *Node) start(ctx context.Context, data Folder, o Options) error {
	ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := n.open(ctx, data, o); err != nil {
		return errors.Join(err, n.Close())
	}
	return nil
}

func (n *Node) open(ctx context.Context, data Folder, o Options) error {
	err := n.records.open(ctx, data, o)
	if err != nil {
		return err
	}
	n.identity = Identity{Organization: n.organization, Node: n.name, BaseURL: o.BaseURL, Shared: n.home.shared()}
	if err := n.openPolicy(ctx, o.Policies); err != nil {
		return err
	}
	if err := n.openRules(ctx, o.Validate); err != nil {
		return err
	}
	consents := n.consents()
	consents.Compiler.Base = n.store.Bases()
	past, err := n.then()
	if err != nil {
		return err
	}
	n.gate = access.New(access.Config{
		Store: n.store, Policy: n.policy, Consents: consents, Sealer: n.sealer,
		Changes: n.changes, Accesses: n.accesses, Others: n.otherJournal, Organization: n.organization, Node: n.name,
		Base: n.store.Bases(), Links: links{n.ring}, Now: time.Now, Log: n.log, Writable: n.bridge.writable, Network: n.bridge.prover(),
		Validation: access.Validation{Level: n.rules.level, Current: n.rules.current}, Parse: n.rules.parser(), Then: past,
	})
	if err := n.gate.Replan(ctx); err != nil { // the rules of labels bind before anything is answered
		return err
	}
	n.openPurges()
	if err := n.openServer(ctx, o); err != nil {
		return err
	}
	n.run(ctx, o)
	n.running.Go(func() {
		if err := consents.Prepare(ctx, time.Now()); err != nil && ctx.Err() == nil {
			n.log.Warn("Consents could not be read at the start: the first search that needs all of them reads them", "error", err)
		}
	})
	return data.note(n.identity)
}

// run starts the background work of a node.
func (n *Node) run(ctx context.Context, o Options) {
	for _, j := range n.journals() {
		n.running.Go(func() { j.Run(ctx) })
		n.running.Go(func() { n.bridge.ship(ctx, j) })
	}
	n.running.Go(func() { n.index(ctx) })
	n.running.Go(func() { n.bridge.watch(ctx) })
	n.running.Go(func() { n.sweep(ctx) })
	n.running.Go(func() { n.purge(ctx) })
	n.running.Go(func() { n.home.keep(ctx, n) })
	n.running.Go(func() {
		n.copier.Run(ctx, func(err error) { n.log.Error("checkpoints could not be copied to the witness", "error", err) })
	})
	n.running.Go(func() { rest(ctx, pause, heapAllocated, giveBack) })
	n.running.Go(func() { scrub(ctx, o.Scrub, n.doubted, n.scrubOnce, n.alarm) })
}

// Handler answers requests.
func (n *Node) Handler() http.Handler { return n.handler }

// Identity is what the folder is fixed to.
func (n *Node) Identity() Identity { return n.identity }

func (n *Node) otherJournal(ctx context.Context, source string) (*ledgerbridge.Journal, error) {
	return n.home.journal(ctx, &n.records, source)
}

// consents is the registry of compiled Consents.
func (n *Node) consents() *consent.Registry {
	r := consent.NewRegistry(access.NewFinder(n.store))
	r.Defect = func(ref fhir.Ref, version int64, err error) {
		n.log.Warn("a Consent is not understood in full; the privacy office should look at it", "consent", n.sealer.TargetPseudonym(ref.String()), "version", version, "error", err)
	}
	return r
}

// openFolder opens the policies of a folder, or the built-in ones.
func openFolder(ctx context.Context, dir string, o policy.Options) (*policy.Engine, error) {
	if dir == "" {
		return policy.New(ctx, nil, o)
	}
	folder, err := policy.Folder(dir)
	if err != nil {
		return nil, fmt.Errorf("--policies: %w", err)
	}
	e, err := policy.New(ctx, folder, o)
	if err != nil {
		return nil, fmt.Errorf("the policies in %s (--policies) are not put in force: %w", dir, err)
	}
	return e, nil
}

// notes are lines about a node that is ready.
func (n *Node) notes(ctx context.Context) []string {
	lines := n.bridge.notes(ctx)
	if times, failed := n.policy.Evaluated(); failed > 0 {
		lines = append(lines, fmt.Sprintf("the policies in force failed to decide %d of %d questions, and so refused them; the log says why", failed, times))
	}
	return append(lines, n.overdue(ctx)...)
}

// Close ends the journals with a last checkpoint, copies that to the witness, and
// closes the store.
func (n *Node) Close() error {
	n.stop()
	n.running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := n.copier.Flush(ctx); err != nil {
		n.log.Error("the last checkpoints could not be copied to the witness", "error", err)
	}
	return n.records.close()
}

// scrub repeats a check until ctx ends, so that damage on the disk is found even if
// nobody reads what is damaged. alarm receives each finding; a check that could not be
// made is a Finding without a place. The first check waits, too, unless it is to be now.
func scrub(ctx context.Context, interval time.Duration, now bool, check func(context.Context, func(store.Finding) error) error, alarm func(store.Finding)) {
	once := func() {
		err := check(ctx, func(f store.Finding) error {
			alarm(f)
			return nil
		})
		if err != nil && ctx.Err() == nil {
			alarm(store.Finding{What: err.Error()})
		}
	}
	if now && interval > 0 {
		once()
	}
	for range every(ctx, interval) {
		once()
	}
}

// scrubOnce checks what is new, and one part of what was verified before.
func (n *Node) scrubOnce(ctx context.Context, report func(store.Finding) error) error {
	x := Extent{Program: n.program, Say: func(text string, warn bool) {
		if warn {
			n.log.Warn(text)
		}
	}}
	return n.verify(ctx, x, scrubTurns, false, report)
}

// alarm reports what the scrubber found: in the log, in the metrics, and as not ready.
// The node goes on serving: an outage would add to the damage.
func (n *Node) alarm(f store.Finding) {
	n.damaged.Store(true)
	n.findings.Inc()
	n.log.Error("ALARM: data and records do not agree", "table", f.Table, "row", f.Row, "finding", f.What)
}

// every yields after each interval, until ctx ends; never if the interval is 0.
func every(ctx context.Context, interval time.Duration) func(yield func() bool) {
	return func(yield func() bool) {
		if interval <= 0 {
			return
		}
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if !yield() {
				return
			}
		}
	}
}
