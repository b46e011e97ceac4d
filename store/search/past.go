package search

import (
	"math"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// past keeps, for each resource of a history, what the versions visited so far say
// together.
type past struct {
	HistoryReader
	later map[fhir.Ref]*later
}

func newPast(r HistoryReader) *past { return &past{r, map[fhir.Ref]*later{}} }

// later sums up the later versions of a resource.
type later struct {
	version  int64 // the oldest of them, 0 if there is none
	at       int64 // when that was written
	patients []string
	labels   []fhir.Coding
}

// protectPast is the privacy rule that later labels protect the past: it adds the
// patients and labels of all later versions to a version's facts, so that neither a
// visibility function nor a caller sees the version without them. GetVersion and
// History of every store apply the rule here and nowhere else. Versions MUST come
// newest first and, for each resource, without gaps.
func (l *later) protectPast(r *Row) error {
	facts, err := r.Facts()
	if err != nil {
		return err
	}
	protected := *facts
	protected.Patients, protected.Labels = store.Union(facts.Patients, l.patients), store.Union(facts.Labels, l.labels)
	slices.Sort(protected.Patients)
	r.facts = &protected
	*l = later{r.Version, r.Updated, protected.Patients, protected.Labels}
	return nil
}

// add notes a later version, in any order.
func (l *later) add(r *Row) error {
	facts, err := r.Facts()
	if err != nil {
		return err
	}
	l.patients, l.labels = store.Union(l.patients, facts.Patients), store.Union(l.labels, facts.Labels)
	if l.version == 0 || r.Version < l.version {
		l.version, l.at = r.Version, r.Updated
	}
	return nil
}

// replaced is when the version before was replaced.
func (l *later) replaced() int64 {
	if l.version == 0 {
		return math.MaxInt64
	}
	return l.at
}

// load reads the versions after rows, for resources that it has not met before.
func (p *past) load(rows []*Row) error {
	var first []*Row
	for _, r := range rows {
		if p.later[r.Ref] == nil {
			p.later[r.Ref] = &later{}
			first = append(first, r)
		}
	}
	if len(first) == 0 {
		return nil
	}
	return p.Later(first, func(r *Row) error { return p.later[r.Ref].add(r) })
}

// PastVersion is a row of a history, nil if there is none, as GetVersion returns it.
func PastVersion(r HistoryReader, epoch int64, row *Row) (store.Version, error) {
	if row == nil {
		return store.Version{}, store.ErrNotFound
	}
	p := newPast(r)
	if err := p.load([]*Row{row}); err != nil {
		return store.Version{}, err
	}
	if err := p.later[row.Ref].protectPast(row); err != nil {
		return store.Version{}, err
	}
	return row.Full(epoch)
}
