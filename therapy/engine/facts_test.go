package engine_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/therapy/engine"
	"github.com/aceso-health/aceso/therapy/invariant"
)

// journeyOf says to the checker what it may know beforehand. The limits are read from the
// definition's text, not from what the engine made of it.
func journeyOf(t testing.TB, w *world) invariant.Journey {
	t.Helper()
	var d struct {
		Steps []struct {
			Code, Does, To, Expires string
			Window                  *struct{ Since, Max string }
			Gates                   []struct{ Gate, Within string }
		}
	}
	if err := json.Unmarshal([]byte(definitionText(t, w.d.ID)), &d); err != nil {
		t.Fatal(err)
	}
	j := invariant.Journey{COI: w.s.COI, Patient: w.s.Patient, Donor: w.s.Donor, Genesis: w.s.Genesis.String(), Sponsor: "sponsor",
		Site: map[string]bool{"clinic": true}, Consents: w.s.Consents, Expires: map[string]int64{}, Windows: map[string]invariant.Window{}}
	steps := map[string]string{} // that lead to a state
	for _, s := range d.Steps {
		if s.Expires != "" {
			j.Expires[s.Code] = span(t, s.Expires)
		}
		steps[s.To] = s.Code
		if s.Window != nil {
			j.Windows[s.Code] = invariant.Window{Since: steps[s.Window.Since], Max: span(t, s.Window.Max)}
		}
		for _, g := range s.Gates {
			if g.Gate == "thaw_window" {
				j.Thaw = span(t, g.Within)
			}
		}
	}
	return j
}

func span(t testing.TB, text string) int64 {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d.Milliseconds()
}

// factOf says to the checker what was told and answered.
func factOf(d *engine.Definition, e *engine.Event, out engine.Outcome) invariant.Fact {
	p := &e.Payload
	f := invariant.Fact{Bag: e.Bag, Step: e.Step, Does: e.Step, Organisation: e.Organisation, Person: e.Person, Second: p.Second,
		Event: out.Event.String(), Prev: e.PrevHash.String(), Head: out.Head.String(), At: e.ServerTime, Verdict: string(out.Verdict),
		Scans: map[string]string{}, Clears: p.Hold, Action: p.Action, To: p.To, Commitment: p.Commitment.String(), Purpose: p.Purpose,
		Active: p.Active, Patient: p.Patient, Kind: p.Kind, Until: p.Until, Volume: p.Volume, Waste: p.Waste, Remainder: p.Remainder, Replaces: p.Replaces}
	if s := d.Step(e.Step); s != nil {
		if f.Does = s.Does; s.Offline {
			f.At = e.DeviceTime
		}
		if s.Does == "give" {
			f.Until = p.ValidUntil
		}
	}
	for _, s := range e.Scans {
		f.Scans[s.What] = s.Value
	}
	for _, a := range out.Alarms {
		f.Owners = append(f.Owners, a.Owners)
	}
	for _, h := range out.Holds {
		f.Holds = append(f.Holds, invariant.Hold{Number: h.Number, Bag: h.Bag, Critical: h.Critical})
	}
	for _, c := range p.Children {
		f.Children = append(f.Children, invariant.Child{Bag: c.Bag, Volume: c.Volume})
	}
	return f
}

// The checker can fail: each rule is broken once in an honest journey, by hand.
func TestTheCheckerNotices(t *testing.T) {
	w := newWorld(t, "cart-autologous-cryo")
	var facts []invariant.Fact
	w.watch = func(e *engine.Event, out engine.Outcome) { facts = append(facts, factOf(w.d, e, out)) }
	for _, step := range w.paths {
		w.do(step)
	}
	journey := journeyOf(t, newWorld(t, "cart-autologous-cryo"))
	at := func(step string) int {
		return slices.IndexFunc(facts, func(f invariant.Fact) bool { return f.Step == step })
	}
	told := func(f invariant.Fact) invariant.Fact { // a notice before the infusion
		f.Verdict = "accepted"
		return f
	}
	for name, test := range map[string]struct {
		says   string
		step   string
		change func(f *invariant.Fact)
		before invariant.Fact
	}{
		"nothing":                    {step: "infuse", change: func(*invariant.Fact) {}},
		"another wristband":          {says: "I1", step: "infuse", change: func(f *invariant.Fact) { f.Scans["wristband"] = "x" }},
		"another donor":              {says: "I1", step: "collect", change: func(f *invariant.Fact) { f.Scans["wristband"] = "x" }},
		"another chain of identity":  {says: "I1", step: "pack", change: func(f *invariant.Fact) { f.Scans["coi"] = "x" }},
		"another label":              {says: "I1", step: "pack", change: func(f *invariant.Fact) { f.Scans["bag"] = "x" }},
		"infused unread":             {says: "I1", step: "infuse", change: func(f *invariant.Fact) { delete(f.Scans, "coi") }},
		"a broken chain":             {says: "I2", step: "thaw", change: func(f *invariant.Fact) { f.Prev = "x" }},
		"a head out of nowhere":      {says: "I2", step: "thaw", change: func(f *invariant.Fact) { f.Head = "x" }},
		"taken unequal":              {says: "I3", step: "receive", change: func(f *invariant.Fact) { f.Scans["seal"] = "x" }},
		"taken late":                 {says: "I3", step: "receive", change: func(f *invariant.Fact) { f.At += 100 * hour }},
		"taken by another":           {says: "I3", step: "receive", change: func(f *invariant.Fact) { f.Organisation = "x" }},
		"given by another":           {says: "I3", step: "ship", change: func(f *invariant.Fact) { f.Organisation = "x" }},
		"a release that has run out": {says: "I4", step: "release", change: func(f *invariant.Fact) { f.Kind, f.Until = "conditional", f.At }},
		"a hold after the release": {says: "I4", step: "infuse", change: func(*invariant.Fact) {},
			before: invariant.Fact{Does: "hold", Holds: []invariant.Hold{{Number: 1, Critical: true}}}},
		"an open hold": {says: "I5", step: "infuse", change: func(*invariant.Fact) {},
			before: invariant.Fact{Does: "hold", Holds: []invariant.Hold{{Number: 1}}}},
		"a clearance of nothing":  {says: "I5", step: "infuse", change: func(*invariant.Fact) {}, before: invariant.Fact{Does: "clear", Clears: 7}},
		"expired":                 {says: "I5", step: "infuse", change: func(f *invariant.Fact) { f.At += 9000 * hour }},
		"thawed long ago":         {says: "I5", step: "infuse", change: func(f *invariant.Fact) { f.At += hour }},
		"packed too late":         {says: "I5", step: "pack", change: func(f *invariant.Fact) { f.At += hour }},
		"one nurse":               {says: "I5", step: "infuse", change: func(f *invariant.Fact) { f.Second = f.Person }},
		"consent withdrawn":       {says: "I6", step: "infuse", change: func(*invariant.Fact) {}, before: invariant.Fact{Does: "consent", Purpose: "treatment"}},
		"more than there was":     {says: "I7", step: "infuse", change: func(f *invariant.Fact) { f.Volume++ }},
		"volumes out of nothing":  {says: "I7", step: "make", change: func(f *invariant.Fact) { f.Volume++ }},
		"a rejection, no alarm":   {says: "I8", step: "thaw", change: func(f *invariant.Fact) { f.Verdict = "rejected" }},
		"an alarm without owners": {says: "I8", step: "thaw", change: func(f *invariant.Fact) { f.Verdict, f.Owners = "disputed", [][]string{{""}} }},
	} {
		c := invariant.New(journey)
		var faults []string
		for i, f := range facts {
			f.Scans = maps.Clone(f.Scans)
			if i == at(test.step) {
				if test.before.Does != "" {
					faults = append(faults, c.Observe(told(test.before))...)
				}
				test.change(&f)
			}
			faults = append(faults, c.Observe(f)...)
		}
		all := strings.Join(faults, "; ")
		if test.says == "" && all != "" || !strings.Contains(all, test.says) {
			t.Errorf("%s: %q, want %q", name, all, test.says)
		}
	}
	again := invariant.New(journey)
	for _, f := range append(facts, facts[at("infuse")]) {
		if faults := again.Observe(f); len(faults) > 0 && strings.Contains(strings.Join(faults, " "), "infused twice") {
			return
		}
	}
	t.Error("infused twice, and nobody noticed")
}
