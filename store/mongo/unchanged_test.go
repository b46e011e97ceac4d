package mongo

import "testing"

// What a lane does not know of its types may have been written: a program that keeps no
// account of them may have moved its head.
func TestLanesKnowWhatTheyWrote(t *testing.T) {
	known := types{Last: map[string]int64{"Patient": 40, "Device": 20}, From: 10, Known: 50}
	for _, c := range []struct {
		name  string
		end   int64
		types types
		since int64
		want  bool
	}{
		{"nothing was written", 50, types{}, 50, false},
		{"the type was written before", 50, known, 40, false},
		{"the type was written since", 50, known, 39, true},
		{"an older program has written", 60, known, 55, true},
		{"an older program had written", 50, known, 9, true},
	} {
		h := head{End: end{Stamp: c.end}, Types: c.types}
		if got := h.writtenSince(c.since, []string{"Observation", "Patient"}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	h := head{End: end{Stamp: 50}, Types: types{Known: 40}}
	if fields := h.wrote(map[string]bool{"Patient": true}, 60); len(fields) != 3 || fields[0].Key != "from" || fields[0].Value != int64(50) {
		t.Errorf("after an older program: %v", fields)
	}
	h.Types.Known = 50
	if fields := h.wrote(map[string]bool{"Patient": true}, 60); len(fields) != 2 {
		t.Errorf("after itself: %v", fields)
	}
}
