package server

import (
	"testing"

	"github.com/aceso-health/aceso/policy/replay"
)

// A page calls verified only what has a proof, and counts nothing by patient.
func TestAReplayShowsWhatItHas(t *testing.T) {
	page := replayOf(&replay.Report{Differs: 5, Permits: 1, Denies: 2, By: map[string][]replay.Count{"patient": {{Value: "Patient/1", Count: 2}}, "role": {{Value: "system", Count: 5}}},
		Logs:    []replay.Log{{Source: "a", From: 3, To: 9, Size: 9, Root: "00"}},
		Samples: []replay.Difference{{Record: "a-3", Proof: []byte("{}")}, {Record: "a-4"}}})
	if len(page.Samples) != 2 || !page.Samples[0].Proven || page.Samples[1].Proven {
		t.Errorf("samples: %+v", page.Samples)
	}
	if len(page.By) != 1 || page.By[0].Name != "role" || page.By[0].Full {
		t.Errorf("counted by %+v", page.By)
	}
	if page.Other != 2 || !page.MoreSamples || len(page.Logs) != 1 || page.Logs[0].Rows != 6 {
		t.Errorf("%+v", page)
	}
	if replayOf(nil) != nil {
		t.Error("a replay of nothing")
	}
}
