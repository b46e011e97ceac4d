package engine_test

import (
	"testing"

	"github.com/aceso-health/aceso/therapy/engine"
)

// recorded is an honest journey: its events, and the state before each.
func recorded(b *testing.B) (w *world, events []*engine.Event, states []*engine.State, times []int64) {
	b.Helper()
	w = newWorld(b, "cart-autologous-cryo")
	for _, step := range w.paths {
		states = append(states, w.s)
		if out := w.do(step); out.Verdict != engine.Accepted {
			b.Fatalf("%s is %s %s", step, out.Verdict, out.Code)
		}
		events, times = append(events, w.last), append(times, w.now)
	}
	return w, events, states, times
}

// BenchmarkApply judges the events of an honest journey, one after the other: without
// signatures, with each kind, and the kinds of signatures alone.
func BenchmarkApply(b *testing.B) {
	w, events, states, times := recorded(b)
	apply := func(b *testing.B, by func(e *engine.Event, i int) engine.Signed) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			i := n % len(events)
			if _, out := engine.Apply(w.d, w.r, states[i], events[i], by(events[i], i), times[i]); out.Verdict != engine.Accepted {
				b.Fatal(out.Code)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	}
	signed := make([]engine.Signed, len(events))
	for i, e := range events {
		signed[i] = engine.Unsigned(e)
	}
	b.Run("unsigned", func(b *testing.B) { apply(b, func(_ *engine.Event, i int) engine.Signed { return signed[i] }) })
	for name, kind := range map[string]string{"Ed25519": "-ed25519", "ES256": "-p256"} {
		signatures := make([][]byte, len(events))
		for i, e := range events {
			signatures[i] = sign(e, e.Organisation+kind)
		}
		b.Run(name, func(b *testing.B) {
			apply(b, func(e *engine.Event, i int) engine.Signed { return w.r.Verify(e, e.Organisation+kind, signatures[i]) })
		})
		b.Run(name+" alone", func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				i := n % len(events)
				w.r.Verify(events[i], events[i].Organisation+kind, signatures[i])
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
