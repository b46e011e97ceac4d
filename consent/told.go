package consent

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// Told is what a Consent says, as Evaluate reads it, in a form that can be put into
// sentences: it is made of what was compiled, and not of the document.
type Told struct {
	Ref     fhir.Ref
	Version int64

	Says       string    // in-force, unreadable (what is not understood hides), dormant (nothing)
	Binds      string    // privacy, research (no other purpose), unknown (it denies, and permits nothing)
	From       time.Time // before, it says nothing; zero: no such time
	Custodians []string  // it is about their data only; "" is one who cannot be told
	Puzzling   bool      // its policyRule is not understood: guests and research get nothing through it
	Unread     []string  // places that are not understood
	Doubtful   []string  // places that can be read in several ways
	Root       *Statement
}

// Statement is what one provision says.
type Statement struct {
	Says string // permit, deny, below (what is below speaks), riddle (hides, since nobody can read it)

	Total     bool // it denies what does not match it, too
	Withdrawn bool // a permit that holds nothing open, since the Consent is not understood
	LastWord  bool // what a permit does not reach is hidden for its purposes, from whoever is named
	Everybody bool // ... from everybody
	Emergency bool // a deny that holds in a declared emergency, too

	Periods []Window // all must hold
	Who     Criterion
	Doubts  []string // those of Who that others may be, too, for all that is known
	InData  bool     // Who names the author or another role of the data, which cannot be judged
	Actions Criterion
	Purpose Criterion
	Types   Criterion
	Codes   Criterion // system|code
	Labels  Criterion // sensitivities; labels of other code systems as system|code
	Levels  []string  // confidentialities; with both, both must match for a permit, and one is enough for a deny
	Within  *Window   // when the data are of
	Data    []Datum

	Below []Statement
}

// Criterion is one criterion: none if it is not given.
type Criterion struct {
	Given   bool
	Values  []string
	Unclear bool // it has a value that is not understood: it may be any
}

// Window is a time from its first moment to before its last; zero is open.
type Window struct {
	From, To time.Time
	Unclear  bool // it cannot be read
}

// Datum is data that a provision names: the reference, and how (instance, related,
// dependents, authoredby, unknown).
type Datum struct{ Meaning, Ref string }

// Tell says what a Consent says. Its error is that of Compile, if the Consent is over a
// limit; what is not understood stands in the answer.
func (c Compiler) Tell(ref fhir.Ref, version int64, body []byte) (*Told, error) {
	r, err := c.Compile(ref, version, body)
	var limit *fhir.Error
	if errors.As(err, &limit) {
		return nil, limit
	}
	t := r.told()
	if err != nil {
		t.Unread = placesOf(strings.Split(err.Error(), "\n"))
	}
	return t, nil
}

func (r *Rules) told() *Told {
	t := &Told{
		Ref: r.Ref, Version: r.Version, Says: [...]string{"unreadable", "dormant", "in-force"}[r.state],
		Binds: [...]string{"unknown", "privacy", "research"}[r.scope], Custodians: r.custodians, Puzzling: r.puzzling, Doubtful: placesOf(r.Warnings),
	}
	if r.state == dormant {
		return t
	}
	if r.from != 0 {
		t.From = time.UnixMilli(r.from).UTC()
	}
	if r.root != nil {
		s := r.root.told()
		t.Root = &s
	}
	return t
}

// placesOf are the places of defects and warnings, whose texts begin with them.
func placesOf(texts []string) (places []string) {
	for _, one := range texts {
		place, _, found := strings.Cut(one, ": ")
		if !found || !strings.HasPrefix(place, "Consent") {
			place = "Consent"
		}
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	return places
}

func (p *provision) told() Statement {
	s := Statement{
		Says: [...]string{"below", "permit", "deny", "riddle"}[p.kind], Total: p.total, Withdrawn: p.withdrawn, Emergency: p.kind == denies && p.emergency,
		LastWord: p.kind == permits && p.exclusive, Everybody: p.kind == permits && p.regardless,
		Actions: p.actions.told(), Purpose: p.purpose.told(), Types: p.class.told(), Codes: p.content.told(), Labels: p.labels.told(), Within: p.dataPeriod.told(),
	}
	if p.labels != nil {
		for _, rank := range p.labels.secrecy {
			s.Levels = append(s.Levels, secrecyCodes[rank-1])
		}
	}
	if a := p.actors; a != nil {
		s.Who, s.Doubts, s.InData = Criterion{true, a.refs.few, a.unclear}, a.doubts, a.inData
	}
	for _, w := range p.periods {
		s.Periods = append(s.Periods, *w.told())
	}
	for _, d := range p.data {
		s.Data = append(s.Data, Datum{[...]string{"unknown", "instance", "related", "dependents", "authoredby"}[d.meaning], d.ref})
	}
	if p.kind == riddle {
		return s // nothing below it is asked
	}
	for _, b := range p.children {
		s.Below = append(s.Below, b.told())
	}
	return s
}

func (w *window) told() *Window {
	if w == nil {
		return nil
	}
	t := &Window{Unclear: w.unclear}
	if w.from != math.MinInt64 {
		t.From = time.UnixMilli(w.from).UTC()
	}
	if w.to != math.MaxInt64 {
		t.To = time.UnixMilli(w.to).UTC()
	}
	if w.unclear {
		t.From, t.To = time.Time{}, time.Time{}
	}
	return t
}

func (c *actions) told() Criterion {
	if c == nil {
		return Criterion{}
	}
	return Criterion{true, c.values, c.unclear}
}

func (c *purposes) told() Criterion {
	if c == nil {
		return Criterion{}
	}
	return Criterion{true, c.values.few, c.unclear}
}

// told of a class that matches every type is no criterion.
func (c *codes) told() Criterion {
	if c == nil || c.any {
		return Criterion{}
	}
	return Criterion{true, c.values.few, c.unclear}
}

func (c *content) told() Criterion {
	if c == nil {
		return Criterion{}
	}
	t := Criterion{Given: true, Unclear: c.unclear}
	for _, code := range c.codes.few {
		for _, system := range c.systems[code] {
			t.Values = append(t.Values, strings.TrimPrefix(system+"|"+code, "|"))
		}
	}
	return t
}

func (c *labelled) told() Criterion {
	if c == nil {
		return Criterion{}
	}
	t := Criterion{Given: true, Unclear: c.unclear}
	t.Values = append(t.Values, c.tags.few...)
	var others []string
	for other := range c.others {
		others = append(others, other.System+"|"+other.Code)
	}
	slices.Sort(others)
	t.Values = append(t.Values, others...)
	return t
}

// Named is somebody whom a Consent names as an actor, and a purpose for which it does.
type Named struct{ Ref, Purpose string }

// Named are those whom it names, for treatment if it does not say for what.
func (r *Rules) Named() (all []Named) {
	if r.state == dormant || r.root == nil {
		return nil
	}
	for _, p := range r.root.each(nil) {
		if p.actors == nil {
			continue
		}
		for _, ref := range p.actors.refs.few {
			if n := (Named{ref, append(slices.Clone(p.purposesNamed()), "TREAT")[0]}); !slices.Contains(all, n) {
				all = append(all, n)
			}
		}
	}
	return all
}
