package mongo

import (
	"context"
	"math"
	"slices"

	"github.com/aceso-health/aceso/store"
)

// stillJudged returns the members that were judged by what is still in force, and gives
// the others ErrChanged, before anything of them is written. The epoch is read once for
// the group, and the list of changes if the epoch has moved. The transaction commits only
// on the primary, which has everything that was acknowledged before it began; and it began
// after the last member joined (see attempt).
func (u *unit) stillJudged(ctx context.Context, group []*member) (valid []*member, err error) {
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

// outdated says whether one of the changes matters to what was judged.
func outdated(j *store.Judged, changes []touch) bool {
	return slices.ContainsFunc(changes, func(t touch) bool {
		return t.Epoch > j.Epoch && (j.All || slices.ContainsFunc(t.Patients, func(p string) bool { return slices.Contains(j.Keys, p) }))
	})
}
