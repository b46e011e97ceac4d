package search

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// CustomFault is the error of a resource that a custom parameter has no keys for.
type CustomFault struct {
	Key string // of the parameter, see Custom; "" if it is of all together
	err error
}

func (f *CustomFault) Error() string { return f.err.Error() }
func (f *CustomFault) Unwrap() error { return f.err }

// Describe is Describe of this package with the keys of custom parameters.
func (c *Customs) Describe(r *fhir.Resource, base string) (*Index, fhir.Facts, error) {
	x, facts, err := Describe(r, base)
	if err != nil || c == nil || c.types[r.Type()] == nil {
		return x, facts, err
	}
	own, err := c.Keys(r, base)
	if err == nil {
		x = x.WithCustom(own)
	}
	return x, facts, err
}

// Keys are those of custom parameters only. The error of a resource that cannot have them is
// a *CustomFault.
func (c *Customs) Keys(r *fhir.Resource, base string) (*Index, error) {
	if c == nil || c.types[r.Type()] == nil {
		return &Index{}, nil
	}
	tape, err := fhir.ReadTape(r.Bytes())
	if err != nil {
		return nil, err
	}
	defer tape.Close()
	return c.types[r.Type()].keys(tape, base)
}

func (t *customType) keys(tape *fhir.Tape, base string) (*Index, error) {
	x := extractors.Get().(*extractor)
	x.reset(tape, base)
	defer x.release()
	x.limit = limits{keys: customValues}
	x.plan, x.custom, x.at, x.quiet = t.plan, t.plan, 0, false
	x.seen = slices.Grow(x.seen[:0], len(t.plan.params))[:len(t.plan.params)]
	clear(x.seen)
	x.visit(0, t.plan.root)
	for _, p := range t.paths {
		if err := x.evaluated(t, p); err != nil {
			return nil, &CustomFault{t.params[p.param].Key, err}
		}
	}
	index, err := x.index()
	var fault *fhir.Error
	if errors.As(err, &fault) {
		return nil, &CustomFault{"", &fhir.Error{Kind: fhir.Unprocessable, Expression: fault.Expression,
			Detail: fmt.Sprintf("The search parameters of this server's own find more than %d different values in the resource.", customValues)}}
	}
	return index, err
}

// evaluated adds what an expression selects.
func (x *extractor) evaluated(t *customType, p customPath) error {
	found, err := p.selected(x.Tape)
	c := &t.params[p.param]
	var fault *fhir.Error
	if errors.As(err, &fault) {
		return &fhir.Error{Kind: fhir.Unprocessable, Detail: "The resource does not fit the search parameter " + c.Code + " of this server's own. " + fault.Detail}
	}
	if err != nil {
		return err
	}
	s := sink{param: p.param, kind: sinkKindNames[c.Kind]}
	for _, v := range found {
		switch {
		case v.Node < 0 && v.Text != "":
			x.made([]byte(v.Text), s.kind, p.param)
		case v.Node >= 0 && !x.Nodes[v.Node].PrimitiveExt:
			x.sink(v.Node, &s)
		}
	}
	return nil
}

// made adds a value that an expression made, if it can be one of the kind.
func (x *extractor) made(text []byte, kind sinkKind, n int) {
	p := &x.plan.params[n]
	switch kind {
	case tokenSink:
		x.code(n, p, nil, text)
	case stringSink:
		x.stringOf(text, n, p)
	case uriSink:
		x.remote(n, p, text)
	case dateSink:
		lo, hi, ok := fhir.DateSpan(text)
		if !ok {
			return
		}
		x.dateOf(lo, hi, n, p)
	case numberSink:
		var d decimal
		if !d.parse(text) {
			return
		}
		x.decimalOf(&d, n, p)
	default:
		return
	}
	x.present(n, p)
}

// WithCustom is the index with these keys of custom parameters instead of those that it has.
func (x *Index) WithCustom(own *Index) *Index {
	custom := IsCustom
	all := &Index{
		Keys:    slices.Concat(slices.DeleteFunc(slices.Clone(x.Keys), custom), own.Keys),
		Dates:   slices.Concat(slices.DeleteFunc(slices.Clone(x.Dates), func(d DateRange) bool { return custom(d.Param) }), own.Dates),
		Numbers: slices.Concat(slices.DeleteFunc(slices.Clone(x.Numbers), func(n NumberRange) bool { return custom(n.Param) }), own.Numbers),
		Sorts:   slices.Concat(slices.DeleteFunc(slices.Clone(x.Sorts), func(s Sort) bool { return custom(s.Param) }), own.Sorts),
	}
	slices.Sort(all.Keys)
	return all
}

// Custom are the keys of custom parameters in an index.
func (x *Index) Custom() *Index {
	own := &Index{}
	for _, k := range x.Keys {
		if IsCustom(k) {
			own.Keys = append(own.Keys, k)
		}
	}
	for _, d := range x.Dates {
		if IsCustom(d.Param) {
			own.Dates = append(own.Dates, d)
		}
	}
	for _, n := range x.Numbers {
		if IsCustom(n.Param) {
			own.Numbers = append(own.Numbers, n)
		}
	}
	for _, s := range x.Sorts {
		if IsCustom(s.Param) {
			own.Sorts = append(own.Sorts, s)
		}
	}
	return own
}
