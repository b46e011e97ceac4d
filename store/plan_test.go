package store

import (
	"errors"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/fhir/search"
)

func plannedOf(key string, bases ...string) Planned {
	return Planned{Custom: search.Custom{Key: key, Bases: bases}}
}

func readyOf(p Plan) (keys []string) {
	for _, one := range p.Params {
		if one.Ready {
			keys = append(keys, one.Key)
		}
	}
	return keys
}

// A parameter that cannot be compiled any longer takes no others with it.
func TestPlansOutliveWhatTheyCannotCompile(t *testing.T) {
	p := Plan{Number: 3}
	for _, expression := range []string{"Patient.name.family", "no (such"} {
		p.Params = append(p.Params, Planned{Ready: true, Custom: search.Custom{Key: "¤1_" + expression[:2], Code: "c" + expression[:2], Kind: "string", Bases: []string{"Patient"}, Expression: expression}})
	}
	customs, err := p.Customs(func(string, []string) (search.Select, error) { return nil, errors.New("cannot be read") })
	if err != nil || customs.Plan() != 3 || len(customs.Capability("Patient")) != 1 {
		t.Errorf("%+v %v", customs, err)
	}
}

// A parameter is ready once all its types were gone through; those that were stay so while
// others come and go, and what has failed never is.
func TestPlansWaitForAllTypes(t *testing.T) {
	a, b := plannedOf("a", "Patient", "Group"), plannedOf("b", "Patient")
	p, changed := Plan{}.Replan([]Planned{a}, "")
	if _, again := p.Replan([]Planned{a}, ""); !changed || again || p.Number != 1 || len(p.Passes) != 2 {
		t.Fatalf("%+v", p)
	}
	if p = p.Advance(9, 9, true); len(readyOf(p)) != 0 {
		t.Errorf("ready after one of two types: %+v", p)
	}
	if p = p.Advance(9, 9, true); !slices.Equal(readyOf(p), []string{"a"}) || len(p.Passes) != 0 {
		t.Errorf("not ready: %+v", p)
	}
	if p, _ = p.Replan([]Planned{a, b}, ""); !slices.Equal(readyOf(p), []string{"a"}) || len(p.Passes) != 1 || p.Number != 2 {
		t.Errorf("another one comes: %+v", p)
	}
	p = p.Advance(5, 5, false)
	if p.Passes[0].After != 5 || p.Passes[0].Done != 5 || p.Turn != 5 {
		t.Errorf("half: %+v", p)
	}
	failed := b
	failed.Failed = "x"
	if p, _ = p.Replan([]Planned{a, failed}, ""); p.Passes[0].After != 0 {
		t.Errorf("one fails: %+v", p)
	}
	if p = p.Advance(9, 9, true); !slices.Equal(readyOf(p), []string{"a"}) {
		t.Errorf("what has failed: %+v", p)
	}
	if p = p.Again(); len(readyOf(p)) != 0 || len(p.Passes) != 2 || p.Number != 4 || len(p.Params) != 2 {
		t.Errorf("again: %+v", p)
	}
	if p, _ = p.Replan(nil, ""); len(p.Params) != 0 || len(p.Passes) != 2 {
		t.Errorf("none: %+v", p)
	}
}
