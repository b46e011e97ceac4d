package node

import (
	"context"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// storage is what keeps a node's data and records.
type storage interface {
	store.Store
	store.Original
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
