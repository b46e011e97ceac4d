package engine_test

import (
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir/fhirtest"
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
		began := fhirtest.CPUTime()
		for n := 0; b.Loop(); n++ {
			i := n % len(events)
			if _, out := engine.Apply(w.d, w.r, states[i], events[i], by(events[i], i), times[i]); out.Verdict != engine.Accepted {
				b.Fatal(out.Code)
			}
		}
		report(b, began)
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
			began := fhirtest.CPUTime()
			for n := 0; b.Loop(); n++ {
				i := n % len(events)
				w.r.Verify(events[i], events[i].Organisation+kind, signatures[i])
			}
			report(b, began)
		})
	}
}

// report says what a core does: the processor time of the process, with its garbage
// collector, so that other work on the machine does not count.
func report(b *testing.B, began time.Duration) {
	b.ReportMetric(float64(b.N)/(fhirtest.CPUTime()-began).Seconds(), "events/cpu-s")
}
