package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// changeLog is the change log of one node: the entries from <= seq < size are to be
// compared with versions.
type changeLog struct {
	ledgerbridge.Log
	from, size int64
	seen       []uint64 // a bit for each of them: versions name the entry
	near       map[int64]parsed
}

type parsed struct {
	entry ledgerbridge.Entry
	err   error
}

// entriesAtOnce is how many entries are read together: a walk asks for them one after
// the other, the newest first.
const entriesAtOnce = 256

var errMissing = errors.New("the entry is missing")

// open finds the change logs of all nodes, to be compared from some entries on.
func (v *verification) open(ctx context.Context, from map[string]int64) error {
	logs, err := store.AllLogs(ctx, v.store)
	if err != nil {
		return err
	}
	for _, log := range logs {
		if !ledgerbridge.IsChanges(log.Source()) {
			continue
		}
		size, err := log.Size(ctx)
		if err != nil {
			return fmt.Errorf("size of the change log: %w", err)
		}
		l := &changeLog{Log: log, from: min(from[log.Source()], size), size: size}
		l.seen = make([]uint64, (l.size-l.from+63)/64)
		v.logs[log.Source()] = l
	}
	return nil
}

// entry reads an entry, with those before it.
func (l *changeLog) entry(ctx context.Context, seq int64) (ledgerbridge.Entry, error) {
	if p, ok := l.near[seq]; ok {
		return p.entry, p.err
	}
	l.near = map[int64]parsed{seq: {err: errMissing}}
	failed := l.Rows(ctx, max(0, seq+1-entriesAtOnce), seq+1, func(row ledgerbridge.Row) error {
		e, err := ledgerbridge.ParseEntry(row.Entry)
		l.near[row.Seq] = parsed{e, err}
		return nil
	})
	if failed != nil {
		l.near = nil
		return ledgerbridge.Entry{}, failed
	}
	return l.near[seq].entry, l.near[seq].err
}

// see notes that versions name an entry. asked says that it is one of those to be
// compared, again that it was noted before. Others came while this was going on, or were
// compared earlier.
func (l *changeLog) see(seq int64) (again, asked bool) {
	if seq < l.from || seq >= l.size {
		return false, false
	}
	at, bit := (seq-l.from)/64, uint64(1)<<((seq-l.from)%64)
	again = l.seen[at]&bit != 0
	l.seen[at] |= bit
	return again, !again
}

// written visits the entries to be compared that say something was written.
func (l *changeLog) written(ctx context.Context, visit func(seq int64) error) error {
	return l.saying(ctx, func(seq int64, e *ledgerbridge.Entry) error {
		if e.Interaction == ledgerbridge.Purge { // see checkPurges
			return nil
		}
		return visit(seq)
	})
}

// saying visits the entries to be compared that have a content.
func (l *changeLog) saying(ctx context.Context, visit func(seq int64, e *ledgerbridge.Entry) error) error {
	return l.Rows(ctx, l.from, l.size, func(row ledgerbridge.Row) error {
		e, err := ledgerbridge.ParseEntry(row.Entry)
		if err != nil || e.Content == "" {
			return nil // an unreadable entry is the journal's finding
		}
		return visit(row.Seq, &e)
	})
}

// count counts the entries whose versions must come.
func (v *verification) count(ctx context.Context) error {
	for _, log := range v.logs {
		err := log.written(ctx, func(int64) error {
			v.wanting++
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// unseen finds entries that say something was written which is not there.
func (v *verification) unseen(ctx context.Context, log *changeLog) error {
	return log.written(ctx, func(seq int64) error {
		if again, _ := log.see(seq); again {
			return nil
		}
		return v.report(store.Finding{Table: "changes", Row: fmt.Sprint(seq), What: "says that versions were written, and they are missing"})
	})
}
