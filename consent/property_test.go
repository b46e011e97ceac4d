package consent

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

func (d dice) patient() (objects []object, bodies [][]byte, rules []*Rules) {
	for range 1 + d.IntN(3) {
		objects = append(objects, d.consent())
	}
	bodies, rules = compileAll(objects)
	return objects, bodies, rules
}

func compileAll(objects []object) (bodies [][]byte, rules []*Rules) {
	for i, o := range objects {
		body, err := json.Marshal(o)
		if err != nil {
			panic(err)
		}
		r, err := Compile(fhir.Ref{Type: "Consent", ID: fmt.Sprint(i)}, 1, body)
		if err != nil {
			panic(fmt.Errorf("%w in %s", err, body))
		}
		bodies, rules = append(bodies, body), append(rules, r)
	}
	return bodies, rules
}

// refFold judges by every world and every answer to open questions (or by a
// random choice of many), and folds to what shows least.
func (d dice) refFold(consents []object, s Subject, f *fhir.Facts) (v Verdict, complete bool, worlds int) {
	v = Permit
	complete = refWorlds(f, 40, d.IntN, func(w *world) {
		w.asked = map[string]bool{}
		v = leastVisible(v, refJudge(consents, s, w))
		worlds++
		for tries, tried := 0, map[string]bool{}; tries < 12 && len(w.asked) > 0; tries++ {
			w.answers = map[string]bool{}
			key := ""
			for _, place := range slices.Sorted(mapsKeys(w.asked)) {
				w.answers[place] = d.chance(50)
				key += fmt.Sprint(w.answers[place])
			}
			if tried[key] {
				continue
			}
			tried[key] = true
			v = leastVisible(v, refJudge(consents, s, w))
			worlds++
		}
	})
	return v, complete, worlds
}

func mapsKeys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func shows(mode string, v Verdict) bool { return Combine(mode, []Verdict{v}) }

// cases is how many random cases are compared: ACESO_CASES, or 100,000 (-short: 20,000).
func cases(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ACESO_CASES")
	if text == "" && testing.Short() {
		return 20_000
	}
	if text == "" {
		return 100_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Where all is known, Evaluate says what the reference says.
func TestEqualsReferenceWhereAllIsKnown(t *testing.T) {
	d := newDice(1)
	var seen [4]int
	for compared, want := 0, cases(t); compared < want; {
		_, bodies, rules := d.patient()
		consents := refParse(bodies)
		for range 20 {
			s, f := d.subject(), d.facts(false)
			w := knownWorld(t, f)
			want := refJudge(consents, s, w)
			if len(w.asked) > 0 {
				continue // the Consents leave something open: see the next test
			}
			got, _, _ := Evaluate(rules, s, f)
			if got != want {
				t.Fatalf("Evaluate = %v, reference %v\n%s\n%+v\n%+v", got, want, bodies, s, f)
			}
			seen[got]++
			compared++
		}
	}
	t.Log("silent, implicit, permit, deny:", seen)
	if slices.Min(seen[:]) < 500 {
		t.Errorf("cases %v: one verdict is hardly tried", seen)
	}
}

func knownWorld(t *testing.T, f *fhir.Facts) (known *world) {
	t.Helper()
	n := 0
	refWorlds(f, 10, func(int) int { return 0 }, func(w *world) { known = w; n++ })
	if n != 1 {
		t.Fatalf("%d worlds for %+v", n, f)
	}
	known.asked = map[string]bool{}
	return known
}

// Whatever is unknown, nothing shows that does not show in every possible world.
func TestShowsOnlyWhatEveryWorldShows(t *testing.T) {
	d := newDice(2)
	var cases, exact, worlds int
	rounds := 1500
	if testing.Short() {
		rounds = 300
	}
	for range rounds {
		_, bodies, rules := d.patient()
		consents := refParse(bodies)
		for range 4 {
			s, f := d.subject(), d.facts(true)
			got, _, _ := Evaluate(rules, s, f)
			want, complete, n := d.refFold(consents, s, f)
			worlds += n
			if leastVisible(got, want) != got {
				t.Fatalf("Evaluate = %v, a world says %v\n%s\n%+v\n%+v", got, want, bodies, s, f)
			}
			if complete {
				cases++
				if got == want {
					exact++
				}
			}
		}
	}
	t.Logf("%d worlds; %d of %d complete cases equal", worlds, exact, cases)
	if exact*100 < cases*95 {
		t.Errorf("only %d of %d cases are equal: the evaluation hides too much", exact, cases)
	}
}

// Hiding an attribute of a resource never shows it.
func TestHidingNeverShows(t *testing.T) {
	d := newDice(3)
	lost := 0
	for range 2000 {
		_, bodies, rules := d.patient()
		for range 10 {
			s, f := d.subject(), d.facts(d.chance(50))
			before, _, _ := Evaluate(rules, s, f)
			hidden := *f
			d.hide(&hidden)
			after, _, _ := Evaluate(rules, s, &hidden)
			for _, mode := range []string{"forbids", "permits"} {
				if shows(mode, after) && !shows(mode, before) {
					t.Fatalf("%s: %v became %v\n%s\n%+v\n%+v\n%+v", mode, before, after, bodies, s, f, hidden)
				}
			}
			if after != before {
				lost++
			}
		}
	}
	if lost < 100 {
		t.Errorf("hiding changed %d verdicts: hardly tried", lost)
	}
}

// hide takes one attribute away. Confidentiality is taken only where it is normal,
// which is what a resource without labels counts as.
func (d dice) hide(f *fhir.Facts) {
	is := func(system string, codes ...string) func(fhir.Coding) bool {
		return func(c fhir.Coding) bool {
			return c.System == system && (codes == nil || slices.Contains(codes, c.Code))
		}
	}
	switch d.IntN(5) {
	case 0:
		f.Codes = nil
	case 1:
		f.Start, f.End = 1, 0
	case 2:
		f.Authors = nil
	case 3:
		f.Labels = slices.DeleteFunc(slices.Clone(f.Labels), is(secretOf, "N"))
	case 4:
		if slices.ContainsFunc(f.Labels, is(secretOf, "R", "V")) {
			f.Labels = slices.DeleteFunc(slices.Clone(f.Labels), is(tagsOf))
		}
	}
}

// Adding a deny anywhere never shows anything.
func TestAddingDenyNeverShows(t *testing.T) {
	d := newDice(4)
	hid := 0
	for range 2000 {
		objects, bodies, rules := d.patient()
		d.addDeny(objects[d.IntN(len(objects))])
		stricter, strictRules := compileAll(objects)
		for range 10 {
			s, f := d.subject(), d.facts(d.chance(50))
			before, _, _ := Evaluate(rules, s, f)
			after, _, _ := Evaluate(strictRules, s, f)
			if leastVisible(after, before) != after && after != Deny {
				t.Fatalf("%v became %v\n%s\n%s\n%+v\n%+v", before, after, bodies, stricter, s, f)
			}
			if after != before {
				hid++
			}
		}
	}
	if hid < 100 {
		t.Errorf("a deny hid %d times: hardly tried", hid)
	}
}

func (d dice) addDeny(c object) {
	p, _ := c["provision"].(object)
	if p != nil && p["type"] == nil && p["provision"] == nil {
		return // a typed child would make the root readable
	}
	if p == nil {
		p = object{}
		c["provision"] = p
	}
	for {
		below := list(p["provision"])
		if len(below) == 0 || d.chance(40) {
			break
		}
		p = below[d.IntN(len(below))]
	}
	deny := d.provision(9)
	deny["type"] = "deny"
	have, _ := p["provision"].([]any)
	p["provision"] = append(slices.Clone(have), deny)
}

// Between now and until the verdict stays: no moment before it gives another one.
func TestUntil(t *testing.T) {
	d := newDice(5)
	changes := 0
	for range 4000 {
		_, bodies, rules := d.patient()
		s, f := d.subject(), d.facts(false)
		v, _, until := Evaluate(rules, s, f)
		later := s
		later.Now = s.Now.Add(time.Duration(d.IntN(700*24)) * time.Hour)
		if after, _, _ := Evaluate(rules, later, f); after != v {
			changes++
			if until.IsZero() || later.Now.Before(until) {
				t.Fatalf("%v at %v, until %v, but %v at %v\n%s", v, s.Now, until, after, later.Now, bodies)
			}
		}
		if !until.IsZero() && !until.After(s.Now) {
			t.Fatalf("until %v is not after %v", until, s.Now)
		}
	}
	if changes < 50 {
		t.Errorf("%d changes by time: hardly tried", changes)
	}
}
