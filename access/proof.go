package access

import (
	"context"
	"errors"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Proof returns the proof bundle of one record, for aceso verify record. Who may
// ask sees the parts in clear; of erased ones only the commitment is left.
func (g *Gate) Proof(ctx context.Context, c *Call, auditEvent string) ([]byte, error) {
	r := g.review(ctx, c)
	q := question{"proof", "r", "AuditEvent"}
	body, err := r.proof(q, auditEvent)
	if err := r.recordLook(q, auditEvent, err); err != nil {
		return nil, err
	}
	return body, nil
}

// journal is that of this node, or of another one, for reading.
func (g *Gate) journal(ctx context.Context, source string) (*ledgerbridge.Journal, error) {
	for _, j := range []*ledgerbridge.Journal{g.Changes, g.Accesses} {
		if j.Source() == source {
			return j, nil
		}
	}
	return g.Others(ctx, source)
}

// prove adds the network's evidence where there is a network. That it cannot be had
// is told to operators, and to the caller by its absence.
func (g *Gate) prove(ctx context.Context, j *ledgerbridge.Journal, seq int64) (ledgerbridge.Proof, error) {
	if g.Network == nil {
		return j.Prove(ctx, seq)
	}
	p, err := j.ProveAnchored(ctx, seq, g.Network)
	if p.Lacks != nil {
		g.Log.Warn("a proof was given without evidence of its anchor", "source", j.Source(), "seq", seq, "error", p.Lacks)
	}
	return p, err
}

func (r *review) proof(q question, auditEvent string) ([]byte, error) {
	if p := r.request(q); !p.Allow {
		return nil, forbidden(p.Reason)
	}
	rec, err := r.gate.find(r.ctx, auditEvent)
	if err != nil {
		return nil, err
	}
	journal, err := r.gate.journal(r.ctx, rec.log.Source())
	if err != nil {
		return nil, unavailable("record cannot be proven", err)
	}
	proof, err := r.gate.prove(r.ctx, journal, rec.row.Seq)
	if err != nil {
		return nil, unavailable("record cannot be proven", err)
	}
	opened := map[int]ledgerbridge.Opened{}
	for i, part := range proof.Row.Parts {
		clear, err := r.gate.Sealer.OpenPart(r.ctx, part)
		if errors.Is(err, ledgerbridge.ErrErased) {
			continue
		}
		if err != nil {
			return nil, unavailable("record cannot be opened", err)
		}
		opened[i] = clear
	}
	return ledgerbridge.FormatBundle(proof, opened)
}
