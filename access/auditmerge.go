package access

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// collect finds one record more than a page holds, newest first over all logs.
func (g *Gate) collect(ctx context.Context, q auditQuery, before auditPosition) ([]record, error) {
	if q.id != "" {
		return g.single(ctx, q)
	}
	var all []record
	logs, err := g.logs(ctx)
	if err != nil {
		return nil, err
	}
	for _, log := range logs {
		seqs, err := g.candidates(ctx, log, q, before[log.Source()])
		if err != nil {
			return nil, unavailable("records cannot be searched", err)
		}
		for _, seq := range seqs {
			rec, err := g.load(ctx, log, seq)
			if err != nil {
				return nil, err
			}
			all = append(all, rec)
		}
	}
	slices.SortStableFunc(all, func(a, b record) int { return b.entry.Time.Compare(a.entry.Time) })
	return all[:min(len(all), q.count+1)], nil
}

// single is the search by _id: the other parameters must hold, too.
func (g *Gate) single(ctx context.Context, q auditQuery) ([]record, error) {
	rec, err := g.find(ctx, q.id)
	if err != nil {
		if isRefusal(err) {
			return nil, nil
		}
		return nil, err
	}
	only := rec.row.Seq + 1
	seqs, err := g.candidates(ctx, rec.log, q, only)
	if err != nil {
		return nil, unavailable("records cannot be searched", err)
	}
	if !slices.Contains(seqs, rec.row.Seq) {
		return nil, nil
	}
	return []record{rec}, nil
}

// candidates are the newest matching positions of one log below before. A patient
// is found as the one concerned and, where there is none, as the target asked for.
func (g *Gate) candidates(ctx context.Context, log ledgerbridge.Log, q auditQuery, before int64) ([]int64, error) {
	f := q.filter
	f.Before = before
	if before < 0 {
		return nil, nil
	}
	if q.agent != "" {
		f.Agent = g.Sealer.AgentPseudonym(q.agent)
	}
	if q.entity == "" {
		return log.Find(ctx, f, q.count+1)
	}
	byTarget := f
	byTarget.Target = g.Sealer.TargetPseudonym(q.entity)
	seqs, err := log.Find(ctx, byTarget, q.count+1)
	if err != nil {
		return nil, err
	}
	f.Patient = g.Sealer.PatientPseudonym(q.entity)
	more, err := log.Find(ctx, f, q.count+1)
	if err != nil {
		return nil, err
	}
	seqs = append(seqs, more...)
	slices.SortFunc(seqs, func(a, b int64) int { return int(b - a) })
	return slices.Compact(seqs), nil
}

// auditPosition is the lowest sequence number shown so far of each source; none at
// the start, -1 once a log is used up.
type auditPosition map[string]int64

// readPosition reads the position of a link.
func readPosition(b []byte) (auditPosition, error) {
	p := auditPosition{}
	if len(b) == 0 {
		return p, nil
	}
	return p, json.Unmarshal(b, &p)
}

// nextPosition is where the next page begins, nil if this is the last one.
func nextPosition(before auditPosition, records []record, count int) []byte {
	if len(records) <= count {
		return nil
	}
	next := maps.Clone(before)
	for _, rec := range records[:count] {
		next[rec.log.Source()] = rec.row.Seq
		if rec.row.Seq == 0 {
			next[rec.log.Source()] = -1
		}
	}
	b, err := json.Marshal(next)
	if err != nil {
		return nil
	}
	return b
}
