package mongo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Find returns the sequence numbers that match. Patient, agent and
// time have an index. Targets do not (a page of a search has many, and each would
// touch another page of that index in the path of every read): Find filters the rows
// that the other fields leave.
func (l *storedLog) Find(ctx context.Context, f ledgerbridge.Filter, limit int) ([]int64, error) {
	found, err := retried(ctx, l.s, func(ctx context.Context) ([]int64, error) { return l.find(ctx, f, limit) })
	if err != nil {
		return nil, fmt.Errorf("find in log: %w", err)
	}
	return found, nil
}

func (l *storedLog) find(ctx context.Context, f ledgerbridge.Filter, limit int) (seqs []int64, err error) {
	filter, empty, err := l.filter(ctx, f)
	if err != nil || empty {
		return nil, err
	}
	order := -1
	if f.Oldest {
		order = 1
	}
	o := options.Find().SetSort(bson.D{{Key: "_id", Value: order}}).SetProjection(bson.D{{Key: "p.t", Value: 1}})
	switch {
	case f.Patient != "":
		o.SetHint(patientIndex)
	case f.Agent != "":
		o.SetHint(agentIndex)
	default:
		o.SetHint(byID)
	}
	if f.Target == "" {
		o.SetLimit(int64(limit))
	}
	err = each(ctx, l.log, filter, o, func(e *entry) error {
		if f.Target == "" || slices.ContainsFunc(e.Parts, func(p part) bool { return hasWord(p.Target, f.Target) }) {
			seqs = append(seqs, seqOf(e.ID))
		}
		if len(seqs) >= limit {
			return errStop
		}
		return nil
	})
	return seqs, err
}

// filter is the part that the server can look up. Times do not decrease in a log: they
// bound the sequence numbers.
func (l *storedLog) filter(ctx context.Context, f ledgerbridge.Filter) (filter bson.D, empty bool, err error) {
	from, to := f.Since, int64(-1)
	if !f.From.IsZero() {
		first, err := l.firstAt(ctx, f.From.UnixMilli())
		if err != nil || first < 0 {
			return nil, true, err
		}
		from = max(from, first)
	}
	if !f.To.IsZero() {
		if to, err = l.firstAt(ctx, f.To.UnixMilli()); err != nil {
			return nil, true, err
		}
	}
	if f.Before > 0 && (to < 0 || f.Before < to) {
		to = f.Before
	}
	filter = between(l.source, from, to)
	for _, field := range []struct{ name, value string }{{"p.p", f.Patient}, {"a", f.Agent}, {"x", f.Action}} {
		if field.value != "" {
			filter = append(filter, bson.E{Key: field.name, Value: field.value})
		}
	}
	if f.OutcomeFrom > 0 {
		filter = append(filter, bson.E{Key: "o", Value: bson.D{{Key: "$gte", Value: f.OutcomeFrom}}})
	}
	if f.OutcomeTo > 0 {
		filter = append(filter, bson.E{Key: "o", Value: bson.D{{Key: "$lt", Value: f.OutcomeTo}}})
	}
	return filter, false, nil
}

// firstAt is the first entry at or after a time, -1 if there is none. Times do not decrease
// in a log, so halving finds it; an index of times would have to skip the entries of
// all other logs, and burden every write.
func (l *storedLog) firstAt(ctx context.Context, ms int64) (int64, error) {
	size, err := l.Size(ctx)
	if err != nil {
		return -1, err
	}
	from, to := int64(0), size
	for from < to {
		middle := from + (to-from)/2
		var e entry
		err := l.log.FindOne(ctx, between(l.source, middle, -1), options.FindOne().SetHint(byID).SetSort(byID).
			SetProjection(bson.D{{Key: "t", Value: 1}})).Decode(&e)
		if err != nil {
			return -1, err
		}
		if e.Time < ms {
			from = seqOf(e.ID) + 1
		} else {
			to = middle
		}
	}
	if from == size {
		return -1, nil
	}
	return from, nil
}

// hasWord looks for one whole word in a list separated by spaces.
func hasWord(list, word string) bool { return slices.Contains(strings.Fields(list), word) }

var _ ledgerbridge.Log = (*storedLog)(nil)
