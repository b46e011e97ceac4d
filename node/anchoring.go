package node

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// anchoring is what a node does about a network's ledger. The bridge does it;
// unanchored is a node whose own checkpoint file is the only ledger.
type anchoring interface {
	anchorLists
	shipping
	waiting
	register(*prometheus.Registry)
	Close() error
}

// anchorLists are the anchors of logs, as their journals need them.
type anchorLists interface {
	list(source string) (*ledgerbridge.Anchors, error)
	other(source string) (*ledgerbridge.Anchors, error)
	prover() ledgerbridge.AnchorProver
}

// shipping brings logs to the ledger, or finds that it contradicts them.
type shipping interface {
	compare(context.Context, *ledgerbridge.Journal) error
	ship(context.Context, *ledgerbridge.Journal)
	contradicted() string
}

// waiting watches records that are not on the ledger yet, and serves clients that wait
// for their anchors.
type waiting interface {
	watch(context.Context)
	writable() error
	notes(context.Context) []string
	await(ctx context.Context, receipts []string) string
	answerWaiting()
}

// unanchored is a node without a network's ledger.
type unanchored struct{}

func (unanchored) list(string) (*ledgerbridge.Anchors, error)           { return nil, nil }
func (unanchored) other(string) (*ledgerbridge.Anchors, error)          { return nil, nil }
func (unanchored) prover() ledgerbridge.AnchorProver                    { return nil }
func (unanchored) compare(context.Context, *ledgerbridge.Journal) error { return nil }
func (unanchored) ship(context.Context, *ledgerbridge.Journal)          {}
func (unanchored) contradicted() string                                 { return "" }
func (unanchored) watch(context.Context)                                {}
func (unanchored) writable() error                                      { return nil }
func (unanchored) notes(context.Context) []string                       { return nil }
func (unanchored) await(context.Context, []string) string               { return "" }
func (unanchored) answerWaiting()                                       {}
func (unanchored) register(*prometheus.Registry)                        {}
func (unanchored) Close() error                                         { return nil }
