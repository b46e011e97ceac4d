package labels

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// Rules say which labels a resource has by its codes. They are immutable; nil has none.
type Rules struct {
	systems map[string]*codes
	types   map[string][]fhir.Coding
}

// codes are the rules of a code system.
type codes struct {
	are   map[string][]fhir.Coding
	spans []labelledSpan
}

type labelledSpan struct {
	from, to string
	labels   []fhir.Coding
}

// Resolve writes out all rules of a choice: they stay the same until it is resolved again.
func Resolve(c Choice) (json.RawMessage, error) {
	all, err := c.rules()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	for i := range all {
		all[i].Title, all[i].Sources = "", nil
	}
	return json.Marshal(all)
}

// Compile compiles rules that are resolved; nil if there are none.
func Compile(resolved json.RawMessage) (*Rules, error) {
	if len(resolved) == 0 {
		return nil, nil
	}
	var all []Set
	if err := json.Unmarshal(resolved, &all); err != nil {
		return nil, fmt.Errorf("read the rules of labels: %w", err)
	}
	r := &Rules{systems: map[string]*codes{}, types: map[string][]fhir.Coding{}}
	for i := range all {
		if _, err := all[i].check(); err != nil {
			return nil, fmt.Errorf("rules of labels: set %q: %w", all[i].Name, err)
		}
		for k := range all[i].Rules {
			r.add(&all[i].Rules[k])
		}
	}
	return r, nil
}

func (r *Rules) add(rule *Rule) {
	given := make([]fhir.Coding, len(rule.Labels))
	for i, word := range rule.Labels {
		label, _ := Sensitivity(word) // checked
		given[i].System, given[i].Code, _ = strings.Cut(label, "|")
	}
	for _, typ := range rule.Types {
		r.types[typ] = append(r.types[typ], given...)
	}
	for _, of := range rule.Codes {
		for _, system := range of.Systems {
			c := r.systems[system]
			if c == nil {
				c = &codes{are: map[string][]fhir.Coding{}}
				r.systems[system] = c
			}
			for _, code := range of.Are {
				c.are[code] = append(c.are[code], given...)
			}
			for _, text := range of.Within {
				from, to := span(text)
				c.spans = append(c.spans, labelledSpan{from, to, given})
			}
		}
	}
}

// Of are the labels of what is of a type and has some codes, sorted.
func (r *Rules) Of(typ string, has ...[]fhir.Coding) (all []fhir.Coding) {
	if r == nil {
		return nil
	}
	all = append(all, r.types[typ]...)
	for _, list := range has {
		for i := range list {
			all = r.of(all, &list[i])
		}
	}
	slices.SortFunc(all, func(a, b fhir.Coding) int {
		return cmp.Or(strings.Compare(a.System, b.System), strings.Compare(a.Code, b.Code))
	})
	return slices.Compact(all)
}

// of adds the labels of a code. A code without a system is not known to be one of any.
func (r *Rules) of(all []fhir.Coding, one *fhir.Coding) []fhir.Coding {
	c := r.systems[one.System]
	if c == nil {
		return all
	}
	all = append(all, c.are[one.Code]...)
	if len(c.spans) == 0 {
		return all
	}
	code := undotted(one.Code)
	for i := range c.spans {
		if s := &c.spans[i]; len(code) >= len(s.from) && code[:len(s.from)] >= s.from && code[:len(s.to)] <= s.to {
			all = append(all, s.labels...)
		}
	}
	return all
}

// Apply notes in the facts of a resource which labels it has by these rules, and by no
// others. number names the rules, 0 if there are none.
func (r *Rules) Apply(f *fhir.Facts, number int64) {
	if f.RuledBy == number {
		return
	}
	f.Ruled, f.RuledBy = r.Of(f.Type, f.Codes, f.LaterCodes), number
	for i := range f.Inside {
		in := &f.Inside[i]
		in.Ruled, in.RuledBy = r.Of(in.Type, in.Codes), number
		f.Ruled = append(f.Ruled, in.Ruled...) // by its type
	}
}

// Progress is how far the index follows the rules in force. Until it is ready, each resource
// is asked for its labels: what is hidden is hidden already.
type Progress struct {
	State string `json:"state"` // none, building, ready
	Done  int64  `json:"done,omitempty"`
	Total int64  `json:"total,omitempty"` // of the types whose resources are counted
}
