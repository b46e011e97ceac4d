package access

import (
	"context"
	"fmt"
	"slices"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// readAtOnce is how many records of a log a walk reads together.
const readAtOnce = 256

// logWalk visits the records of one log that its streams find, newest or oldest first.
type logWalk struct {
	log     ledgerbridge.Log
	oldest  bool // records first
	left    span
	streams []*stream
	batch   int
	ahead   []record // read, but not visited
}

// newLogWalk reads first records to begin with, which may be all that the page needs.
func newLogWalk(log ledgerbridge.Log, left span, filters []ledgerbridge.Filter, oldest bool, first int) *logWalk {
	l := &logWalk{log: log, oldest: oldest, left: left, batch: min(first, readAtOnce)}
	for _, f := range filters {
		f.Since, f.Oldest = max(f.Since, left.From), oldest
		if f.Before == 0 || f.Before > left.To {
			f.Before = left.To
		}
		l.streams = append(l.streams, &stream{filter: f})
	}
	return l
}

// peek is the next record, nil at the end.
func (l *logWalk) peek(ctx context.Context) (*record, error) {
	if len(l.ahead) == 0 {
		seqs, err := l.seqs(ctx)
		if err != nil {
			return nil, unavailable("records cannot be searched", err)
		}
		if l.ahead, err = loadAll(ctx, l.log, seqs); err != nil || len(l.ahead) == 0 {
			return nil, err
		}
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

// seqs merges the streams: each record comes once.
func (l *logWalk) seqs(ctx context.Context) (seqs []int64, err error) {
	n := l.batch
	l.batch = readAtOnce
	for len(seqs) < n {
		next := int64(-1)
		for _, s := range l.streams {
			seq, ok, err := s.head(ctx, l.log, n)
			if err != nil {
				return nil, err
			}
			if ok && (next < 0 || (seq < next) == l.oldest) {
				next = seq
			}
		}
		if next < 0 {
			break
		}
		for _, s := range l.streams {
			s.drop(next)
		}
		seqs = append(seqs, next)
	}
	return seqs, nil
}

// stream finds records of a log by one filter.
type stream struct {
	filter ledgerbridge.Filter // its Since <= seq < Before is still to be searched
	found  []int64
}

// head is the next position. It looks up n positions when it has none left.
func (s *stream) head(ctx context.Context, log ledgerbridge.Log, n int) (seq int64, ok bool, err error) {
	if len(s.found) == 0 && s.filter.Since < s.filter.Before {
		if s.found, err = log.Find(ctx, s.filter, n); err != nil {
			return 0, false, err
		}
		s.advance(n)
	}
	if len(s.found) == 0 {
		return 0, false, nil
	}
	return s.found[0], true, nil
}

// advance excludes what was found from the filter.
func (s *stream) advance(n int) {
	f := &s.filter
	switch {
	case len(s.found) < n:
		f.Before = f.Since
	case f.Oldest:
		f.Since = s.found[n-1] + 1
	default:
		f.Before = s.found[n-1]
	}
}

func (s *stream) drop(seq int64) {
	if len(s.found) > 0 && s.found[0] == seq {
		s.found = s.found[1:]
	}
}

// nearby is how far apart records may be that are read together.
const nearby = 8

// loadAll reads records of a log in the order of seqs.
func loadAll(ctx context.Context, log ledgerbridge.Log, seqs []int64) ([]record, error) {
	place := make(map[int64]int, len(seqs))
	for i, seq := range seqs {
		place[seq] = i
	}
	all, sorted := make([]record, len(seqs)), slices.Sorted(slices.Values(seqs))
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n] <= sorted[n-1]+nearby {
			n++
		}
		err := readRecords(ctx, log, sorted[0], sorted[n-1]+1, func(rec record) {
			if i, wanted := place[rec.row.Seq]; wanted {
				all[i] = rec
			}
		})
		if err != nil {
			return nil, err
		}
		sorted = sorted[n:]
	}
	for i := range all {
		if all[i].log == nil {
			return nil, unavailable("records cannot be read", fmt.Errorf("%s has no record %d", log.Source(), seqs[i]))
		}
	}
	return all, nil
}
