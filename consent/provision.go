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
)

// provision is one node of a Consent. A nil criterion is absent and matches.
type provision struct {
	kind     kind
	narrowed bool // has a permit below it
	named    bool // this one and those above name the caller and the purpose
	children []*provision

	// criteria of the request
	period  *window
	actors  *actors
	actions *codes
	purpose *codes
	// criteria of the resource
	class      *codes
	content    *content
	labels     *labelled
	dataPeriod *window
	data       []datum
}

// request says whether the provision is about this request.
func (p *provision) request(s *Subject, now int64) truth {
	t := yes
	if p.period != nil {
		t = min(t, p.period.at(now))
	}
	if p.purpose != nil {
		t = min(t, p.purpose.matchPurpose(s.Purpose))
	}
	if p.actors != nil {
		t = min(t, p.actors.match(s.Actors))
	}
	if p.actions != nil {
		t = min(t, p.actions.match(s.Action))
	}
	return t
}

// resource says whether the provision is about this resource.
func (p *provision) resource(f *fhir.Facts, l *labels) truth {
	t := yes
	if p.class != nil {
		t = min(t, p.class.match(f.Type))
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
		t = min(t, matchData(p.data, f))
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

// codes is a criterion whose values come from one closed code system.
type codes struct {
	values  []string
	any     bool // matches everything
	unclear bool // has a value that is not understood
}

func (c *codes) match(value string) truth {
	return either(c.any || slices.Contains(c.values, value), c.unclear || value == "")
}

// matchPurpose: a rule about a purpose holds for every purpose below it, and not
// for the broader ones (treatment is not emergency treatment).
func (c *codes) matchPurpose(purpose string) truth {
	for _, v := range c.values {
		if covers(v, purpose, purposeParent) {
			return yes
		}
	}
	return either(false, c.unclear || !isPurpose(purpose))
}

// actors is the criterion actor.
type actors struct {
	refs    []string // normalised references, identifiers as system|value
	unclear bool     // has an actor whose reference says nobody
	inData  bool     // has an actor in a role towards the data, which is not in the facts
}

func (c *actors) match(caller []string) truth {
	if c.inData {
		return maybe
	}
	for _, ref := range c.refs {
		if slices.Contains(caller, ref) {
			return yes
		}
	}
	return either(false, c.unclear || len(caller) == 0)
}

// content is the criterion code, by exact match.
type content struct {
	codings []fhir.Coding
	unclear bool // has a concept without a coding
}

func (c *content) match(found []fhir.Coding) truth {
	t := either(false, c.unclear || len(found) == 0)
	for _, want := range c.codings {
		for i := range found {
			t = max(t, sameCode(want, found[i]))
		}
	}
	return t
}

func sameCode(a, b fhir.Coding) truth {
	switch {
	case a.Code != b.Code:
		return no
	case a.System == b.System && a.System != "":
		return yes
	case a.System == "" || b.System == "":
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

func matchData(data []datum, f *fhir.Facts) truth {
	t := no
	for i := range data {
		t = max(t, data[i].match(f))
	}
	return t
}

func (d *datum) match(f *fhir.Facts) truth {
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
	case related: // what the named resource refers to is not in the facts of this one
		return maybe
	case dependents:
		return certain(slices.Contains(f.References, d.ref))
	}
	return no
}
