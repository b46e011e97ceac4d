package access

import (
	"context"
	"fmt"
	"slices"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// readAtOnce is how many records of a log a walk reads together.
const readAtOnce = 256

// logWalk visits the records of one log that any of its filters finds, newest or oldest
// first.
type logWalk struct {
	log     ledgerbridge.Log
	filters []ledgerbridge.Filter
	oldest  bool // records first
	left    span // not visited
	batch   int  // records to read next: at first as many as the page may need
	ahead   []record
	done    bool // nothing is left to be read
}

// peek is the next record, nil at the end.
func (l *logWalk) peek(ctx context.Context) (*record, error) {
	if len(l.ahead) == 0 && !l.done {
		seqs, err := l.seqs(ctx)
		if err != nil {
			return nil, unavailable("records cannot be searched", err)
		}
		if l.ahead, err = loadAll(ctx, l.log, seqs); err != nil {
			return nil, err
		}
		if !l.oldest {
			slices.Reverse(l.ahead)
		}
	}
	if len(l.ahead) == 0 {
		return nil, nil
	}
	return &l.ahead[0], nil
}

// pop visits the record that peek returned.
func (l *logWalk) pop() *record {
	rec := l.ahead[0]
	l.ahead = l.ahead[1:]
	if l.oldest {
		l.left.From = rec.row.Seq + 1
	} else {
		l.left.To = rec.row.Seq
	}
	return &rec
}

// seqs are the next positions in ascending order: every filter finds as many as are
// read, and the first of them all count.
func (l *logWalk) seqs(ctx context.Context) (seqs []int64, err error) {
	n := min(l.batch, readAtOnce)
	l.batch = readAtOnce
	for _, f := range l.filters {
		f.Since, f.Oldest = max(f.Since, l.left.From), l.oldest
		if f.Before == 0 || f.Before > l.left.To {
			f.Before = l.left.To
		}
		if f.Since >= f.Before {
			continue
		}
		found, err := l.log.Find(ctx, f, n)
		if err != nil {
			return nil, err
		}
		seqs = append(seqs, found...)
	}
	slices.Sort(seqs)
	seqs = slices.Compact(seqs)
	l.done = len(seqs) < n
	if l.oldest {
		return seqs[:min(n, len(seqs))], nil
	}
	return seqs[max(0, len(seqs)-n):], nil
}

// nearby is how far apart records may be that are read together.
const nearby = 8

// loadAll reads records of a log; seqs ascend.
func loadAll(ctx context.Context, log ledgerbridge.Log, seqs []int64) ([]record, error) {
	all := make([]record, 0, len(seqs))
	for len(seqs) > 0 {
		n := 1
		for n < len(seqs) && seqs[n] <= seqs[n-1]+nearby {
			n++
		}
		end := seqs[n-1] + 1
		err := readRecords(ctx, log, seqs[0], end, func(rec record) {
			if rec.row.Seq == seqs[0] {
				all, seqs = append(all, rec), seqs[1:]
			}
		})
		if err != nil {
			return nil, err
		}
		if len(seqs) > 0 && seqs[0] < end {
			return nil, unavailable("records cannot be read", fmt.Errorf("%s has no record %d", log.Source(), seqs[0]))
		}
	}
	return all, nil
}
