package access

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// standing says as of which epoch a grant stood. It is remembered (Gate.grants) and counts
// until a row with a higher epoch is judged: then the list of keys changed since says
// whether the grant is one of them. What no row tells is checked in the transaction of the
// record, or, in a store that no other process writes to, against the epoch of all that was
// acknowledged.
type standing struct {
	epoch int64
	read  time.Time
}

// lookAgain is after how long a grant is read again, so that the list of changes since
// does not grow for ever. No answer depends on it.
const lookAgain = 10 * time.Second

// grantEnded is the reason of a refusal because the grant of a token is gone.
const grantEnded = "grant-ended"

// stands holds that the grant of the caller's token, if it has one, stands as of an epoch.
// One that ended is recorded as a refusal of the request.
func (r *review) stands(ctx context.Context, epoch int64) error {
	key := r.call.Agent.Grant
	if key == "" {
		return nil
	}
	if alone, ok := r.gate.Store.(store.Alone); ok {
		epoch = max(epoch, alone.Epoch())
	}
	if r.granted && epoch <= r.grantEpoch {
		return nil
	}
	at, err := r.gate.standing(ctx, key, epoch, r.now)
	switch {
	case errors.Is(err, store.ErrNotFound):
		r.entry.Decision, r.entry.Reason = "deny", grantEnded
		return &fhir.Error{Kind: fhir.Unauthenticated, Detail: "What this token rests on was ended by its user or an operator, or has expired; ask for a new authorization."}
	case err != nil:
		return err
	}
	r.granted, r.grantEpoch = true, at
	return nil
}

// standing is the epoch, epoch or a later one, as of which a grant stands.
func (g *Gate) standing(ctx context.Context, key string, epoch int64, now time.Time) (int64, error) {
	s, known := recall(&g.grants, key)
	if known && now.Sub(s.read) < lookAgain {
		if epoch <= s.epoch {
			return s.epoch, nil
		}
		written, at, err := g.Store.ConsentChanges(ctx, s.epoch)
		if err != nil {
			return 0, unavailable("grant cannot be looked up", err)
		}
		if at >= epoch && !slices.Contains(written, store.GrantKey(key)) {
			g.grants.put(key, standing{at, s.read})
			return at, nil
		}
	}
	g.grants.drop(key)
	row, err := g.Store.Kept(ctx, store.GrantSpace, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return 0, err
	case err != nil:
		return 0, unavailable("grant cannot be looked up", err)
	case row.Epoch < epoch: // from a server that was deposed
		return 0, store.ErrChanged
	}
	g.grants.put(key, standing{row.Epoch, now})
	return row.Epoch, nil
}

// keptJudged adds the grant and the emergencies to what a record rests on.
func (r *review) keptJudged(j store.Judged) store.Judged {
	if r.granted {
		j = restingOn(j, r.grantEpoch, store.GrantKey(r.call.Agent.Grant))
	}
	if e := r.emergencies; e != nil && len(e.keys) > 0 {
		j = restingOn(j, e.epoch, e.keys...)
	}
	return j
}

// restingOn adds keys that were read as of an epoch.
func restingOn(j store.Judged, epoch int64, keys ...string) store.Judged {
	if j.All || len(j.Keys) > 0 {
		j.Epoch = cmp.Or(min(j.Epoch, epoch), j.Epoch)
	} else {
		j.Epoch = epoch
	}
	j.Keys = append(j.Keys, keys...)
	return j
}
