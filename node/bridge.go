package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
)

// bridge anchors a node's logs on a Fabric channel.
type bridge struct {
	Anchoring
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

// openBridge checks profile and channel. A node starts without reaching the channel, but
// not with one that is certainly the wrong one.
func openBridge(ctx context.Context, o Anchoring, data Folder, organization string, key ed25519.PrivateKey, log *slog.Logger) (anchoring, error) {
	if o.Profile == "" {
		return unanchored{}, nil
	}
	profile, err := fabric.ReadProfile(o.Profile)
	if err != nil {
		return nil, err
	}
	if profile.MSP != organization {
		return nil, fmt.Errorf("the connection profile %s is of organisation %q, this node belongs to %q: the MSP is the organisation, byte for byte", o.Profile, profile.MSP, organization)
	}
	b := &bridge{
		Anchoring: o, metrics: fabric.NewMetrics(), folder: filepath.Join(data.file("ledger"), profile.Channel),
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
		return nil, errors.Join(fmt.Errorf("ledger fabric:%s: %w", o.Profile, err), b.Close())
	}
	if err != nil {
		log.Warn("the ledger cannot be reached; records wait until it can", "channel", profile.Channel, "error", err)
	} else {
		log.Info("records are anchored on a channel", "channel", profile.Channel, "organization", profile.MSP)
	}
	return b, nil
}

// list returns the anchors of a log, for its journal.
func (b *bridge) list(source string) (*ledgerbridge.Anchors, error) {
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
	if err != nil {
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

// compare refuses a log that the ledger contradicts. If the ledger cannot be reached,
// ship asks again.
func (b *bridge) compare(ctx context.Context, j *ledgerbridge.Journal) error {
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
		return fmt.Errorf("ledger fabric:%s: %w", b.Profile, err)
	}
	return nil
}

// ship anchors a log until ctx ends: one of the node's own, or one that it takes over.
func (b *bridge) ship(ctx context.Context, j *ledgerbridge.Journal) {
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

// prover asks the channel for evidence of anchors.
func (b *bridge) prover() ledgerbridge.AnchorProver { return b.channel }

func (b *bridge) Close() error {
	b.end()
	b.filling.Wait()
	failed := b.channel.Close()
	for _, a := range b.anchors {
		failed = errors.Join(failed, a.Close())
	}
	return failed
}
