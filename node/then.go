package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/emergency"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/policy/revision"
	"github.com/aceso-health/aceso/store"
)

// mostCompiled is how many revisions of the policies are kept ready for questions about
// times that are over.
const mostCompiled = 8

// then knows what decided at a time. It implements access.Then.
type then struct {
	n         *Node
	revisions *revision.Service
	desk      *emergency.Desk

	mu       sync.Mutex
	compiled map[string]*policy.Candidate
}

func (n *Node) then() (*then, error) {
	k := keptRows{n.store}
	revisions, err := n.revisions(operatorRows{k, &n.records})
	return &then{n: n, revisions: revisions, desk: &emergency.Desk{Keeper: operatorRows{k, &n.records}, Now: time.Now}, compiled: map[string]*policy.Candidate{}}, err
}

// EmergenciesAt asks the desk.
func (t *then) EmergenciesAt(ctx context.Context, mark string, at time.Time) ([]string, bool, error) {
	return t.desk.At(ctx, mark, at)
}

// PolicyAt is the revision that is kept as in force then; or the one that the records before
// and after that time name, if it is the same.
func (t *then) PolicyAt(ctx context.Context, organization string, at time.Time) (access.Decider, error) {
	active, err := t.revisions.At(ctx, at)
	if err != nil {
		return nil, err
	}
	hash := ""
	if active != nil {
		hash = active.Decides(organization, at)
	} else if hash, err = t.recorded(ctx, at); err != nil {
		return nil, err
	}
	return t.Revision(ctx, hash)
}

// Revision is a revision made ready.
func (t *then) Revision(ctx context.Context, hash string) (access.Decider, error) {
	c, err := t.compile(ctx, hash)
	if c == nil || err != nil {
		return nil, err
	}
	return c, nil
}

// compile makes a revision ready, nil if its text is not kept.
func (t *then) compile(ctx context.Context, hash string) (*policy.Candidate, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.compiled[hash]; c != nil || hash == "" {
		return c, nil
	}
	archive, err := t.revisions.Archive(ctx, hash)
	if errors.Is(err, revision.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := policy.LookPacked(ctx, archive)
	if err != nil {
		return nil, err
	}
	for old := range t.compiled {
		if len(t.compiled) < mostCompiled {
			break
		}
		delete(t.compiled, old)
	}
	t.compiled[hash] = c
	return c, nil
}

// recorded is the revision that decided about what was recorded last before a time and first
// after it, "" if these are two: one of them is of the time, and nobody knows which.
func (t *then) recorded(ctx context.Context, at time.Time) (string, error) {
	logs, err := store.AllLogs(ctx, t.n.store)
	if err != nil {
		return "", err
	}
	next := at.Add(time.Millisecond)
	before, err := revisionNamed(ctx, logs, ledgerbridge.Filter{To: next})
	if err != nil || before == "" {
		return "", err
	}
	after, err := revisionNamed(ctx, logs, ledgerbridge.Filter{From: next, Oldest: true})
	if after == "" {
		after = t.n.policy.Revision()
	}
	if err != nil || after != before {
		return "", err
	}
	return before, nil
}

// someRecords are looked at for one that a policy decided.
const someRecords = 20

// revisionNamed is the revision in the record that a filter finds first and that names one.
func revisionNamed(ctx context.Context, logs []ledgerbridge.Log, f ledgerbridge.Filter) (hash string, err error) {
	var best time.Time
	for _, log := range logs {
		seqs, err := log.Find(ctx, f, someRecords)
		if err != nil {
			return "", err
		}
		for _, seq := range seqs {
			err := log.Rows(ctx, seq, seq+1, func(row ledgerbridge.Row) error {
				e, err := ledgerbridge.ParseEntry(row.Entry)
				if sooner := f.Oldest == e.Time.Before(best); err == nil && e.Policy != "" && (hash == "" || sooner && !e.Time.Equal(best)) {
					hash, best = e.Policy, e.Time
				}
				return err
			})
			if err != nil {
				return "", err
			}
		}
	}
	return hash, nil
}
