package main

import (
	"context"
	"log/slog"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/sqlite"
)

// storage is what keeps a node's data and records.
type storage interface {
	store.Store
	// Organization is whose data are kept.
	Organization() string
	// Node is the name under which this node's logs are written.
	Node() string
	// PartKeys gives access to the keys of patients' parts, which the keyring wraps.
	PartKeys(wrap, unwrap store.Wrap) ledgerbridge.PartKeys
	// Check compares what is stored with what can be derived again. An error of visit
	// ends it; any other error means that it could not be made.
	Check(ctx context.Context, visit func(store.Finding) error) error
	Close() error
}

// openStorage opens the data folder or the database, and the keys, for one process
// alone.
func (r *records) openStorage(ctx context.Context, data dataFolder, o serveOptions, log *slog.Logger) (err error) {
	if err := o.database.checkKind(data); err != nil {
		return err
	}
	if o.database.uri != "" {
		if r.lock, err = data.lock(); err != nil {
			return err
		}
		return r.openDatabase(ctx, data, o, log)
	}
	if r.ring, err = data.ring(); err != nil {
		return err
	}
	r.folder.Organization, r.folder.Node = data.names(o.organization, o.node, "org1")
	r.folder.Base = o.baseURL
	r.store, err = noStorage(sqlite.Open(ctx, string(data), r.folder))
	return err
}

// readStorage opens what another process may be using; nothing is written.
func (r *records) readStorage(ctx context.Context, data dataFolder, o databaseOptions) (err error) {
	if err := o.checkKind(data); err != nil {
		return err
	}
	if o.uri != "" {
		return r.readDatabase(ctx, data, o)
	}
	if r.ring, err = keyring.Load(data.keys()); err != nil {
		return err
	}
	r.store, err = noStorage(sqlite.OpenReadOnly(ctx, string(data), sqlite.Options{}))
	return err
}

// noStorage keeps a nil pointer from becoming a storage that is not nil.
func noStorage[S storage](s S, err error) (storage, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
