package consent

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// model is what Foresee rests on of one Consent at a moment: Consents with the same key
// foresee the same, as long as their periods stand as they stood, for whoever is none of the
// persons whom they name.
type model struct {
	key     [sha256.Size]byte
	persons bool       // names patients or related persons as actors; the key does not say whom
	codes   []*content // criteria that the key names
	rules   *Rules     // of one of these Consents; nil if there are too many models
	at      int64      // when it stood so
}

// standing is how the Consents of one patient stand at a moment.
type standing struct {
	models      []*model // of those that say something
	from, until int64    // since when, and until when, by the passing of time
	named       func(*content) bool
}

// newStanding is of no Consent. named says which criteria of codes keys name; the others
// are all alike.
func newStanding(named func(*content) bool) standing {
	return standing{from: -never, until: never, named: named}
}

// add adds a Consent, and keeps its model in common with others, if they are known.
func (s *standing) add(r *Rules, now int64, common func(*model) *model) {
	s.until = min(s.until, r.next(now))
	for _, b := range r.bounds {
		if b <= now {
			s.from = max(s.from, b)
		}
	}
	if r.state == dormant || now < r.from {
		return // silent
	}
	w := writer{now: now, named: s.named}
	w.number(int(r.state), int(r.scope), flag(r.puzzling), flag(r.root != nil))
	w.texts(r.custodians)
	if r.root != nil {
		w.provision(r.root)
	}
	m := &model{sha256.Sum256(w.text), w.persons, w.codes, r, now}
	if common != nil {
		m = common(m)
	}
	s.models = append(s.models, m)
}

// writer writes what Foresee rests on, so that different rules have different texts.
type writer struct {
	now     int64
	named   func(*content) bool
	text    []byte
	persons bool
	codes   []*content // those that are named
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *writer) number(numbers ...int) {
	for _, n := range numbers {
		w.text = binary.AppendVarint(w.text, int64(n))
	}
}

// texts writes a list whose order means nothing.
func (w *writer) texts(list []string) {
	w.number(len(list))
	for _, s := range slices.Sorted(slices.Values(list)) {
		w.number(len(s))
		w.text = append(w.text, s...)
	}
}

func (w *writer) provision(p *provision) {
	w.number(int(p.kind), flag(p.total), flag(p.withdrawn), flag(p.exclusive), flag(p.regardless), flag(p.emergency), int(p.current(w.now)))
	w.actors(p.actors)
	w.number(flag(p.actions != nil), flag(p.purpose != nil), flag(p.class != nil), flag(p.labels != nil || p.dataPeriod != nil), flag(p.data != nil))
	if a := p.actions; a != nil {
		w.number(flag(a.unclear))
		w.texts(a.values)
	}
	if c := p.purpose; c != nil {
		w.number(flag(c.unclear))
		w.texts(c.values.few)
	}
	if c := p.class; c != nil {
		w.number(flag(c.unclear), flag(c.any))
		w.texts(c.values.few)
	}
	w.content(p.content)
	w.data(p.data)
	w.number(len(p.children))
	for _, c := range p.children {
		w.provision(c)
	}
}

func (w *writer) content(c *content) {
	named := c != nil && w.named(c)
	w.number(flag(c != nil), flag(named))
	if !named {
		return
	}
	w.texts([]string{c.name})
	if !slices.ContainsFunc(w.codes, func(known *content) bool { return known.name == c.name }) {
		w.codes = append(w.codes, c)
	}
}

// actors leaves out which patients and related persons they name: those are hardly ever
// the caller, and different in each patient's Consents.
func (w *writer) actors(a *actors) {
	w.number(flag(a != nil))
	if a == nil {
		return
	}
	var refs []string
	for _, ref := range a.refs.few {
		if isPerson(ref) {
			w.persons = true
		} else {
			refs = append(refs, ref)
		}
	}
	w.number(flag(a.unclear), flag(a.inData), flag(len(refs) < len(a.refs.few)))
	w.texts(refs)
}

func isPerson(ref string) bool {
	return strings.HasPrefix(ref, "Patient/") || strings.HasPrefix(ref, "RelatedPerson/")
}

// data writes of which types resources may be meant.
func (w *writer) data(data []datum) {
	types := make([]string, 0, len(data))
	for i := range data {
		typ := "" // any
		if d := &data[i]; d.meaning == instance && d.ref != "" {
			typ = cmp.Or(d.ref[:strings.IndexByte(d.ref, '/')+1], "/") // with none, of no type
		}
		types = append(types, typ)
	}
	slices.Sort(types)
	w.texts(slices.Compact(types))
}

// person says whether the caller may be a patient or a related person.
func (s *Subject) person() bool {
	if s.open("Patient/") || s.open("RelatedPerson/") {
		return true
	}
	return slices.ContainsFunc(s.Actors, isPerson) || slices.ContainsFunc(s.Possible, isPerson)
}
