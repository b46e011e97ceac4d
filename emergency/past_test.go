package emergency_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aceso-health/aceso/kept"
)

// Which emergencies ran at a time is known when they are over, ended or judged; of others'
// nothing is told.
func TestWhatRanAtATimeIsKnown(t *testing.T) {
	w := newWard(t)
	begin, who, other := w.now, doctor("Practitioner/1"), doctor("Practitioner/2")
	first := w.declare(who, "Patient/a")
	w.declare(other, "Patient/z")
	w.now = begin.Add(10 * time.Minute)
	w.declare(who, "Patient/b")
	w.now = begin.Add(20 * time.Minute)
	if err := w.End(t.Context(), &kept.Call{}, who, first.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.Judge(t.Context(), &kept.Call{}, officer("Practitioner/9"), first.ID, "justified", "it was"); err != nil {
		t.Fatal(err)
	}
	w.now = begin.Add(24 * time.Hour)
	for minutes, want := range map[int][]string{-1: nil, 0: {"Patient/a"}, 9: {"Patient/a"}, 10: {"Patient/a", "Patient/b"}, 19: {"Patient/a", "Patient/b"}, 20: {"Patient/b"}, 69: {"Patient/b"}, 70: nil} {
		mark := who.Mark()
		got, known, err := w.At(t.Context(), mark, begin.Add(time.Duration(minutes)*time.Minute))
		if slices.Sort(got); err != nil || !known || !slices.Equal(got, want) {
			t.Errorf("after %d minutes: %q, known %v, %v; want %q", minutes, got, known, err, want)
		}
	}
	w.now = begin.Add(91 * 24 * time.Hour)
	if _, known, _ := w.At(t.Context(), who.Mark(), begin); known {
		t.Error("after three months, when cases are dropped, all are said to be known")
	}
}
