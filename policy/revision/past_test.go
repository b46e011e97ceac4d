package revision

import (
	"strings"
	"testing"
	"time"
)

// decided is the revision that decided about an organisation's agents at a time.
func (o *office) decided(house string, at time.Time) string {
	o.Helper()
	a, err := o.At(o.Context(), at)
	if err != nil {
		o.Fatal(err)
	}
	if a == nil {
		return ""
	}
	return a.Decides(house, at)
}

// What was in force at a time is known later, whatever came after: canaries, rollbacks and
// emergency changes that have ended, recorded or not.
func TestWhatWasInForceIsKnown(t *testing.T) {
	o, a := newOffice(t), officer("Practitioner/a")
	begin := o.now
	type asked struct {
		at    time.Time
		house string
	}
	truth := map[asked]string{}
	note := func() {
		active, err := o.Active(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, house := range []string{"hospital", "clinic"} {
			truth[asked{o.now, house}] = active.Decides(house, o.now)
		}
		o.now = o.now.Add(time.Minute)
	}
	first := o.active("first")
	note()
	second := o.ready(a, "second")
	o.must(o.Approve(t.Context(), officer("Practitioner/b"), second, 0))
	if _, err := o.Canary(t.Context(), a, second, []string{"clinic"}); err != nil {
		t.Fatal(err)
	}
	note()
	note()
	if _, err := o.Activate(t.Context(), a, second); err != nil {
		t.Fatal(err)
	}
	note()
	if _, err := o.Rollback(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	note()
	if truth[asked{begin.Add(time.Minute), "clinic"}] != second || truth[asked{begin.Add(time.Minute), "hospital"}] != first {
		t.Fatal("the canary decides for nobody")
	}
	for q, want := range truth {
		for _, later := range []time.Duration{0, time.Second, 59 * time.Second} {
			if got := o.decided(q.house, q.at.Add(later)); got != want {
				t.Errorf("%s at %s: %q, want %q", q.house, q.at.Add(later), got, want)
			}
		}
	}
	if got := o.decided("hospital", begin.Add(-time.Second)); got != "" {
		t.Errorf("before anything: %q", got)
	}
}

// After the end of an emergency change what was before decided again, though nobody wrote it down.
func TestWhatWasInForceAfterAnEmergencyChange(t *testing.T) {
	past := &Active{Hash: "narrow", Previous: "wide", Since: time.Unix(0, 0), Until: time.Unix(1000, 0), Canary: &Canary{"try", []string{"clinic"}}}
	for seconds, want := range map[int64]string{999: "narrow", 1000: "wide", 2000: "wide"} {
		if got := past.Decides("hospital", time.Unix(seconds, 0)); got != want {
			t.Errorf("at %d: %q, want %q", seconds, got, want)
		}
	}
	if got := past.Decides("clinic", time.Unix(2000, 0)); got != "wide" {
		t.Errorf("a canary beside what has ended decides: %q", got)
	}
}

// A folder of the version before has no such rows: what is in force is known since it came
// into force, and stays so when something else does.
func TestWhatWasInForceBeforeItWasKept(t *testing.T) {
	o := newOffice(t)
	first := o.active("first")
	since := o.now
	for key := range o.rows.Rows {
		if strings.HasPrefix(key, spacePast+"/") {
			delete(o.rows.Rows, key)
		}
	}
	o.now = o.now.Add(time.Hour)
	for _, next := range []string{"second", "third"} {
		if got := o.decided("hospital", since.Add(time.Minute)); got != first {
			t.Errorf("%q, want %q", got, first)
		}
		if got := o.decided("hospital", since.Add(-time.Minute)); got != "" {
			t.Errorf("before: %q", got)
		}
		o.active(next)
	}
	if rows, err := o.rows.EachKept(t.Context(), spacePast, "", 9); err != nil || len(rows) != 3 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}
