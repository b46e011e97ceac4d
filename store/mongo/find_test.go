package mongo

import "testing"

// The first entry at a time is found by halving, also beside the logs of others and where
// an entry has been lost.
func TestFirstEntryAtATime(t *testing.T) {
	s := newServer(t).open(t, testOptions(""))
	times := []int64{1, 1, 3, 3, 3, -1, 9, 12, 12} // -1: lost
	j := s.Log("clinic/n7/changes.0").(*storedLog)
	for _, source := range []string{"clinic/n6/changes.0", j.source, "clinic/n8/changes.0"} {
		for seq, at := range times {
			if source != j.source {
				at = 5
			}
			if at < 0 {
				continue
			}
			if _, err := j.log.InsertOne(t.Context(), entry{ID: entryID(source, int64(seq)), Time: at}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for ms := int64(0); ms < 14; ms++ {
		want := int64(-1)
		for seq := len(times) - 1; seq >= 0; seq-- {
			if times[seq] >= ms {
				want = int64(seq)
			}
		}
		got, err := j.firstAt(t.Context(), ms)
		if lost := got >= 0 && times[got] < 0; lost { // as good as the next one
			got++
		}
		if err != nil || got != want {
			t.Errorf("the first at %d is %d, %v; want %d", ms, got, err, want)
		}
	}
	if got, err := s.Log("clinic/n9/changes.0").(*storedLog).firstAt(t.Context(), 0); err != nil || got != -1 {
		t.Errorf("of an empty log: %d, %v", got, err)
	}
}
