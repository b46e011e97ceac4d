package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aceso-health/aceso/audit"
	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo"
	"github.com/aceso-health/aceso/store/sqlite"
)

// records is what keeps data and records of a node, without anything that serves:
// erase uses it as well.
type records struct {
	organization string
	name         string
	ring         *keyring.Ring
	folder       sqlite.Options // completed by open
	database     mongo.Options  // completed by open
	store        storage
	shared       *mongo.Store // the same, if other nodes may use it as well
	master       keyring.Master
	lock         *os.File // of the data folder, where the store has none of its own
	parts        ledgerbridge.PartKeys
	sealer       *ledgerbridge.Sealer
	ledger       *local.Ledger
	checkpoints  ledgerbridge.Ledger // where checkpoints go: ledger, or the database with ledger as a copy
	copier       *local.Copier       // to the witness, nil without one
	bridge       *bridge             // to a network's ledger, nil without one
	changes      *ledgerbridge.Journal
	accesses     *ledgerbridge.Journal
	damaged      atomic.Bool
	findings     prometheus.Counter
}

// open locks the folder and checks that both logs continue their checkpoints.
func (r *records) open(ctx context.Context, data dataFolder, o serveOptions, log *slog.Logger) (err error) {
	if err = r.openStorage(ctx, data, o, log); err != nil {
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
	r.checkpoints = r.ledger
	if r.shared != nil {
		if err := r.copyCheckpoints(ctx, data, changes, accesses); err != nil {
			return err
		}
		r.checkpoints = ledgerbridge.Copied{Ledger: r.shared.Checkpoints(), Copy: r.ledger}
	}
	if o.witness != "" {
		if r.copier, err = r.ledger.Follow(ctx, local.NewWitness(o.witness, r.organization, r.name)); err != nil {
			return err
		}
	}
	if r.bridge, err = r.openBridge(ctx, data, o, log); err != nil {
		return err
	}
	if r.changes, err = r.journal(ctx, changes, r.checkpoints, log); err != nil {
		return err
	}
	if r.accesses, err = r.journal(ctx, accesses, r.checkpoints, log); err != nil {
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

func (r *records) journal(ctx context.Context, log ledgerbridge.Log, ledger ledgerbridge.Ledger, l *slog.Logger) (*ledgerbridge.Journal, error) {
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
		Report: func(err error) { l.Error("no checkpoint could be made", "error", err) },
	})
	if err != nil {
		return nil, err
	}
	if size, err := log.Size(ctx); err == nil && size > 0 && j.Last().Size == 0 {
		l.Warn("a log with records has no checkpoint: unless the node ended within its first second, its checkpoints were removed, and only a witness, a channel or receipts show whether records were changed", "source", log.Source(), "records", size)
	}
	return j, nil
}

// logKeys are the public keys whose checkpoints count for a source: those of its node
// and, for the sizes at which they kept its logs, of other nodes.
func (r *records) logKeys(ctx context.Context, source string) (ledgerbridge.Keys, error) {
	texts, err := r.logKeyTexts(ctx, source)
	if err != nil {
		return nil, err
	}
	return ledgerbridge.ParseKeys(texts)
}

func (r *records) logKeyTexts(ctx context.Context, source string) ([]string, error) {
	if r.shared == nil {
		return keyTexts(r.ring.Keys(keyring.Log), source, "")
	}
	ring, err := r.allKeys(ctx)
	if err != nil {
		return nil, err
	}
	texts, err := keyTexts(ring.LogKeys(strings.Split(source, "/")[1]), source, "")
	if err != nil {
		return nil, err
	}
	takeovers, err := r.shared.Takeovers(ctx, source)
	until := keptUntil(takeovers)
	for _, keeper := range slices.Sorted(maps.Keys(until)) {
		kept, err := keyTexts(ring.LogKeys(keeper), source, until[keeper])
		if err != nil {
			return nil, err
		}
		texts = append(texts, kept...)
	}
	return texts, err
}

// keptUntil says for which sizes the keys of each keeper count. They begin with 1: what
// was checkpointed before a takeover, but not anchored, the keeper anchors under
// checkpoints of its own.
func keptUntil(takeovers []mongo.Takeover) map[string]string {
	sizes := map[string]string{}
	for _, t := range takeovers { // in order of size, so the last one of a keeper goes furthest
		sizes[t.Keeper] = "@1-"
		if t.To > 0 {
			sizes[t.Keeper] += fmt.Sprint(t.To)
		}
	}
	return sizes
}

func keyTexts(keys []keyring.Key, source, sizes string) (texts []string, err error) {
	for _, k := range keys {
		text, err := ledgerbridge.VerifierKey(source, k.Public())
		if err != nil {
			return nil, err
		}
		texts = append(texts, text+sizes)
	}
	return texts, nil
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
func (r *records) verify(ctx context.Context, report func(audit.Finding) error) error {
	inMain := func(f audit.Finding) error {
		if r.shared == nil {
			f.Table = "aceso.db " + f.Table
		}
		return report(f)
	}
	return errors.Join(
		r.verifyLogs(ctx, report),
		audit.Verify(ctx, r.store, r.sealer, inMain),
		r.store.Check(ctx, func(f store.Finding) error {
			return report(audit.Finding{Table: f.File + " " + f.Table, Row: f.Row + " " + f.Column, What: f.What})
		}))
}

// verifyLogs audits this node's logs against the checkpoints in its folder, and those of
// all nodes against the checkpoints in their database.
func (r *records) verifyLogs(ctx context.Context, report func(audit.Finding) error) error {
	logs, err := store.AllLogs(ctx, r.store)
	if err != nil {
		return err
	}
	var failed []error
	for _, j := range []*ledgerbridge.Journal{r.changes, r.accesses} {
		failed = append(failed, r.verifyLog(ctx, j, logs, report))
	}
	for _, log := range logs {
		if r.shared == nil {
			break
		}
		j, err := r.otherJournal(ctx, log.Source())
		if err != nil {
			failed = append(failed, reported(err, r.shared != nil, report))
			continue
		}
		failed = append(failed, r.verifyLog(ctx, j, logs, report))
	}
	return errors.Join(failed...)
}

// verifyLog audits one log and opens every part that was not erased: only the
// keyring can tell whether sealed bytes are what they were.
func (r *records) verifyLog(ctx context.Context, j *ledgerbridge.Journal, all []ledgerbridge.Log, report func(audit.Finding) error) error {
	_, err := j.Audit(ctx, r.sealer.AuditParts(ctx, j.Source(), all...))
	return reported(err, r.shared != nil, report)
}

// reported turns damage into a finding.
func reported(err error, shared bool, report func(audit.Finding) error) error {
	var damage *ledgerbridge.Damage
	if !errors.As(err, &damage) {
		return err
	}
	return report(placed(damage, shared))
}

// logFile is the database that keeps a source.
func logFile(source string) string {
	if strings.Contains(source, "/accesses.") {
		return "access.db"
	}
	return "aceso.db"
}

// placed gives a log's damage the name of its file and table, or of its collection.
func placed(d *ledgerbridge.Damage, shared bool) audit.Finding {
	file, entries, checkpoints := logFile(d.Source)+" ", "entries", "checkpoints.log"
	parts := "parts"
	if shared {
		file, entries, checkpoints = "", "accesses", "checkpoints"
		if ledgerbridge.IsChanges(d.Source) {
			entries = "changes"
		}
		parts = entries
	}
	table := file + entries
	switch {
	case strings.HasPrefix(d.Column, "parts"):
		table = file + parts
	case strings.HasPrefix(d.Column, "tile"):
		table = file + "tiles"
	case strings.HasPrefix(d.Column, "checkpoint"):
		table = checkpoints
	}
	row := strings.TrimPrefix(d.Column, "tile ")
	if d.Seq >= 0 {
		row = fmt.Sprintf("%d %s", d.Seq, d.Column)
	}
	if shared {
		row = d.Source + " " + row
	}
	return audit.Finding{Table: table, Row: row, What: d.What}
}

func (r *records) close() error {
	failed := r.bridge.close()
	if r.ledger != nil {
		failed = errors.Join(failed, r.ledger.Close())
	}
	if r.store != nil {
		failed = errors.Join(failed, r.store.Close())
	}
	if r.lock != nil {
		failed = errors.Join(failed, r.lock.Close())
	}
	return failed
}
