package node

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/sqlite"
)

// alone is a folder as the home of one node. It has no others.
type alone struct{ data Folder }

func (a alone) open(ctx context.Context, r *records, o Options) (err error) {
	if r.ring, err = a.data.ring(); err != nil {
		return err
	}
	r.folder.Organization, r.folder.Node = a.data.names(o)
	r.folder.Base = o.BaseURL
	r.folder.Report = func(message string) { r.log.Info(message) }
	return r.hold(sqlite.Open(ctx, string(a.data), r.folder))
}

func (a alone) read(ctx context.Context, r *records) error {
	if err := a.readRing(ctx, r); err != nil {
		return err
	}
	return r.hold(sqlite.OpenReadOnly(ctx, string(a.data), sqlite.Options{}))
}

func (a alone) readRing(_ context.Context, r *records) (err error) {
	r.ring, err = keyring.Load(a.data.keys())
	return err
}

func (alone) check(ctx context.Context, r *records, _ Check, visit func(store.Finding) error) error {
	return r.store.Check(ctx, visit)
}

// repair rewrites all search keys.
func (a alone) repair(ctx context.Context) error {
	n, err := a.data.Identity()
	if err != nil {
		return err
	}
	s, err := sqlite.Open(ctx, string(a.data), sqlite.Options{Base: n.BaseURL})
	if err != nil {
		return err
	}
	return errors.Join(s.Reindex(ctx), s.Close())
}

func (alone) tables(source string) tables {
	file := "aceso.db "
	if strings.Contains(source, "/accesses.") {
		file = "access.db "
	}
	return tables{resources: "aceso.db ", entries: file + "entries", parts: file + "parts", tiles: file + "tiles", checkpoints: "checkpoints.log"}
}

func (alone) shared() bool { return false }

func (alone) checkpoints(_ context.Context, own *local.Ledger, _ ...ledgerbridge.Log) (ledgerbridge.Ledger, error) {
	return own, nil
}

func (alone) logKeys(_ context.Context, r *records, source string) ([]string, error) {
	return keyTexts(r.ring.Keys(keyring.Log), source, "")
}

func (alone) sources(context.Context) ([]string, error) { return nil, nil }

func (a alone) journal(_ context.Context, _ *records, source string) (*ledgerbridge.Journal, error) {
	return nil, fmt.Errorf("the data folder %s does not hold the log %s", a.data, source)
}

func (alone) keep(context.Context, *Node) {}

func (alone) lost() <-chan struct{} { return nil }
