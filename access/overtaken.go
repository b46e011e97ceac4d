package access

import (
	"context"
	"errors"
	"maps"
	"slices"

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

// settled answers a request once its record is durable. If the Consents that it was
// judged by were no longer those in force then, nothing was recorded and the request is
// judged again.
func settled[T any](ctx context.Context, g *Gate, c *Call, answer func(*review) (T, error)) (T, error) {
	var none T
	for range maximumAttempts {
		a, err := answer(g.review(ctx, c))
		if !errors.Is(err, store.ErrChanged) {
			return a, err
		}
	}
	return none, unavailable("consents change faster than the request can be judged", nil)
}

// judgedBy lets the store check that those Consents are still in force.
func (r *review) judgedBy() store.Judged {
	return store.Judged{Keys: slices.Sorted(maps.Keys(r.judged.patients)), Epoch: r.judged.epoch}
}
