package consent

import (
	"fmt"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

func everyCode(*content) bool { return true }

// shapeOfRules is the shape of a patient with these Consents; nil if they say nothing.
func shapeOfRules(rules []*Rules, s Subject) *Shape {
	is := newStanding(everyCode)
	for _, one := range rules {
		is.add(one, s.Now.UnixMilli(), nil)
	}
	in := newRoll(func() string { return "" }).shapeOf(is.models)
	if in == nil {
		return nil
	}
	return &in.shape
}

// What a resource comes to is among what is foreseen of those that answer the criteria of
// codes as it does, and much more is certain of these than of all.
func TestWhatIsForeseenByCodesHolds(t *testing.T) {
	d := newDice(23)
	ways, open, surer := 0, 0, 0
	for compared, want := 0, cases(t); compared < want; compared++ {
		_, bodies, rules := d.patient()
		s := d.subject()
		shape := shapeOfRules(rules, s)
		if shape == nil || len(shape.Codes()) == 0 {
			continue
		}
		for range 20 {
			f := d.facts(d.chance(50))
			way := shape.Codes().Way(f)
			all, foreseen := shape.Foresee(s, f.Type), shape.ForeseeWay(s, f.Type, way)
			got, _, _ := Evaluate(rules, s, f)
			if !foreseen.has(got) || foreseen&^all != 0 {
				t.Fatalf("%v is foreseen to be in %04b, in way %d in %04b\n%s\n%+v\n%+v", got, all, way, foreseen, bodies, s, f)
			}
			ways++
			if _, certain := all.Certain("permits"); !certain {
				open++
				if _, certain := foreseen.Certain("permits"); certain {
					surer++
				}
			}
		}
	}
	if t.Logf("%d resources, %d judged by row, %d of them certain by their codes", ways, open, surer); ways < 500 || surer*20 < open {
		t.Error("codes tell too little apart")
	}
}

// Patients whose Consents name other codes are in other shapes, and one whose codes are
// beyond the bound is foreseen as before.
func TestShapesNameCodes(t *testing.T) {
	names := newShapes()
	about := func(code int) *content { return &content{name: fmt.Sprint(code)} }
	for code := range mostCodes {
		if !names.named(about(code)) {
			t.Fatalf("code %d makes no shape", code)
		}
	}
	if names.named(about(mostCodes)) || !names.named(about(7)) {
		t.Error("the bound does not hold, or forgets")
	}
	rules := mustCompile(t, named(`'type':'permit',<TREAT>,'provision':[{'type':'deny','code':[{'coding':[{'system':'http://loinc.org','code':'8867-4'}]}]}]`))
	shape := shapeOfRules(rules, clinician)
	for _, c := range []struct {
		codes []fhir.Coding
		shown bool
		sure  bool
	}{
		{[]fhir.Coding{{System: "http://loinc.org", Code: "8867-4"}}, false, true},
		{[]fhir.Coding{{System: "http://loinc.org", Code: "8480-6"}}, true, true},
		{[]fhir.Coding{{Code: "8867-4"}}, false, true}, // perhaps: what shows least counts
		{nil, false, true},
	} {
		f := &fhir.Facts{Type: "Observation", Codes: c.codes}
		shown, sure := shape.ForeseeWay(clinician, "Observation", shape.Codes().Way(f)).Certain("permits")
		if shown != c.shown || sure != c.sure {
			t.Errorf("%v is shown: %v, certain: %v", c.codes, shown, sure)
		}
	}
	is := newStanding(everyCode)
	is.add(rules[0], noon.UnixMilli(), nil)
	is.add(mustCompile(t, named(`'type':'permit',<TREAT>,'provision':[{'type':'deny','code':[{'coding':[{'system':'http://loinc.org','code':'8480-6'}]}]}]`))[0], noon.UnixMilli(), nil)
	if is.models[0].key == is.models[1].key {
		t.Error("Consents that name different codes make one shape")
	}
	if v := shape.Foresee(clinician, "Observation"); v == 1<<Permit {
		t.Errorf("%04b is foreseen of all", v)
	}
}
