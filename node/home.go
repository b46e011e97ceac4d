package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/store"
)

// storage is what keeps a node's data and records.
type storage interface {
	store.Store
	store.Original
	store.Prober
	// Organization owns the data.
	Organization() string
	// Bases are all base URLs that the server has had, see fhir.Below.
	Bases() string
	// Node is the name under which this node's logs are written.
	Node() string
	// PartKeys gives access to the keys of patients' parts, which the keyring wraps.
	PartKeys(wrap, unwrap store.Wrap) ledgerbridge.PartKeys
	// Check compares what is stored with what can be derived again. An error of visit
	// ends it; any other error means that the check failed.
	Check(ctx context.Context, visit func(store.Finding) error) error
	// CheckSince is Check of what has changed since an earlier one. It returns the mark
	// from which the next one goes on.
	CheckSince(ctx context.Context, since store.Since, visit func(store.Finding) error) ([]byte, error)
	Close() error
}

// home is where data and records are kept: alone is a folder, cluster a database that
// several nodes may share.
type home interface {
	// open is for one process alone.
	open(ctx context.Context, r *records, o Options) error
	// read opens what another process may be using; nothing is written.
	read(context.Context, *records) error
	// readRing opens only the keys.
	readRing(context.Context, *records) error
	// rotate adds a key of a use to the keyring.
	rotate(ctx context.Context, use keyring.Use, now time.Time) (id string, err error)
	// check compares what is stored with what can be derived again.
	check(context.Context, *records, Check, func(store.Finding) error) error
	// repair writes search keys anew, if check has not done it.
	repair(context.Context) error
	// tables names what keeps a log, as findings do.
	tables(source string) tables
	others
}

// others is what a node does about the nodes that share its home.
type others interface {
	// shared reports whether there can be any.
	shared() bool
	// checkpoints is where those of the node's logs go; own catches up with it.
	checkpoints(ctx context.Context, own *local.Ledger, logs ...ledgerbridge.Log) (ledgerbridge.Ledger, error)
	// logKeys are all keys that sign checkpoints of a log, as verifiers read them.
	logKeys(ctx context.Context, r *records, source string) ([]string, error)
	// sources are the logs whose checkpoints are also kept in the home: those of all
	// nodes.
	sources(context.Context) ([]string, error)
	// journal opens one of them for reading.
	journal(ctx context.Context, r *records, source string) (*ledgerbridge.Journal, error)
	// packages are those of implementation guides; the home must be open.
	packages() packages
	// keep finishes the logs of nodes that died, until ctx ends.
	keep(context.Context, *Node)
	// lost is closed when another process has taken the node's name.
	lost() <-chan struct{}
}

// homeOf is the home of a folder's node. It refuses to use a folder both with a
// database and without.
func homeOf(data Folder, o Database) (home, error) {
	n, err := data.Identity()
	switch {
	case o.URI != "" && data.used():
		return nil, fmt.Errorf("the data folder %s holds data itself: use another folder with --store", data)
	case o.URI == "" && err == nil && n.Shared:
		return nil, errors.New("the data of this node are in a database: give --store, or set ACESO_STORE")
	case o.URI != "":
		return &cluster{data: data, database: o}, nil
	}
	return alone{data}, nil
}
