package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/sqlite"
)

// records is what keeps data and records of a node, without anything that serves:
// erase uses it as well.
type records struct {
	organization string
	name         string
	ring         *keyring.Ring
	folder       sqlite.Options // completed by open
	store        storage
	parts        ledgerbridge.PartKeys
	sealer       *ledgerbridge.Sealer
	ledger       *local.Ledger
	copier       *local.Copier // to the witness, nil without one
	bridge       *bridge       // to a network's ledger, nil without one
	changes      *ledgerbridge.Journal
	accesses     *ledgerbridge.Journal
	damaged      atomic.Bool
	findings     prometheus.Counter
}

// open locks the folder and checks that both logs continue their checkpoints.
func (r *records) open(ctx context.Context, data dataFolder, o serveOptions, log *slog.Logger) (err error) {
	if r.ring, err = data.ring(); err != nil {
		return err
	}
	if err = r.openStorage(ctx, data, o); err != nil {
		return err
	}
	changes, accesses := r.store.Logs()
	r.organization, r.name = r.store.Organization(), r.store.Node()
	r.parts = r.partKeys()
	if r.sealer, err = newSealer(r.ring, r.organization, r.name, r.parts); err != nil {
		return err
	}
	if r.ledger, err = local.Open(data.checkpoints(), changes.Source(), accesses.Source()); err != nil {
		return err
	}
	if o.witness != "" {
		if r.copier, err = r.ledger.Follow(ctx, local.NewWitness(o.witness, r.organization, r.name)); err != nil {
			return err
		}
	}
	if r.bridge, err = r.openBridge(ctx, data, o, log); err != nil {
		return err
	}
	if r.changes, err = r.journal(ctx, changes, log); err != nil {
		return err
	}
	if r.accesses, err = r.journal(ctx, accesses, log); err != nil {
		return err
	}
	return errors.Join(r.bridge.compare(ctx, r.changes), r.bridge.compare(ctx, r.accesses))
}

func (r *records) openBridge(ctx context.Context, data dataFolder, o serveOptions, log *slog.Logger) (*bridge, error) {
	_, private, err := r.ring.Signer(keyring.Log)
	if err != nil {
		return nil, err
	}
	return openBridge(ctx, o.anchor, data, r.organization, private, log)
}

// partKeys are kept by the store, wrapped by the keyring.
func (r *records) partKeys() ledgerbridge.PartKeys {
	return r.store.PartKeys(
		func(key, context []byte) ([]byte, error) { return r.ring.Seal(keyring.Parts, key, context) },
		func(sealed, context []byte) ([]byte, error) { return r.ring.Open(keyring.Parts, sealed, context) },
	)
}

func newSealer(ring *keyring.Ring, organization, node string, parts ledgerbridge.PartKeys) (*ledgerbridge.Sealer, error) {
	id, secret, err := ring.Secret(keyring.Pseudonyms)
	if err != nil {
		return nil, err
	}
	c := ledgerbridge.Config{
		Organization: organization, Node: node, Parts: parts,
		Pseudonyms: ledgerbridge.Secret{ID: id, Key: secret},
	}
	for _, k := range ring.Keys(keyring.Requests) {
		c.Requests = append(c.Requests, ledgerbridge.Secret{ID: k.ID, Key: k.Secret})
	}
	return ledgerbridge.NewSealer(c)
}

func (r *records) journal(ctx context.Context, log ledgerbridge.Log, l *slog.Logger) (*ledgerbridge.Journal, error) {
	_, private, err := r.ring.Signer(keyring.Log)
	if err != nil {
		return nil, err
	}
	signer, err := ledgerbridge.NewSigner(log.Source(), private)
	if err != nil {
		return nil, err
	}
	keys, err := logKeys(r.ring, log.Source())
	if err != nil {
		return nil, err
	}
	anchors, err := r.bridge.list(log.Source())
	if err != nil {
		return nil, err
	}
	return ledgerbridge.OpenJournal(ctx, ledgerbridge.JournalConfig{
		Log: log, Ledger: r.ledger, Signer: signer, Keys: keys, Anchors: anchors,
		Report: func(err error) { l.Error("no checkpoint could be made", "error", err) },
	})
}

// logKeys are the public keys whose checkpoints count for a source of this node.
func logKeys(ring *keyring.Ring, source string) (ledgerbridge.Keys, error) {
	var texts []string
	for _, k := range ring.Keys(keyring.Log) {
		text, err := ledgerbridge.VerifierKey(source, k.Public())
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return ledgerbridge.ParseKeys(texts)
}

// register adds the metrics of records.
func (r *records) register(registry *prometheus.Registry) {
	r.findings = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "aceso_scrubber_findings_total", Help: "Places where data and records do not agree.",
	})
	registry.MustRegister(r.findings)
	r.bridge.register(registry)
}

// verify looks at both logs, at every stored version and at every index row. What
// cannot be checked does not keep the rest from being checked.
func (r *records) verify(ctx context.Context, report func(access.Finding) error) error {
	inMain := func(f access.Finding) error {
		f.Table = "aceso.db " + f.Table
		return report(f)
	}
	return errors.Join(
		r.verifyLog(ctx, r.changes, report),
		r.verifyLog(ctx, r.accesses, report),
		access.Verify(ctx, r.store, r.sealer, inMain),
		r.store.Check(ctx, func(f store.Finding) error {
			return report(access.Finding{Table: f.File + " " + f.Table, Row: f.Row + " " + f.Column, What: f.What})
		}))
}

// verifyLog audits one log and opens every part that was not erased: only the
// keyring can tell whether sealed bytes are what they were.
func (r *records) verifyLog(ctx context.Context, j *ledgerbridge.Journal, report func(access.Finding) error) error {
	changes, _ := r.store.Logs()
	_, err := j.Audit(ctx, r.sealer.AuditParts(ctx, j.Source(), changes))
	var damage *ledgerbridge.Damage
	if !errors.As(err, &damage) {
		return err
	}
	return report(placed(damage))
}

// logFile is the database that keeps a source.
func logFile(source string) string {
	if strings.Contains(source, "/accesses.") {
		return "access.db"
	}
	return "aceso.db"
}

// placed gives a log's damage the name of its file and table.
func placed(d *ledgerbridge.Damage) access.Finding {
	file := logFile(d.Source)
	table := file + " entries"
	switch {
	case strings.HasPrefix(d.Column, "parts"):
		table = file + " parts"
	case strings.HasPrefix(d.Column, "tile"):
		table = file + " tiles"
	case strings.HasPrefix(d.Column, "checkpoint"):
		table = "checkpoints.log"
	}
	row := strings.TrimPrefix(d.Column, "tile ")
	if d.Seq >= 0 {
		row = fmt.Sprintf("%d %s", d.Seq, d.Column)
	}
	return access.Finding{Table: table, Row: row, What: d.What}
}

func (r *records) close() error {
	failed := r.bridge.close()
	if r.ledger != nil {
		failed = errors.Join(failed, r.ledger.Close())
	}
	if r.store != nil {
		failed = errors.Join(failed, r.store.Close())
	}
	return failed
}
