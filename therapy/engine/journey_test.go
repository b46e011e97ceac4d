package engine_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/therapy/engine"
)

// Honest journeys under each definition end with the cells infused and accounted for,
// without a hold or an alarm, whichever kind of key signs.
func TestHonestJourneysArrive(t *testing.T) {
	for _, id := range slices.Sorted(maps.Keys(paths)) {
		for _, kind := range []string{"-ed25519", "-p256"} {
			w := newWorld(t, id)
			w.signed = true
			for _, step := range w.paths {
				w.now += pause
				e := w.honest(step, w.current)
				if out := w.finish(e, e.Organisation+kind); out.Verdict != engine.Accepted {
					t.Fatalf("%s: %s is %s: %s", id, step, out.Verdict, out.Code)
				}
			}
			if b := w.s.Bag(w.current); b.State != "closed" || b.Infused == 0 || len(w.s.Holds)+len(w.s.Alarms) > 0 {
				t.Errorf("%s: ends as %s, %v, %v", id, b.State, w.s.Holds, w.s.Alarms)
			}
		}
	}
}

// The same event on the same state gives the same bytes, and the state that was given stays
// as it was.
func TestApplyIsPure(t *testing.T) {
	w := newWorld(t, "cart-autologous-cryo")
	for _, step := range w.paths {
		w.now += pause
		e := w.honest(step, w.current)
		e.PayloadHash = e.Payload.Hash()
		if step == "thaw" {
			e.Scans = e.Scans[:1] // a rejected one, too
			e.PayloadHash = e.Payload.Hash()
		}
		before := text(t, w.s)
		one, out := engine.Apply(w.d, w.r, w.s, e, engine.Unsigned(e), w.now)
		other, again := engine.Apply(w.d, w.r, w.s, e, engine.Unsigned(e), w.now)
		if text(t, one) != text(t, other) || text(t, out) != text(t, again) {
			t.Fatalf("%s: two answers", step)
		}
		if text(t, w.s) != before {
			t.Fatalf("%s changed the state that it was given", step)
		}
		if w.s = one; step == "make" {
			w.current = e.Payload.Children[0].Bag
		}
	}
}

// A state that was written down and read again goes on as if it never was.
func TestStatesSurviveTheirJSON(t *testing.T) {
	w := newWorld(t, "cart-autologous-cryo")
	for _, step := range append([]string{"hold", "clear", "tick"}, w.paths...) {
		w.now += pause
		e := w.honest(step, w.current)
		if w.s.Bag(w.current) == nil && step != "order" {
			e.Bag = ""
		}
		e.PayloadHash = e.Payload.Hash()
		var read engine.State
		if err := json.Unmarshal([]byte(text(t, w.s)), &read); err != nil {
			t.Fatal(err)
		}
		other, _ := engine.Apply(w.d, w.r, &read, e, engine.Unsigned(e), w.now)
		if w.finish(e, ""); text(t, other) != text(t, w.s) {
			t.Fatalf("after %s:\n%s\n%s", step, text(t, other), text(t, w.s))
		}
	}
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
