package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo"
)

// name is the database that the connection string names, "" for the usual one.
func (o Database) name() string {
	_, rest, _ := strings.Cut(o.URI, "://")
	rest, _, _ = strings.Cut(rest, "?")
	_, name, _ := strings.Cut(rest[strings.LastIndexByte(rest, '@')+1:], "/")
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}

// master is the key that seals the shared keys; fs.ErrNotExist if there is none yet.
func (o Database) master(data Folder) (keyring.Master, error) {
	if text, given := os.LookupEnv("ACESO_MASTER_KEY"); given {
		m, err := keyring.ParseMaster(text)
		if err != nil {
			return m, fmt.Errorf("ACESO_MASTER_KEY: %w", err)
		}
		return m, nil
	}
	return keyring.LoadMaster(o.masterFile(data))
}

func (o Database) masterFile(data Folder) string {
	return cmp.Or(o.MasterKey, data.file("master.key"))
}

// cluster is a database as the home of a folder's node and of others.
type cluster struct {
	data     Folder
	database Database
	store    *mongo.Store // once it is open or read
	master   keyring.Master
}

// open becomes the node that the folder or the options name.
func (c *cluster) open(ctx context.Context, r *records, o Options) error {
	lock, err := c.data.lock()
	if err != nil {
		return err
	}
	r.opened(lock)
	owner, err := c.data.owner()
	if err != nil {
		return err
	}
	known, err := c.data.Identity()
	if err != nil && !errors.Is(err, ErrNeverServed) {
		return err
	}
	if o.Name != "" && known.Node != "" && o.Name != known.Node {
		return fmt.Errorf("this data folder belongs to node %q and cannot be used for %q: choose another folder", known.Node, o.Name)
	}
	options := r.database
	options.Database, options.Owner, options.Base = c.database.name(), owner, o.BaseURL
	options.Organization = cmp.Or(o.Organization, known.Organization, o.Unnamed, "org1")
	options.Node = cmp.Or(o.Name, known.Node, "node1")
	options.Report = func(message string) { r.log.Info(message) }
	s, err := mongo.Open(ctx, c.database.URI, options)
	if err != nil {
		return err
	}
	if err := c.hold(r, s); err != nil {
		return err
	}
	if c.master, err = c.database.makeMaster(ctx, s.Keyring(), c.data, r.log); err != nil {
		return err
	}
	r.ring, err = keyring.Share(ctx, s.Keyring(), c.master, s.Organization(), s.Node())
	return err
}

func (c *cluster) hold(r *records, s *mongo.Store) error {
	c.store = s
	return r.hold(s, nil)
}

func (c *cluster) read(ctx context.Context, r *records) error {
	n, err := c.data.Identity()
	if err != nil {
		return err
	}
	s, err := mongo.OpenReadOnly(ctx, c.database.URI, mongo.Options{Database: c.database.name(), Node: n.Node, Base: n.BaseURL})
	if err != nil {
		return err
	}
	if err := c.hold(r, s); err != nil {
		return err
	}
	if c.master, err = c.database.master(c.data); err != nil {
		return err
	}
	r.ring, err = c.allKeys(ctx)
	return err
}

// readRing needs the database, which has the keys.
func (c *cluster) readRing(ctx context.Context, r *records) error { return c.read(ctx, r) }

func (c *cluster) check(ctx context.Context, _ *records, o Check, visit func(store.Finding) error) error {
	return c.store.CheckSome(ctx, mongo.CheckOptions(o), visit)
}

// repair has nothing to do: check repairs a database.
func (*cluster) repair(context.Context) error { return nil }

func (*cluster) tables(source string) tables {
	log := "accesses"
	if ledgerbridge.IsChanges(source) {
		log = "changes"
	}
	return tables{entries: log, parts: log, tiles: "tiles", checkpoints: "checkpoints", row: source + " "}
}

func (*cluster) shared() bool { return true }

// makeMaster is master, and makes a key if none was given and the database is new.
func (o Database) makeMaster(ctx context.Context, box keyring.Box, data Folder, log *slog.Logger) (keyring.Master, error) {
	m, err := o.master(data)
	if !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	sealed, err := box.SealedKeys(ctx)
	if err != nil {
		return m, err
	}
	if len(sealed) > 0 {
		return m, fmt.Errorf("the keys of this database are sealed: copy the master key of another node to %s (mode 0600), or set ACESO_MASTER_KEY", o.masterFile(data))
	}
	if m, err = keyring.CreateMaster(o.masterFile(data)); err == nil {
		log.Warn("a master key was made: without it all keys and sealed records of this database are lost. Keep a copy of it apart from backups of the database; other nodes need the same file", "file", o.masterFile(data))
	}
	return m, err
}

// allKeys reads the shared keys again: other nodes may have joined.
func (c *cluster) allKeys(ctx context.Context) (*keyring.Ring, error) {
	return keyring.LoadShared(ctx, c.store.Keyring(), c.master, c.store.Organization(), c.store.Node())
}

// logKeys are those of the log's node and, for the sizes at which they kept its logs, of
// other nodes.
func (c *cluster) logKeys(ctx context.Context, _ *records, source string) ([]string, error) {
	ring, err := c.allKeys(ctx)
	if err != nil {
		return nil, err
	}
	texts, err := keyTexts(ring.LogKeys(strings.Split(source, "/")[1]), source, "")
	if err != nil {
		return nil, err
	}
	takeovers, err := c.store.Takeovers(ctx, source)
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

// checkpoints brings the folder's checkpoint file up to date: other nodes may have kept
// the logs. A database that is older than the file was restored from a backup, and is
// refused.
func (c *cluster) checkpoints(ctx context.Context, own *local.Ledger, logs ...ledgerbridge.Log) (ledgerbridge.Ledger, error) {
	if err := c.store.EndTakeovers(ctx); err != nil {
		return nil, err
	}
	for _, log := range logs {
		err := ledgerbridge.CatchUp(ctx, log, c.store.Checkpoints(), own)
		var damage *ledgerbridge.Damage
		if errors.As(err, &damage) {
			return nil, fmt.Errorf("the database does not continue %s: %w", c.data.checkpoints(), err)
		}
		if err != nil {
			return nil, err
		}
	}
	return ledgerbridge.Copied{Ledger: c.store.Checkpoints(), Copy: own}, nil
}

func (c *cluster) sources(ctx context.Context) ([]string, error) { return c.store.Sources(ctx) }

func (c *cluster) lost() <-chan struct{} { return c.store.Lost() }

// journal opens a log of another node for reading.
func (c *cluster) journal(ctx context.Context, r *records, source string) (*ledgerbridge.Journal, error) {
	keys, err := r.logKeys(ctx, source)
	if err != nil {
		return nil, err
	}
	anchors, err := r.bridge.other(source)
	if err != nil {
		return nil, err
	}
	return ledgerbridge.OpenJournal(ctx, ledgerbridge.JournalConfig{
		Log: c.store.Log(source), Ledger: c.store.Checkpoints(), Keys: keys, Anchors: anchors,
	})
}
