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
	fresh []*Row           // see load
	visit func(*Row) error // add, made once
}

func newPast(r HistoryReader) *past {
	p := &past{HistoryReader: r, later: map[fhir.Ref]*later{}}
	p.visit = p.add
	return p
}

// later sums up the later versions of a resource.
type later struct {
	version  int64 // the oldest of them, 0 if there is none
	at       int64 // when that was written
	patients []string
	leads    []string // references and contents
	loose    bool     // one of them is in nobody's compartment
	labels   []fhir.Coding
}

// protectPast is the privacy rule that later labels protect the past: it adds the
// patients and labels of all later versions to a version's facts, so that neither a
// visibility function nor a caller sees the version without them. GetVersion and
// History of every store apply the rule here and nowhere else. Versions MUST come
// newest first and, for each resource, without gaps, and be loaded. replaced is when
// the next version was written.
func (p *past) protectPast(r *Row) (replaced int64, err error) {
	facts, err := r.Facts()
	if err != nil {
		return 0, err
	}
	l := p.later[r.Ref]
	protected := *facts
	protected.Patients, protected.Labels = store.Union(facts.Patients, l.patients), store.Union(facts.Labels, l.labels)
	slices.Sort(protected.Patients)
	protected.Later, protected.Loose = l.leads, l.loose || len(facts.Patients) == 0
	r.facts = &protected
	r.Keyless = true // those of past versions are not derived anew when keys change
	replaced = l.at
	if l.version == 0 {
		replaced = math.MaxInt64
	}
	*l = later{r.Version, r.Updated, protected.Patients, l.all(facts), protected.Loose, protected.Labels}
	return replaced, nil
}

// all are the references and contents of the later versions and of one more.
func (l *later) all(f *fhir.Facts) []string {
	if len(f.Contents)+len(f.Blind) == 0 && slices.Equal(l.leads, f.References) {
		return l.leads
	}
	blind := make(map[string]bool, len(f.Blind))
	for _, ref := range f.Blind {
		blind[ref] = true
	}
	all := slices.DeleteFunc(slices.Concat(f.References, f.Contents), func(ref string) bool { return blind[ref] })
	all = append(all, l.leads...)
	slices.Sort(all)
	return slices.Compact(all)
}

// add notes a later version, in any order.
func (p *past) add(r *Row) error {
	facts, err := r.Facts()
	if err != nil {
		return err
	}
	l := p.later[r.Ref]
	l.patients, l.labels = store.Union(l.patients, facts.Patients), store.Union(l.labels, facts.Labels)
	l.leads, l.loose = l.all(facts), l.loose || len(facts.Patients) == 0
	if l.version == 0 || r.Version < l.version {
		l.version, l.at = r.Version, r.Updated
	}
	return nil
}

// load reads the versions after the first of rows, and after others of them if batch
// says so, for resources that it has not met before.
func (p *past) load(rows []*Row, batch int) error {
	if p.later[rows[0].Ref] != nil {
		return nil
	}
	p.fresh = p.fresh[:0]
	for _, r := range rows[:min(len(rows), max(1, batch))] {
		if p.later[r.Ref] == nil {
			p.later[r.Ref] = &later{}
			p.fresh = append(p.fresh, r)
		}
	}
	return p.Later(p.fresh, p.visit)
}

// PastVersion is a row of a history, nil if there is none, as GetVersion returns it.
func PastVersion(r HistoryReader, epoch int64, row *Row) (store.Version, error) {
	if row == nil || row.Purged != "" {
		return store.Version{}, store.ErrNotFound
	}
	p := newPast(r)
	if err := p.load([]*Row{row}, 1); err != nil {
		return store.Version{}, err
	}
	if _, err := p.protectPast(row); err != nil {
		return store.Version{}, err
	}
	return row.Full(epoch)
}
