package audit

import (
	"context"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// Progress is how far stored versions were compared with the change logs. The zero
// Progress is not at all.
type Progress struct {
	Entries  map[string]int64 `json:"entries,omitempty"`  // how many of each change log, from the first on, were compared with their versions
	Versions int64            `json:"versions,omitempty"` // about as many were there
	Purged   map[string]int   `json:"-"`                  // how many versions of those looked at were purged by an entry
	Turn     []byte           `json:"turn,omitempty"`     // where the next turn through them begins; nil: with the newest
}

// straggling is how many groups that were compared before a walk passes when it still
// looks for versions of newer entries: what is not there by then is missing.
const straggling = 100_000

// VerifyFrom compares as Verify does what was written since an earlier comparison, and the
// newest of what was written before: a version that claims an older entry is found, too.
func VerifyFrom(ctx context.Context, s store.Store, from Progress, report func(store.Finding) error) (Progress, error) {
	v := newVerification(s, report)
	if err := v.open(ctx, from.Entries); err != nil {
		return from, err
	}
	some := len(from.Entries) > 0
	if some {
		if err := v.count(ctx); err != nil {
			return from, err
		}
	}
	whole, err := v.walk(ctx, nil, func([]byte) bool {
		return some && v.old >= v.spread && (v.wanting == 0 || v.old >= straggling)
	})
	if err == nil {
		err = v.checkPurges(ctx, whole)
	}
	if err != nil {
		return from, err
	}
	done := Progress{Entries: map[string]int64{}, Versions: max(v.versions, from.Versions), Turn: from.Turn, Purged: v.purged()}
	for source, log := range v.logs {
		if err := v.unseen(ctx, log); err != nil {
			return from, err
		}
		done.Entries[source] = log.size
	}
	return done, nil
}

// VerifyTurn compares about one in so many of the versions with the entries that wrote
// them, whenever that was, from where the last turn ended; after as many turns, all.
func VerifyTurn(ctx context.Context, s store.Store, from Progress, turns int64, report func(store.Finding) error) (Progress, error) {
	v := newVerification(s, report)
	if err := v.open(ctx, nil); err != nil {
		return from, err
	}
	if from.Turn != nil {
		v.skip = v.spread
	}
	type mark struct {
		next  []byte
		begun int
	}
	var marks []mark
	var turn []byte
	end, err := v.walk(ctx, from.Turn, func(next []byte) bool {
		marks = append(marks, mark{next, v.begun})
		for len(marks) > 0 && marks[0].begun <= v.begun-2*v.spread {
			turn, marks = marks[0].next, marks[1:]
		}
		return turn != nil && v.versions > from.Versions/turns
	})
	if err == nil {
		err = v.checkPurges(ctx, false)
	}
	if err != nil {
		return from, err
	}
	if from.Turn = turn; end {
		from.Turn = nil
	}
	return from, nil
}

func newVerification(s store.Store, report func(store.Finding) error) *verification {
	v := &verification{store: s, report: report, spread: 1, logs: map[string]*changeLog{}, groups: map[group][]store.Version{}, purges: map[group][]ledgerbridge.Item{}, tombstones: map[group]int{}}
	if _, shared := s.(store.Nodes); shared {
		v.spread = openGroups
	}
	return v
}
