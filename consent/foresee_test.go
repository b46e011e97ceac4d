package consent

import (
	"fmt"
	"strings"
	"testing"
)

// What a resource that is apart comes to is among what is foreseen of its type; so is what
// is certain of it.
func TestWhatIsForeseenHolds(t *testing.T) {
	d := newDice(21)
	certain, uncertain, wanted := map[string]int{}, 0, 0
	for compared, want := 0, cases(t); compared < want; {
		_, bodies, rules := d.patient()
		s := d.subject()
		foreseen := map[string]Verdicts{"Observation": Foresee(rules, s, "Observation"), "Condition": Foresee(rules, s, "Condition")}
		seen := map[string]Verdicts{}
		for range 20 {
			f := d.facts(d.chance(50))
			if !f.Apart() {
				t.Fatalf("%+v is not apart", f)
			}
			got, _, _ := Evaluate(rules, s, f)
			if !foreseen[f.Type].has(got) {
				t.Fatalf("%v is not among %04b\n%s\n%+v\n%+v", got, foreseen[f.Type], bodies, s, f)
			}
			seen[f.Type] |= 1 << got
			compared++
			for _, mode := range []string{"forbids", "permits", "none", "unknown"} {
				shown, sure := foreseen[f.Type].Certain(mode)
				if sure && shown != shows(mode, got) {
					t.Fatalf("%s: %v is certainly shown: %v\n%s\n%+v\n%+v", mode, got, shown, bodies, s, f)
				}
				if sure {
					certain[fmt.Sprint(mode, shown)]++
				}
			}
		}
		for typ, v := range seen {
			if v == foreseen[typ] {
				wanted++
			} else {
				uncertain++
			}
		}
	}
	t.Logf("certain: %v; exactly what was seen: %d of %d", certain, wanted, wanted+uncertain)
	for _, which := range []string{"forbidstrue", "forbidsfalse", "permitstrue", "permitsfalse"} {
		if certain[which] < 500 {
			t.Errorf("%s is certain %d times: hardly tried", which, certain[which])
		}
	}
	if wanted*2 < uncertain {
		t.Errorf("only %d of %d are exact: too little is certain", wanted, wanted+uncertain)
	}
}

// What is certain of common Consents.
func TestWhatIsCertain(t *testing.T) {
	for _, c := range []struct {
		name, consent string
		s             Subject
		typ           string
		want          string // in mode forbids, and in mode permits
	}{
		{"no Consent", "", clinician, "Observation", "shown hidden"},
		{"denies all", privacy(`'type':'deny'`), clinician, "Observation", "hidden hidden"},
		{"permits all", privacy(`'type':'permit',<TREAT>`), clinician, "Observation", "shown shown"},
		{"denies another type", privacy(`'type':'deny',<observations>`), clinician, "Condition", "shown hidden"},
		{"denies the type", privacy(`'type':'deny',<observations>`), clinician, "Observation", "hidden hidden"},
		{"denies some labels", named(`'type':'deny',<R>`), clinician, "Observation", "by row hidden"},
		{"permits some labels", named(`'type':'permit',<TREAT>,<R>`), clinician, "Observation", "by row by row"},
		{"denies one resource", privacy(`'type':'deny','data':[{'meaning':'instance','reference':{'reference':'Observation/1'}}]`), clinician, "Observation", "by row hidden"},
		{"denies one resource of another type", privacy(`'type':'deny','data':[{'meaning':'instance','reference':{'reference':'Observation/1'}}]`), clinician, "Condition", "shown hidden"},
		{"denies what refers to one resource", privacy(`'type':'deny','data':[{'meaning':'dependents','reference':{'reference':'Observation/1'}}]`), clinician, "Condition", "by row hidden"},
		{"of another purpose", privacy(`'type':'deny',<TREAT>`), researcher, "Observation", "shown hidden"},
		{"names somebody who is not to be found", privacy(`'type':'deny','actor':[{'role':{'coding':[{'code':'PRCP'}]},'reference':{'reference':'CareTeam/unknown'}}]`), clinician, "Observation", "hidden hidden"},
		{"an exception for what is labelled", named(`'type':'deny','provision':[{'type':'permit',<TREAT>,<N>}]`), clinician, "Observation", "by row by row"},
	} {
		var rules []*Rules
		if c.consent != "" {
			rules = mustCompile(t, c.consent)
		}
		v := Foresee(rules, c.s, c.typ)
		got := []string{"", ""}
		for i, mode := range []string{"forbids", "permits"} {
			shown, sure := v.Certain(mode)
			got[i] = map[bool]string{true: "shown", false: "hidden"}[shown]
			if !sure {
				got[i] = "by row"
			}
		}
		if is := strings.Join(got, " "); is != c.want {
			t.Errorf("%s: %s, not %s (%04b)", c.name, is, c.want, v)
		}
	}
}

// A Consent with too many exceptions is left to each row.
func TestForeseeingIsBounded(t *testing.T) {
	var some []string
	for range 30 {
		some = append(some, `{'type':'permit',<TREAT>,<R>}`)
	}
	rules := mustCompile(t, named(`'type':'deny','provision':[`+strings.Join(some, ",")+`]`))
	if v := Foresee(rules, clinician, "Observation"); v != anyVerdict {
		t.Errorf("%04b is foreseen", v)
	}
}
