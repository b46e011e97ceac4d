package consent

import (
	"math"
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// truth is the answer to "does this criterion match": a conjunction is the least
// of its parts, a disjunction the greatest.
type truth uint8

const (
	no truth = iota
	maybe
	yes
)

func certain(b bool) truth {
	if b {
		return yes
	}
	return no
}

// either is yes, or maybe if something in the criterion is not understood.
func either(matched, unclear bool) truth {
	if !matched && unclear {
		return maybe
	}
	return certain(matched)
}

// kind is what a provision does where it matches.
type kind uint8

const (
	speechless kind = iota // a root without type: its children speak
	permits
	denies
	riddle // a root without type that nobody can read: nothing is permitted within it
)

// provision is one node of a Consent. A nil criterion is absent and matches. A permit
// below a permit has the criteria that it does not name itself from its parent.
type provision struct {
	kind       kind
	total      bool // denies what does not match it, too: an opt-out that may be read both ways
	withdrawn  bool // a permit of a Consent that is not understood: it holds nothing open
	exclusive  bool // a permit that has the last word about its purposes
	regardless bool // ... whoever asks
	emergency  bool // names BTG: the only kind of deny that binds in an emergency
	children   []*provision

	// criteria of the request
	periods []*window // all must match
	actors  *actors
	actions *actions
	purpose *purposes
	// criteria of the resource
	class      *codes
	content    *content
	labels     *labelled
	dataPeriod *window
	data       []datum
}

// request says whether the provision is about this request: what it is for, and who asks.
func (p *provision) request(s *Subject, now int64) (rest, who truth) {
	rest, who = yes, yes
	for _, w := range p.periods {
		rest = min(rest, w.at(now))
	}
	if p.purpose != nil {
		rest = min(rest, p.purpose.match(s.purposes))
	}
	rest = min(rest, p.actions.match(s))
	if p.actors != nil && rest != no {
		who = p.actors.match(s)
	}
	return rest, who
}

// resource says whether the provision is about this resource: it and all that is in it or
// that it shows.
func (p *provision) resource(c *question) truth {
	if c.assumed != nil {
		return c.assumed.about(p)
	}
	t := p.matches(c.s, c.facts, c.labels)
	if p.class == nil && p.content == nil && p.labels == nil && p.dataPeriod == nil && p.data == nil {
		return t
	}
	r := c.reached()
	for i := range r.parts {
		if t = agree(t, p.part(c, &r.parts[i])); t == maybe {
			return t
		}
	}
	if r.More {
		return maybe
	}
	return t
}

// part says whether the provision is about a part of the resource. What is another
// patient's than the whole is as unknown as what is not there: it may be hidden.
func (p *provision) part(c *question, x *part) truth {
	if x.facts == nil || !within(x.facts.Patients, c.facts.Patients) && !within(x.facts.Patients, c.reached().Patients) {
		if p.class != nil && p.class.matchType(x.typ) == no {
			return no
		}
		return maybe
	}
	return p.matches(c.s, x.facts, &x.labels)
}

// within says whether all patients are among others, which are sorted.
func within(patients, others []string) bool {
	return !slices.ContainsFunc(patients, func(patient string) bool {
		_, among := slices.BinarySearch(others, patient)
		return !among
	})
}

// matches judges one resource by itself.
func (p *provision) matches(s *Subject, f *fhir.Facts, l *labels) truth {
	t := yes
	if p.class != nil {
		t = min(t, p.class.matchType(f.Type))
	}
	if p.content != nil {
		t = min(t, p.content.match(f.Codes))
	}
	if p.labels != nil {
		t = min(t, p.labels.match(p.kind, l))
	}
	if p.dataPeriod != nil {
		t = min(t, p.dataPeriod.contains(f.Start, f.End))
	}
	if p.data != nil {
		t = min(t, matchData(p.data, s, f))
	}
	return t
}

// window is a period in milliseconds: from <= t < to.
type window struct {
	from, to int64
	unclear  bool // cannot be read
}

func (w *window) at(now int64) truth {
	if w.unclear {
		return maybe
	}
	return certain(w.from <= now && now < w.to)
}

// contains: a resource that straddles the border is neither in nor out, so that a
// permit needs containment and a deny only overlap.
func (w *window) contains(start, end int64) truth {
	switch {
	case w.unclear || start > end:
		return maybe
	case w.from <= start && (end < w.to || w.to == math.MaxInt64):
		return yes
	case w.from <= end && start < w.to:
		return maybe
	}
	return no
}

// codes is the criterion class.
type codes struct {
	values  set
	any     bool // matches everything
	unclear bool // has a value that is not understood
}

func (c *codes) matchType(typ string) truth {
	return either(c.any || c.values.has(typ), c.unclear || typ == "")
}

// agree is what a container and what is in it have in common; where only one of them
// matches, both readings are possible.
func agree(a, b truth) truth {
	if a == b {
		return a
	}
	return maybe
}

// actions is the criterion action.
type actions struct {
	values  []string
	unclear bool
}

// match: a provision speaks of reading, unless it names what it speaks of. Recording is
// bound by what names it, and by nothing else.
func (c *actions) match(s *Subject) truth {
	if c == nil {
		return certain(s.reads())
	}
	return either(slices.ContainsFunc(c.values, s.does), c.unclear && s.reads())
}

// purposes is the criterion purpose.
type purposes struct {
	values  set
	unclear bool
}

// match: a rule about a purpose holds for every purpose below it, and not for the
// broader ones (treatment is not emergency treatment).
func (c *purposes) match(purposes []string) truth {
	for _, p := range purposes {
		if c.values.has(p) {
			return yes
		}
	}
	return either(false, c.unclear || len(purposes) == 0)
}

// actors is the criterion actor.
type actors struct {
	refs    set      // normalised references, identifiers as system|value
	doubts  []string // those of refs that must be resolved before one can say that they are somebody else's
	unclear bool     // has an actor whose reference says nobody
	inData  bool     // has an actor in a role towards the data, which is not in the facts
}

func (c *actors) match(s *Subject) truth {
	if c.inData {
		return maybe
	}
	for _, ref := range s.Actors {
		if c.refs.has(ref) {
			return yes
		}
	}
	return either(false, c.unclear || c.perhaps(s))
}

// perhaps says whether the caller may be meant, though none of the actors is certainly
// the caller.
func (c *actors) perhaps(s *Subject) bool {
	if len(s.Actors) == 0 {
		return true
	}
	for _, ref := range s.Possible {
		if c.refs.has(ref) {
			return true
		}
	}
	if len(s.Open) > 0 {
		for _, ref := range c.refs.few {
			if s.open(ref) {
				return true
			}
		}
	}
	return slices.ContainsFunc(c.doubts, func(ref string) bool { return !s.somebodyElse(ref) })
}

// content is the criterion code, by exact match.
type content struct {
	codes   set
	systems map[string][]string // of each of codes
	unclear bool                // has a concept without a coding
	name    string              // the same for those that match the same
}

func (c *content) match(found []fhir.Coding) truth {
	t := either(false, c.unclear || len(found) == 0)
	for i := range found {
		if !c.codes.has(found[i].Code) {
			continue
		}
		for _, system := range c.systems[found[i].Code] {
			t = max(t, sameSystem(system, found[i].System))
		}
	}
	return t
}

func sameSystem(a, b string) truth {
	switch {
	case a == b && a != "":
		return yes
	case a == "" || b == "":
		return maybe
	}
	return no
}

// datum is one entry of the criterion data.
type datum struct {
	meaning meaning
	ref     string // normalised, "" if it names nothing
}

type meaning uint8

const (
	unknownMeaning meaning = iota
	instance
	related
	dependents
	authoredBy
)

func matchData(data []datum, s *Subject, f *fhir.Facts) truth {
	t := no
	for i := range data {
		t = max(t, data[i].match(s, f))
	}
	return t
}

func (d *datum) match(s *Subject, f *fhir.Facts) truth {
	if d.ref == "" || d.meaning == unknownMeaning {
		return maybe
	}
	if d.meaning == authoredBy {
		return either(slices.Contains(f.Authors, d.ref), len(f.Authors) == 0)
	}
	if n := len(f.Type); len(d.ref) == n+1+len(f.ID) && d.ref[:n] == f.Type && d.ref[n] == '/' && d.ref[n+1:] == f.ID {
		return yes
	}
	switch d.meaning {
	case related:
		return s.refersTo(d.ref, f)
	case dependents:
		return certain(slices.Contains(f.References, d.ref))
	}
	return no
}

// refersTo says whether the resource ref refers to the one judged.
func (s *Subject) refersTo(ref string, f *fhir.Facts) truth {
	e, known := s.stored(ref)
	if !known || e.Facts == nil {
		return maybe
	}
	return certain(slices.Contains(e.Facts.References, f.Type+"/"+f.ID))
}
