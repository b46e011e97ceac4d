package fhirpath

import (
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// run is one evaluation: what it may ask, and what is left of its steps. The first error
// ends it: everything that is evaluated after it returns nothing that counts.
type run struct {
	env     *Env
	none    Env // stands in for an environment that is not given
	context Collection
	left    int
	err     *fhir.Error
	now     time.Time
}

func newRun(env *Env, on Collection) *run {
	r := &run{env: env, context: on}
	if env == nil {
		r.env = &r.none
	}
	r.left, r.now = r.steps(), r.env.Now
	return r
}

// fail ends the evaluation, and returns the empty collection.
func (r *run) fail(err *fhir.Error) Collection {
	if r.err == nil {
		r.err = err
	}
	return nil
}

// charge takes steps; it is false if the evaluation has ended.
func (r *run) charge(n int) bool {
	if r.left -= n; r.left < 0 {
		r.fail(tooMuch("takes more than %d steps", r.steps()))
	}
	return r.err == nil
}

func (r *run) steps() int {
	if r.env.Steps > 0 {
		return r.env.Steps
	}
	return MaxSteps
}

// bounded charges for a collection that was made, and refuses one that is too large.
func (r *run) bounded(c Collection) Collection {
	r.charge(len(c))
	return r.fitting(c)
}

// fitting refuses a collection that is too large.
func (r *run) fitting(c Collection) Collection {
	if len(c) > MaxItems {
		return r.fail(tooMuch("selects more than %d items", MaxItems))
	}
	return c
}

// text charges for a string that was made, and refuses one that is too long.
func (r *run) text(s string) Collection {
	if len(s) > maxText {
		return r.fail(tooMuch("makes a text of more than %d bytes", maxText))
	}
	r.charge(len(s) / 64)
	return Collection{str(s)}
}

// time is the moment of the evaluation: the same however often it is asked.
func (r *run) time() time.Time {
	if r.now.IsZero() {
		r.now = time.Now()
	}
	return r.now
}

// scope is what the words beginning with $ and the variables of an expression mean.
type scope struct {
	this  Collection
	index int
	total Collection
	vars  *defined
}

// defined is a variable of defineVariable(), and those defined before it.
type defined struct {
	name  string
	value Collection
	older *defined
}

// item is the scope of one item of a collection.
func (s *scope) item(v Value, index int) *scope {
	return &scope{this: Collection{v}, index: index, total: s.total, vars: s.vars}
}

// one returns the only item of a collection as a System value; ok is false if it is
// empty. More than one item is an error.
func (r *run) one(c Collection, what string) (Value, bool) {
	if len(c) > 1 {
		r.fail(unfit("%s has %d items instead of one", what, len(c)))
	}
	if len(c) != 1 || r.err != nil {
		return Value{}, false
	}
	v := r.system(&c[0])
	return v, r.err == nil
}

// system is a value as one of System, and charges for its text.
func (r *run) system(v *Value) Value {
	s := v.system()
	r.charge(len(s.text) / 64)
	return s
}

// truth is a collection as a condition: one item that is no boolean is true.
func (r *run) truth(c Collection, what string) (value, known bool) {
	v, ok := r.one(c, what)
	if !ok {
		return false, false
	}
	return v.kind != Boolean || v.n == 1, true
}

// whole returns the only item as an integer.
func (r *run) whole(c Collection, what string) (int, bool) {
	v, ok := r.one(c, what)
	if ok && v.kind != Integer {
		r.fail(unfit("%s is no integer", what))
	}
	return int(v.n), ok && r.err == nil
}

// string returns the only item as a string.
func (r *run) string(c Collection, what string) (string, bool) {
	v, ok := r.one(c, what)
	if ok && v.kind != String {
		r.fail(unfit("%s is no string", what))
	}
	return v.text, ok && r.err == nil
}
