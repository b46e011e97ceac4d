package consent

import (
	"bytes"
	"container/heap"
	"slices"
)

// The bounds of a roll.
const (
	mostShapes = 5000 // beyond them, what is foreseen of further patients is left to each row
	mostModels = 2 * mostShapes
	bucketSize = 2048 // patients whose names change together
	mostStale  = 2000 // patients that are read again one by one
)

// Shape are the patients of whose Consents the same is foreseen.
type Shape struct {
	Buckets []Bucket // disjoint

	models  []*model
	codes   Codes
	unclear bool // nothing is foreseen
	persons bool // see model
}

// Bucket are some patients of a shape.
type Bucket struct {
	Name     string   // no other patients ever have this name in this process
	Patients []string // sorted; MUST NOT be changed
}

// Foresee gives the verdicts that the patients' Consents may come to, see Foresee.
func (p *Shape) Foresee(s Subject, typ string) Verdicts { return p.foresee(s, typ, nil) }

// ForeseeWay gives those about resources that answer Codes in one way.
func (p *Shape) ForeseeWay(s Subject, typ string, way int) Verdicts {
	return p.foresee(s, typ, p.codes.answers(way))
}

func (p *Shape) foresee(s Subject, typ string, codes map[string]truth) Verdicts {
	if p.unclear || p.persons && s.person() {
		return anyVerdict
	}
	all := Verdicts(1 << Silent)
	if s.prepare(); s.System && !s.reads() {
		return all
	}
	for _, m := range p.models { // not as they stand now: their own periods may have ended
		all = all.strongest(m.rules.foresee(&s, m.at, typ, codes))
	}
	return all
}

// view is what a roll says at a time. It is never changed.
type view struct {
	epoch       int64 // it includes the writes up to this one
	from, until int64 // when periods stand as they stood, in milliseconds
	shapes      []*Shape
}

// roll knows all patients who have Consents. It is not safe for concurrent use.
type roll struct {
	name    func() string       // another one each time
	from    int64               // the latest moment that has changed where a patient is
	shapes  map[string]*members // by the keys of their models
	unclear *members
	places  map[string]place // of patients
	dues    dues             // some are out of date
}

// members are the patients of one shape while it changes.
type members struct {
	key     string
	shape   Shape
	buckets []*bucket
	count   int
}

type bucket struct {
	Bucket
	shown bool // to others: it must be copied to be changed
}

// place is where a patient is.
type place struct {
	in    *members // nil: in no shape, but perhaps later
	until int64    // when that may change by the passing of time
}

func newRoll(name func() string) *roll {
	return &roll{name: name, from: -never, shapes: map[string]*members{}, unclear: &members{shape: Shape{unclear: true}}, places: map[string]place{}}
}

// put enters a patient, or enters her anew.
func (l *roll) put(patient string, s standing) {
	l.from = max(l.from, s.from)
	l.move(patient, place{l.shapeOf(s.models), s.until})
}

func (l *roll) move(patient string, to place) {
	old := l.places[patient]
	if old.in != to.in {
		l.leave(patient, old.in)
		l.enter(patient, to.in)
	}
	if to.until != never && to.until != old.until {
		l.expect(due{to.until, patient})
	}
	if to.in == nil && to.until == never {
		delete(l.places, patient)
	} else {
		l.places[patient] = to
	}
}

// expect notes when a place may change. Patients who have others now are forgotten when
// they are more than those who have these.
func (l *roll) expect(d due) {
	if len(l.dues) > 2*len(l.places)+bucketSize {
		l.dues = slices.DeleteFunc(l.dues, func(old due) bool { return l.places[old.patient].until != old.at })
		heap.Init(&l.dues)
	}
	heap.Push(&l.dues, d)
}

// due takes out the patients whose place may have changed by now.
func (l *roll) due(now int64) (patients []string) {
	for len(l.dues) > 0 && l.dues[0].at <= now {
		d := heap.Pop(&l.dues).(due)
		if l.places[d.patient].until == d.at {
			patients = append(patients, d.patient)
		}
	}
	return patients
}

func (l *roll) leave(patient string, from *members) {
	if from == nil {
		return
	}
	b := from.of(patient)
	if i, there := slices.BinarySearch(b.Patients, patient); there {
		b.own()
		b.Patients = slices.Delete(b.Patients, i, i+1)
		from.count--
	}
	if from.count == 0 && from != l.unclear {
		delete(l.shapes, from.key)
	}
}

func (l *roll) enter(patient string, to *members) {
	if to == nil {
		return
	}
	if to.count >= bucketSize*len(to.buckets) {
		to.split()
	}
	b := to.of(patient)
	if i, there := slices.BinarySearch(b.Patients, patient); !there {
		b.own()
		b.Patients = slices.Insert(b.Patients, i, patient)
		to.count++
	}
}

// own makes a bucket one that may be changed, and that has no name yet.
func (b *bucket) own() {
	if b.shown {
		b.Patients = append(make([]string, 0, len(b.Patients)+1), b.Patients...)
	}
	b.shown, b.Name = false, ""
}

// of is the bucket of a patient: the number of buckets is a power of two.
func (m *members) of(patient string) *bucket {
	hash := uint32(2166136261)
	for i := range len(patient) {
		hash = (hash ^ uint32(patient[i])) * 16777619
	}
	return m.buckets[(hash^hash>>16)&uint32(len(m.buckets)-1)]
}

// split doubles the number of buckets.
func (m *members) split() {
	old := m.buckets
	m.buckets = make([]*bucket, max(1, 2*len(old)))
	for i := range m.buckets {
		m.buckets[i] = &bucket{}
	}
	for _, b := range old {
		for _, patient := range b.Patients {
			to := m.of(patient)
			to.Patients = append(to.Patients, patient) // in order, as they were
		}
	}
	for _, b := range m.buckets {
		slices.Sort(b.Patients)
	}
}

// shapeOf finds or makes where patients with these models belong; nil if there are none.
func (l *roll) shapeOf(models []*model) *members {
	if len(models) == 0 {
		return nil
	}
	models = slices.SortedFunc(slices.Values(models), func(a, b *model) int { return bytes.Compare(a.key[:], b.key[:]) })
	models = slices.CompactFunc(models, func(a, b *model) bool { return a.key == b.key })
	var key []byte
	for _, m := range models {
		key = append(key, m.key[:]...)
	}
	if known := l.shapes[string(key)]; known != nil {
		return known
	}
	if len(l.shapes) >= mostShapes || slices.ContainsFunc(models, func(m *model) bool { return m.rules == nil }) {
		return l.unclear
	}
	made := &members{key: string(key), shape: Shape{models: models}}
	for _, m := range models {
		made.shape.persons = made.shape.persons || m.persons
		made.shape.codes.add(m.codes)
	}
	l.shapes[made.key] = made
	return made
}

// show makes the view that the roll says now, as of an epoch.
func (l *roll) show(epoch int64) *view {
	v := &view{epoch: epoch, from: l.from, until: never}
	if len(l.dues) > 0 {
		v.until = l.dues[0].at
	}
	for _, m := range l.shapes {
		v.shapes = append(v.shapes, l.finish(m))
	}
	if l.unclear.count > 0 {
		v.shapes = append(v.shapes, l.finish(l.unclear))
	}
	return v
}

// finish names what has changed of a shape.
func (l *roll) finish(m *members) *Shape {
	shape := m.shape
	for _, b := range m.buckets {
		if b.Name == "" {
			b.Name, b.shown = l.name(), true
		}
		if len(b.Patients) > 0 {
			shape.Buckets = append(shape.Buckets, b.Bucket)
		}
	}
	return &shape
}

// due is when the place of a patient may change.
type due struct {
	at      int64
	patient string
}

// dues is a heap, the earliest first.
type dues []due

func (d dues) Len() int           { return len(d) }
func (d dues) Less(i, j int) bool { return d[i].at < d[j].at }
func (d dues) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *dues) Push(x any)        { *d = append(*d, x.(due)) }
func (d *dues) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}
