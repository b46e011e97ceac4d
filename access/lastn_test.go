package access

import (
	"fmt"
	"testing"

	"github.com/aceso-health/aceso/agent"
)

// $lastn looks through a bounded number of Observations, holds only what it shows, and has no
// answer that is larger than others.
func TestLastObservationsAreBounded(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"))
	for i := range 5 {
		h.put(observationDoc(fmt.Sprint("o", i), "p"))
	}
	c, held := h.as(agent.Practitioner, "TREAT"), int64(0)
	c.Hold = func(bytes int64) error { held = bytes; return nil }
	res, err := h.LastN(t.Context(), c, LastNRequest{Params: params("patient=p"), Max: 1})
	if err != nil || len(res.Matches) != 1 || res.Total != 1 || held != res.Matches[0].Weight() {
		t.Errorf("%v %v, %d bytes are held", res, err, held)
	}
	c = h.as(agent.Practitioner, "TREAT")
	c.Room = 1
	if _, err := h.LastN(t.Context(), c, LastNRequest{Params: params("patient=p"), Max: 5}); !says(err, 400, "The answer would have more than … bytes. Ask for fewer Observations of each code (max), or name codes.") {
		t.Errorf("a large answer: %v", err)
	}
	var documents []string
	for i := range mostLast {
		documents = append(documents, observationDoc(fmt.Sprint("n", i), "p"))
	}
	h.putAll(documents)
	if _, err := h.LastN(t.Context(), h.as(agent.Practitioner, "TREAT"), LastNRequest{Params: params("patient=p"), Max: 1}); !says(err, 400, "$lastn looks through … Observations at most. Name codes, or give a date from which on they count.") {
		t.Errorf("too many: %v", err)
	}
}
