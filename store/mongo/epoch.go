package mongo

import (
	"context"
	"math"
	"slices"

	"github.com/aceso-health/aceso/store"
)

// stillJudged returns the members whose Judged still holds, and gives the others
// ErrChanged before anything of them is written. It reads the epoch once for the group,
// and the list of changes only if the epoch has moved. Both are as new as they must be:
// the transaction begins after the last member has joined (see attempt), and commits only
// on the primary, which has everything that was acknowledged before.
func (u *unit) stillJudged(ctx context.Context, group []*member) ([]*member, error) {
	group, err := u.stillSeen(ctx, group)
	if err != nil {
		return nil, err
	}
	return u.stillCurrent(ctx, group)
}

// stillCurrent is stillJudged for keys and epochs.
func (u *unit) stillCurrent(ctx context.Context, group []*member) (valid []*member, err error) {
	lowest := int64(math.MaxInt64)
	for _, m := range group {
		if j := &m.change.Judged; j.All || len(j.Keys) > 0 {
			lowest = min(lowest, j.Epoch)
		}
	}
	if lowest == math.MaxInt64 {
		return group, nil
	}
	epoch, err := u.s.epoch(ctx)
	if err != nil || epoch <= lowest {
		return group, err
	}
	changes, err := u.s.touchedSince(ctx, lowest)
	if err != nil {
		return nil, err
	}
	for _, m := range group {
		if outdated(&m.change.Judged, changes) {
			m.err = store.ErrChanged
		} else {
			valid = append(valid, m)
		}
	}
	return valid, nil
}

// outdated says whether one of the changes matters to the judgement.
func outdated(j *store.Judged, changes []touch) bool {
	return slices.ContainsFunc(changes, func(t touch) bool {
		return t.Epoch > j.Epoch && (j.All || slices.ContainsFunc(t.Patients, func(p string) bool { return slices.Contains(j.Keys, p) }))
	})
}
