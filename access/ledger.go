package access

import (
	"context"
	"errors"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Chain is a proof bundle, read from the record up to the ledger.
type Chain = ledgerbridge.Chain

// ReadChain reads a proof bundle.
func ReadChain(bundle []byte) (Chain, error) { return ledgerbridge.ReadChain(bundle) }

// LedgerView is how far the logs of a node have come, and those of others that share
// its store.
type LedgerView struct {
	Organization, Node string
	At                 time.Time
	Sources            []SourceView
}

// SourceView is how far one log has come. Without a network's ledger, the records that
// wait are those that no checkpoint in the local one covers yet.
type SourceView struct {
	ledgerbridge.Standing
	Elsewhere bool      // another node anchors this log on the network's ledger, and knows how far
	Until     time.Time // of the last record that a checkpoint covers; zero if there is none
	State     string    // one of the words below
	Newest    string    // AuditEvent of the last record that a checkpoint covers, or ""
}

// States of a source: what its operator should know first.
const (
	SourceEmpty        = "empty"        // no records yet
	SourceUpToDate     = "up to date"   // the ledger holds all records
	SourceWaiting      = "waiting"      // the ledger will hold the last ones soon
	SourceLate         = "late"         // records wait longer than lateAfter
	SourceFailing      = "failing"      // the last attempt to make a checkpoint or to anchor failed
	SourceUnreadable   = "unreadable"   // nothing is known; the node's log says why
	SourceContradicted = "contradicted" // the ledger denies what the log says
)

// lateAfter is how long a record may wait before somebody should look.
const lateAfter = 15 * time.Minute

// Ledger says how far the logs are checkpointed and anchored. The look is recorded like
// every other access; the view is of the moment before.
func (g *Gate) Ledger(ctx context.Context, c *Call) (*LedgerView, error) {
	return answer(ctx, g, c, func(r *review) (*LedgerView, error) { return r.ledger(ctx) })
}

func (r *review) ledger(ctx context.Context) (*LedgerView, error) {
	if _, err := r.ask(ctx, question{"ledger", "r", ""}); err != nil {
		return nil, err
	}
	view := &LedgerView{Organization: r.gate.Organization, Node: r.gate.Node, At: r.now}
	logs, err := r.gate.logs(ctx)
	if err != nil {
		return nil, err
	}
	for _, log := range logs {
		view.Sources = append(view.Sources, r.sourceView(ctx, log))
	}
	return view, nil
}

// sourceView reads where a log stands. One that cannot be read does not hide the others.
func (r *review) sourceView(ctx context.Context, log ledgerbridge.Log) SourceView {
	s, err := r.source(ctx, log)
	if err != nil {
		r.gate.Log.Error("the standing of a log cannot be read", "log", log.Source(), "request", r.call.Request, "error", err)
		return SourceView{Standing: ledgerbridge.Standing{Source: log.Source(), Network: true}, State: SourceUnreadable}
	}
	s.State = s.state(r.now)
	return s
}

// source is sourceView without judgement.
func (r *review) source(ctx context.Context, log ledgerbridge.Log) (s SourceView, err error) {
	j, err := r.gate.journal(ctx, log.Source())
	if err != nil {
		return s, err
	}
	if s.Standing, err = j.Standing(ctx); err != nil {
		return s, err
	}
	s.Elsewhere = r.gate.Network != nil && !s.Network
	if s.Checkpointed > 0 {
		s.Newest = auditID(s.Source, s.Checkpointed-1)
		if s.Until, err = r.timeOf(ctx, log, s.Checkpointed-1); err != nil {
			return s, err
		}
	}
	if !s.Network && s.Size > s.Checkpointed {
		s.Waiting = s.Size - s.Checkpointed
		s.Oldest, err = r.timeOf(ctx, log, s.Checkpointed)
	}
	if s.Err == nil {
		s.Err = j.Err()
	}
	return s, err
}

func (r *review) timeOf(ctx context.Context, log ledgerbridge.Log, seq int64) (time.Time, error) {
	rec, err := r.gate.load(ctx, log, seq)
	return rec.row.Time, err
}

func (s *SourceView) state(now time.Time) string {
	var denied *ledgerbridge.Contradiction
	switch {
	case errors.As(s.Err, &denied):
		return SourceContradicted
	case s.Err != nil:
		return SourceFailing
	case s.Size == 0:
		return SourceEmpty
	case s.Waiting == 0:
		return SourceUpToDate
	case now.Sub(s.Oldest) > lateAfter:
		return SourceLate
	}
	return SourceWaiting
}

// AuditEventOf reads what people hold of a record: the id of its AuditEvent, or the
// receipt that came with an answer. matches says whether a proven record is the one that
// the text names.
func AuditEventOf(text string) (id string, matches func(Chain) bool) {
	receipt, err := ledgerbridge.ParseReceipt(text)
	if err != nil {
		return text, func(Chain) bool { return true }
	}
	return auditID(receipt.Source, receipt.Seq), func(c Chain) bool { return c.Receipt == receipt }
}
