package access

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// judgement is by whose Consents a request was judged. It is kept where other nodes
// change Consents, too: what this node read may have been old already, if it came
// from a server that was no longer the primary and did not know it.
type judgement struct {
	patients map[string]bool
	epoch    int64 // the lowest consent epoch of all rows judged
}

func (j *judgement) add(patient string, epoch int64) {
	if j.patients == nil {
		j.patients, j.epoch = map[string]bool{}, epoch
	}
	j.patients[patient] = true
	j.epoch = min(j.epoch, epoch)
}

// settled answers a request once its record is durable and the Consents that it was
// judged by are still those in force. An answer that was overtaken is discarded: the
// request is judged again, and that record names the one it replaces.
func settled[T any](ctx context.Context, g *Gate, c *Call, answer func(*review) (T, error)) (T, error) {
	var none T
	for range maximumAttempts {
		r := g.review(ctx, c)
		a, err := answer(r)
		if err != nil && !isRefusal(err) {
			return none, err
		}
		again, failed := r.overtaken()
		if failed != nil {
			return none, failed
		}
		if !again {
			return a, err
		}
	}
	return none, unavailable("consents change faster than the request can be judged", nil)
}

// overtaken says whether a Consent of a patient that mattered was written since it
// was read. It MUST be asked after the record is durable: whoever could acknowledge
// that knows every Consent acknowledged before.
func (r *review) overtaken() (bool, error) {
	if r.gate.epochs == nil || len(r.judged.patients) == 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), recordTimeout)
	defer cancel()
	now, err := r.gate.epochs.Epoch(ctx)
	if err != nil {
		return false, unavailable("consents cannot be read", err)
	}
	if now <= r.judged.epoch {
		return false, nil
	}
	changed, at, err := r.gate.epochs.ConsentChanges(ctx, r.judged.epoch)
	if err != nil {
		return false, unavailable("consents cannot be read", err)
	}
	mattered := func(patient string) bool { return r.judged.patients[patient] }
	if at >= now && !slices.ContainsFunc(changed, mattered) {
		return false, nil
	}
	if n := len(r.call.Receipts); n > 0 {
		r.call.overtaken, _, _ = strings.Cut(r.call.Receipts[n-1], ";")
	}
	return true, nil
}

// replacing names the record of the answer that was overtaken, if there is one.
func (c *Call) replacing(d ledgerbridge.Draft) ledgerbridge.Draft {
	if c.overtaken != "" {
		d.Reason += "; replaces " + c.overtaken
	}
	return d
}

// judgedBy lets the commit check that those Consents are still in force.
func (r *review) judgedBy(c store.Change) store.Change {
	c.Judged, c.Epoch = slices.Sorted(maps.Keys(r.judged.patients)), r.judged.epoch
	return c
}
