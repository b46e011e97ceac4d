package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
)

// anchorOptions are the flags of serve that are about a network's ledger.
type anchorOptions struct {
	ledger         string // local, or fabric:PROFILE
	warn, readOnly time.Duration
	age            time.Duration
	most           int64
}

// check finds what is wrong with the flags.
func (o anchorOptions) check() error {
	kind, profile, named := strings.Cut(o.ledger, ":")
	switch {
	case o.ledger != "" && o.ledger != "local" && (kind != "fabric" || !named || profile == ""):
		return fmt.Errorf("--ledger %q is neither local nor fabric:PROFILE", o.ledger)
	case o.most < 0 || o.most > 10_000:
		return errors.New("--anchor-most must be 1 to 10000")
	case o.age < 0 || o.warn < 0 || o.readOnly < 0:
		return errors.New("--anchor-age, --anchor-warn and --anchor-read-only must not be negative")
	}
	return nil
}

func (o anchorOptions) profile() string {
	_, profile, _ := strings.Cut(o.ledger, ":")
	return profile
}

// cadence fills in what is not given.
func (o anchorOptions) cadence() fabric.Cadence {
	c := fabric.Usual
	if o.age > 0 {
		c.Age = o.age
	}
	if o.most > 0 {
		c.Most = o.most
	}
	return c
}

// bridge anchors a node's logs on a Fabric channel. It is nil where the node's own
// checkpoint file is the only ledger; all methods allow that.
type bridge struct {
	anchorOptions
	channel *fabric.Channel
	metrics *fabric.Metrics
	folder  string
	key     ed25519.PrivateKey
	log     *slog.Logger

	life    context.Context // ends with the bridge
	end     func()
	filling sync.WaitGroup

	serving  context.Context // ends before that, when the server takes no more requests
	dontWait func()          // ends serving

	overdue  atomic.Bool  // records have waited for longer than readOnly
	awaiting atomic.Int64 // clients that wait for an anchor

	mu       sync.Mutex
	journals map[string]*ledgerbridge.Journal // those being shipped
	anchors  map[string]*ledgerbridge.Anchors
	filled   map[string]bool // lists of other nodes' logs
}

// openBridge checks profile and channel. A channel that cannot be asked now is no
// reason not to start; one that is certainly not the right one is.
func openBridge(ctx context.Context, o anchorOptions, data dataFolder, organization string, key ed25519.PrivateKey, log *slog.Logger) (*bridge, error) {
	if o.profile() == "" {
		return nil, nil
	}
	profile, err := fabric.ReadProfile(o.profile())
	if err != nil {
		return nil, err
	}
	if profile.MSP != organization {
		return nil, fmt.Errorf("the connection profile %s is of organisation %q, this node belongs to %q: the MSP is the organisation, byte for byte", o.profile(), profile.MSP, organization)
	}
	b := &bridge{
		anchorOptions: o, metrics: fabric.NewMetrics(), folder: filepath.Join(data.file("ledger"), profile.Channel),
		key: key, log: log, journals: map[string]*ledgerbridge.Journal{}, anchors: map[string]*ledgerbridge.Anchors{}, filled: map[string]bool{},
	}
	if b.channel, err = fabric.Open(profile, time.Now()); err != nil {
		return nil, err
	}
	b.life, b.end = context.WithCancel(context.WithoutCancel(ctx))
	b.serving, b.dontWait = context.WithCancel(b.life)
	if profile.Single() {
		log.Warn("one organisation endorses alone on this channel: this is for development, its anchors are worth no more than that organisation's word", "channel", profile.Channel)
	}
	err = b.channel.Check(ctx)
	if wrong := new(fabric.Misconfigured); errors.As(err, &wrong) {
		return nil, errors.Join(fmt.Errorf("ledger %s: %w", o.ledger, err), b.close())
	}
	if err != nil {
		log.Warn("the ledger cannot be reached; records wait until it can", "channel", profile.Channel, "error", err)
	} else {
		log.Info("records are anchored on a channel", "channel", profile.Channel, "organization", profile.MSP)
	}
	return b, nil
}

// list is the list of a log's anchors, for its journal.
func (b *bridge) list(source string) (*ledgerbridge.Anchors, error) {
	if b == nil {
		return nil, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.anchors[source]; a != nil {
		return a, nil
	}
	a, err := ledgerbridge.OpenAnchors(filepath.Join(b.folder, fabric.FileName(source, "anchors")), b.channel.Profile().Channel)
	if err == nil {
		b.anchors[source] = a
	}
	return a, err
}

// other is the list of the anchors of a log that another node writes into the same
// database. It is filled from the channel from now on.
func (b *bridge) other(source string) (*ledgerbridge.Anchors, error) {
	a, err := b.list(source)
	if a == nil || err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.filled[source] {
		b.filled[source] = true
		b.filling.Go(func() { fabric.Fill(b.life, b.channel, source, a) })
	}
	return a, nil
}

// shipper makes the shipper of a log, which counts as one of the node's from now on.
func (b *bridge) shipper(j *ledgerbridge.Journal) (*fabric.Shipper, error) {
	anchors, err := b.list(j.Source())
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.journals[j.Source()] = j
	b.mu.Unlock()
	key, err := ledgerbridge.VerifierKey(j.Source(), b.key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return fabric.NewShipper(fabric.ShipperConfig{
		Contract: b.channel, Journal: j, Anchors: anchors, Key: key, Folder: b.folder,
		Cadence: b.cadence(), Metrics: b.metrics, Log: b.log,
	})
}

// compare refuses a log that the ledger contradicts. A ledger that cannot be asked
// now is asked again by ship.
func (b *bridge) compare(ctx context.Context, j *ledgerbridge.Journal) error {
	if b == nil {
		return nil
	}
	s, err := b.shipper(j)
	if err != nil {
		return err
	}
	err = s.Compare(ctx)
	var denied *ledgerbridge.Contradiction
	var wrong *fabric.Misconfigured
	switch {
	case errors.As(err, &denied):
		return fmt.Errorf("the ledger contradicts this node, which therefore does not start: %w", err)
	case errors.As(err, &wrong):
		return fmt.Errorf("ledger %s: %w", b.ledger, err)
	}
	return nil
}

// ship anchors a log until ctx ends. It may be called at any time, for the node's own
// logs and for those that it takes over.
func (b *bridge) ship(ctx context.Context, j *ledgerbridge.Journal) {
	if b == nil {
		return
	}
	s, err := b.shipper(j)
	if err != nil {
		b.log.Error("a log cannot be anchored", "source", j.Source(), "error", err)
		return
	}
	s.Run(ctx)
	if b.contradicted() == "" { // it was given up: another node may go on with it
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.journals, j.Source())
	}
}

// prover asks the channel for evidence of anchors; nil without a channel.
func (b *bridge) prover() ledgerbridge.AnchorProver {
	if b == nil {
		return nil
	}
	return b.channel
}

func (b *bridge) close() error {
	if b == nil {
		return nil
	}
	b.end()
	b.filling.Wait()
	failed := b.channel.Close()
	for _, a := range b.anchors {
		failed = errors.Join(failed, a.Close())
	}
	return failed
}
