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

// Other rules of labels go through all types, and are ready at the end; the same ones stay as
// they are when parameters change, and are made anew with everything else. Without rules
// nothing is gone through.
func TestPlanRelabels(t *testing.T) {
	p, changed := Plan{}.Replan(nil, "rules")
	if !changed || p.Labels != (Labelling{Rules: "rules", Number: 1}) || len(p.Passes) < 100 {
		t.Fatalf("%+v", p)
	}
	if _, changed := p.Replan(nil, "rules"); changed {
		t.Error("changed")
	}
	p.Passes = p.Passes[:2]
	if p = p.Advance(5, 1, true); p.Labels.Ready {
		t.Error("ready before the last pass")
	}
	p = p.Advance(5, 1, true)
	if !p.Labels.Ready {
		t.Error("not ready after it")
	}
	if q, _ := p.Replan([]Planned{{Custom: search.Custom{Key: "k", Bases: []string{"Patient"}}}}, "rules"); !q.Labels.Ready || q.Labels.Number != 1 || len(q.Passes) != 1 {
		t.Errorf("%+v", q)
	}
	if q := p.Again(); q.Labels.Ready || q.Labels.Rules != "rules" || q.Labels.Number != q.Number || len(q.Passes) < 100 {
		t.Errorf("%+v", q)
	}
	if q, changed := p.Replan(nil, ""); !changed || q.Labels != (Labelling{}) || len(q.Passes) > 0 || q.Number != 2 {
		t.Errorf("%+v", q)
	}
}
