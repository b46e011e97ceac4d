package access

import (
	"context"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Proof returns the proof bundle of one record, for aceso verify record. Who may
// ask sees the parts in clear; of erased ones only the commitment is left.
func (g *Gate) Proof(ctx context.Context, c *Call, auditEvent string) ([]byte, error) {
	return answer(ctx, g, c, func(r *review) ([]byte, error) {
		return look(ctx, r, question{"proof", "r", "AuditEvent"}, auditEvent, r.proof)
	})
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

func (r *review) proof(ctx context.Context, rec record) ([]byte, error) {
	journal, err := r.gate.journal(ctx, rec.log.Source())
	if err != nil {
		return nil, unavailable("record cannot be proven", err)
	}
	proof, err := r.gate.prove(ctx, journal, rec.row.Seq)
	if err != nil {
		return nil, unavailable("record cannot be proven", err)
	}
	rec.row = proof.Row
	opened, err := r.shown(ctx, rec)
	if err != nil {
		return nil, err
	}
	return ledgerbridge.FormatBundle(proof, opened)
}

// shown are the parts that are opened in a proof.
func (r *review) shown(ctx context.Context, rec record) (map[int]ledgerbridge.Opened, error) {
	parts, err := r.gate.Sealer.OpenParts(ctx, rec.row.Parts, nil)
	if err != nil {
		return nil, unavailable("record cannot be opened", err)
	}
	opened := map[int]ledgerbridge.Opened{}
	for i, o := range parts {
		if !o.Empty() && !(rec.entry.Schema == 1 && rec.row.Erased() && namesQuestion(o)) {
			opened[i] = o
		}
	}
	return opened, nil
}

// namesQuestion says whether a part says what was asked. Of a record of version 1, one that is
// left may name a patient who was erased.
func namesQuestion(o ledgerbridge.Opened) bool {
	return o.Patient != nil && o.Patient.Query+o.Patient.Target != ""
}
