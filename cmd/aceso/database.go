package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store/mongo"
)

// databaseOptions are the flags of a node whose data and records are in a database
// that it may share with other nodes.
type databaseOptions struct{ uri, masterKey string }

func (o *databaseOptions) flags(f *flag.FlagSet) {
	f.StringVar(&o.uri, "store", "", "`mongodb://...` database for data and records, instead of the data folder; with a password in it, set ACESO_STORE instead: others can see arguments")
	f.StringVar(&o.masterKey, "master-key-file", "", "`file` with the key that seals the keys in the database (default master.key in the data folder; ACESO_MASTER_KEY may hold the key itself)")
}

// check finds what is wrong with the flags.
func (o databaseOptions) check() error {
	kind, _, _ := strings.Cut(o.uri, "://")
	if o.uri != "" && kind != "mongodb" && kind != "mongodb+srv" {
		return errors.New("--store must be a MongoDB connection string: mongodb://host:port/database?replicaSet=name")
	}
	return nil
}

// name is the database that the connection string names, "" for the usual one.
func (o databaseOptions) name() string {
	_, rest, _ := strings.Cut(o.uri, "://")
	rest, _, _ = strings.Cut(rest, "?")
	_, name, _ := strings.Cut(rest[strings.LastIndexByte(rest, '@')+1:], "/")
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}

// master is the key that seals the shared keys; fs.ErrNotExist if there is none yet.
func (o databaseOptions) master(data dataFolder) (keyring.Master, error) {
	if text, given := os.LookupEnv("ACESO_MASTER_KEY"); given {
		m, err := keyring.ParseMaster(text)
		if err != nil {
			return m, fmt.Errorf("ACESO_MASTER_KEY: %w", err)
		}
		return m, nil
	}
	return keyring.LoadMaster(o.masterFile(data))
}

func (o databaseOptions) masterFile(data dataFolder) string {
	return first(o.masterKey, data.file("master.key"))
}

// checkKind refuses to use a folder both with a database and without.
func (o databaseOptions) checkKind(data dataFolder) error {
	n, err := data.readNode()
	switch {
	case o.uri != "" && data.used():
		return fmt.Errorf("the data folder %s holds data itself: use another folder with --store", data)
	case o.uri == "" && err == nil && n.Shared:
		return fmt.Errorf("the data of this node are in a database: give --store, or set ACESO_STORE")
	}
	return nil
}

// openDatabase becomes the node that the folder or the flags name.
func (r *records) openDatabase(ctx context.Context, data dataFolder, o serveOptions, log *slog.Logger) error {
	owner, err := data.owner()
	if err != nil {
		return err
	}
	known, err := data.readNode()
	if err != nil && !errors.Is(err, errNeverServed) {
		return err
	}
	if o.node != "" && known.Node != "" && o.node != known.Node {
		return fmt.Errorf("this data folder belongs to node %q and cannot be used for %q: choose another folder", known.Node, o.node)
	}
	options := r.database
	options.Database, options.Owner, options.Base = o.database.name(), owner, o.baseURL
	options.Organization = first(o.organization, first(known.Organization, "org1"))
	options.Node = first(o.node, first(known.Node, "node1"))
	options.Report = func(message string) { log.Info(message) }
	s, err := mongo.Open(ctx, o.database.uri, options)
	if err != nil {
		return err
	}
	r.store, r.shared = s, s
	return r.openRing(ctx, data, o.database, log)
}

// openRing opens the shared keys.
func (r *records) openRing(ctx context.Context, data dataFolder, o databaseOptions, log *slog.Logger) (err error) {
	if r.master, err = o.makeMaster(ctx, r.shared.Keyring(), data, log); err != nil {
		return err
	}
	r.ring, err = keyring.Share(ctx, r.shared.Keyring(), r.master, r.store.Organization(), r.store.Node())
	return err
}

// makeMaster is master for whoever may be the very first to use a database: then the
// key is made, if none was given.
func (o databaseOptions) makeMaster(ctx context.Context, box keyring.Box, data dataFolder, log *slog.Logger) (keyring.Master, error) {
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

// readDatabase opens the database without becoming a node.
func (r *records) readDatabase(ctx context.Context, data dataFolder, o databaseOptions) error {
	n, err := data.readNode()
	if err != nil {
		return err
	}
	s, err := mongo.OpenReadOnly(ctx, o.uri, mongo.Options{Database: o.name(), Node: n.Node, Base: n.BaseURL})
	if err != nil {
		return err
	}
	r.store, r.shared = s, s
	if r.master, err = o.master(data); err != nil {
		return err
	}
	r.ring, err = r.allKeys(ctx)
	return err
}

// allKeys reads the shared keys again: other nodes may have come since.
func (r *records) allKeys(ctx context.Context) (*keyring.Ring, error) {
	return keyring.LoadShared(ctx, r.shared.Keyring(), r.master, r.store.Organization(), r.store.Node())
}

// readRing is the keyring of a folder, or of the database that it belongs to.
func readRing(ctx context.Context, data dataFolder, o databaseOptions) (*keyring.Ring, error) {
	if err := o.checkKind(data); err != nil {
		return nil, err
	}
	if o.uri == "" {
		return keyring.Load(data.keys())
	}
	var r records
	err := r.readDatabase(ctx, data, o)
	return r.ring, errors.Join(err, r.close())
}

// copyCheckpoints brings the folder's checkpoint file to where the database is, which
// goes on after other nodes have kept the logs. A database that is older than the file
// was restored from a backup, and is refused.
func (r *records) copyCheckpoints(ctx context.Context, data dataFolder, logs ...ledgerbridge.Log) error {
	if err := r.shared.EndTakeovers(ctx); err != nil {
		return err
	}
	for _, log := range logs {
		err := ledgerbridge.CatchUp(ctx, log, r.shared.Checkpoints(), r.ledger)
		var damage *ledgerbridge.Damage
		if errors.As(err, &damage) {
			return fmt.Errorf("the database does not continue %s: %w", data.checkpoints(), err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// otherJournal opens a log of another node for reading.
func (r *records) otherJournal(ctx context.Context, source string) (*ledgerbridge.Journal, error) {
	keys, err := r.logKeys(ctx, source)
	if err != nil {
		return nil, err
	}
	anchors, err := r.bridge.other(source)
	if err != nil {
		return nil, err
	}
	return ledgerbridge.OpenJournal(ctx, ledgerbridge.JournalConfig{
		Log: r.shared.Log(source), Ledger: r.shared.Checkpoints(), Keys: keys, Anchors: anchors,
	})
}
