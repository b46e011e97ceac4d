package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/store/mongo"
	"github.com/aceso-health/aceso/store/sqlite"
)

// records are the data and records of a node, without anything that serves: operators'
// jobs use them, too.
type records struct {
	home         home
	data         Folder
	program      string // version
	log          *slog.Logger
	organization string
	name         string
	ring         *keyring.Ring
	folder       sqlite.Options // completed by open
	database     mongo.Options  // completed by open
	store        storage
	parts        ledgerbridge.PartKeys
	sealer       *ledgerbridge.Sealer
	ledger       *local.Ledger
	copier       witness
	bridge       anchoring
	changes      *ledgerbridge.Journal
	accesses     *ledgerbridge.Journal
	closers      []io.Closer // of what is open, in this order
	damaged      atomic.Bool
	doubted      bool // what was verified before does not fit: the scrubber looks at everything at once
	findings     prometheus.Counter
}

// choose finds the home of a folder's node, and opens nothing.
func (r *records) choose(data Folder, o Database) (err error) {
	r.copier, r.bridge, r.data = unwitnessed{}, unanchored{}, data
	r.home, err = homeOf(data, o)
	return err
}

// open locks the folder and checks that both logs continue their checkpoints.
func (r *records) open(ctx context.Context, data Folder, o Options) (err error) {
	if err := r.choose(data, o.Database); err != nil {
		return err
	}
	r.program = o.Version
	if err := r.home.open(ctx, r, o); err != nil {
		return err
	}
	changes, accesses := r.store.Logs()
	if err := r.openSealer(); err != nil {
		return err
	}
	if r.ledger, err = local.Open(data.checkpoints(), changes.Source(), accesses.Source()); err != nil {
		return err
	}
	r.opened(r.ledger)
	checkpoints, err := r.home.checkpoints(ctx, r.ledger, changes, accesses)
	if err != nil {
		return err
	}
	if o.Witness != "" {
		copier, err := r.ledger.Follow(ctx, local.NewWitness(o.Witness, r.organization, r.name))
		if err != nil {
			return err
		}
		r.copier = copier
	}
	if err := r.openBridge(ctx, data, o); err != nil {
		return err
	}
	if err := r.openJournals(ctx, checkpoints); err != nil {
		return err
	}
	if err := r.continued(ctx); err != nil {
		return err
	}
	return errors.Join(r.bridge.compare(ctx, r.changes), r.bridge.compare(ctx, r.accesses))
}

// read opens a folder without writing to it.
func (r *records) read(ctx context.Context, data Folder, o Database) (err error) {
	if err := r.choose(data, o); err != nil {
		return err
	}
	if err := r.home.read(ctx, r); err != nil {
		return err
	}
	return r.readLogs(ctx)
}

// readLogs opens the logs of a store that is open for reading.
func (r *records) readLogs(ctx context.Context) (err error) {
	if err := r.openSealer(); err != nil {
		return err
	}
	changes, accesses := r.store.Logs()
	if r.ledger, err = local.OpenRead(r.data.checkpoints(), changes.Source(), accesses.Source()); err != nil {
		return err
	}
	r.opened(r.ledger)
	return r.openJournals(ctx, r.ledger)
}

// hold takes over an open store; close will close it.
func (r *records) hold(s storage, err error) error {
	if err != nil {
		return err
	}
	r.store = s
	r.organization, r.name = s.Organization(), s.Node()
	r.opened(s)
	return nil
}

func (r *records) opened(c io.Closer) { r.closers = append(r.closers, c) }

// close closes everything in reverse order of opening.
func (r *records) close() error {
	var failed error
	for _, c := range slices.Backward(r.closers) {
		failed = errors.Join(failed, c.Close())
	}
	return failed
}

func (r *records) openBridge(ctx context.Context, data Folder, o Options) error {
	_, private, err := r.ring.Signer(keyring.Log)
	if err != nil {
		return err
	}
	b, err := openBridge(ctx, o.Anchor, data, r.organization, private, r.log)
	if err != nil {
		return err
	}
	r.bridge = b
	r.opened(b)
	return nil
}

// openSealer opens what seals records. The store keeps the keys of their parts, wrapped
// by the keyring.
func (r *records) openSealer() (err error) {
	r.parts = r.store.PartKeys(
		func(key, context []byte) ([]byte, error) { return r.ring.Seal(keyring.Parts, key, context) },
		func(sealed, context []byte) ([]byte, error) { return r.ring.Open(keyring.Parts, sealed, context) },
	)
	id, secret, err := r.ring.Secret(keyring.Pseudonyms)
	if err != nil {
		return err
	}
	c := ledgerbridge.Config{
		Organization: r.organization, Node: r.name, Parts: r.parts,
		Pseudonyms: ledgerbridge.Secret{ID: id, Key: secret},
	}
	for _, k := range r.ring.Keys(keyring.Requests) {
		c.Requests = append(c.Requests, ledgerbridge.Secret{ID: k.ID, Key: k.Secret})
	}
	r.sealer, err = ledgerbridge.NewSealer(c)
	return err
}

func (r *records) openJournals(ctx context.Context, checkpoints ledgerbridge.Ledger) (err error) {
	changes, accesses := r.store.Logs()
	if r.changes, err = r.journal(ctx, changes, checkpoints); err != nil {
		return err
	}
	r.accesses, err = r.journal(ctx, accesses, checkpoints)
	return err
}

// journals are those of the node's own logs.
func (r *records) journals() []*ledgerbridge.Journal {
	return []*ledgerbridge.Journal{r.changes, r.accesses}
}

func (r *records) journal(ctx context.Context, log ledgerbridge.Log, ledger ledgerbridge.Ledger) (*ledgerbridge.Journal, error) {
	_, private, err := r.ring.Signer(keyring.Log)
	if err != nil {
		return nil, err
	}
	signer, err := ledgerbridge.NewSigner(log.Source(), private)
	if err != nil {
		return nil, err
	}
	keys, err := r.logKeys(ctx, log.Source())
	if err != nil {
		return nil, err
	}
	anchors, err := r.bridge.list(log.Source())
	if err != nil {
		return nil, err
	}
	j, err := ledgerbridge.OpenJournal(ctx, ledgerbridge.JournalConfig{
		Log: log, Ledger: ledger, Signer: signer, Keys: keys, Anchors: anchors,
		Report: func(err error) { r.log.Error("no checkpoint could be made", "error", err) },
	})
	if err != nil {
		return nil, err
	}
	if size, err := log.Size(ctx); err == nil && size > 0 && j.Last().Size == 0 {
		r.log.Warn("a log with records has no checkpoint: unless the node ended within its first second, its checkpoints were removed, and only a witness, a channel or receipts show whether records were changed", "source", log.Source(), "records", size)
	}
	return j, nil
}

// witness gets copies of checkpoints.
type witness interface {
	Run(ctx context.Context, report func(error))
	Flush(ctx context.Context) error
}

// unwitnessed is a node whose checkpoints nobody else keeps.
type unwitnessed struct{}

func (unwitnessed) Run(context.Context, func(error)) {}
func (unwitnessed) Flush(context.Context) error      { return nil }
