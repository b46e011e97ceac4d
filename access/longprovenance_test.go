package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/demo"
)

// A Provenance of as many targets as a large Synthea run makes, of 100 patients whom it
// does not name, is stored. It is found by the last of them and read by those whom all of
// these patients let, and by nobody else.
func TestLongProvenancesAreReadByThoseWhoMay(t *testing.T) {
	h := newHouse(t)
	const patients = 100
	var all, targets []string
	for i := range patients {
		all = append(all, patientDoc(fmt.Sprintf("p%d", i)))
	}
	for i := range demo.LongProvenance {
		id := fmt.Sprintf("o%d", i)
		all = append(all, observationDoc(id, fmt.Sprintf("p%d", i%patients)))
		targets = append(targets, fmt.Sprintf(`{"reference":"Observation/%s"}`, id))
	}
	h.putAll(all)
	h.put(`{"resourceType":"Provenance","id":"long","target":[` + strings.Join(targets, ",") + `],"recorded":"2020-05-01T10:00:00Z","agent":[{"who":{"display":"North Hospital"}}]}`)
	last := fmt.Sprintf("target=Observation/o%d", demo.LongProvenance-1)
	reads := func(want bool) {
		t.Helper()
		v, err := h.Read(t.Context(), h.as(agent.Practitioner, "TREAT"), ref("Provenance/long"))
		if want != (err == nil) || want && len(v.Facts.Whose()) != patients {
			t.Errorf("read, which should be %t: %v", want, err)
		}
		page, err := h.Search(t.Context(), h.as(agent.Practitioner, "TREAT"), SearchRequest{Type: "Provenance", Params: params(last)})
		if err != nil || want != (len(page.Matches) == 1) {
			t.Errorf("search, which should find it %t: %v", want, err)
		}
	}
	reads(true)
	h.put(denialDoc("no", fmt.Sprintf("p%d", patients-1)))
	reads(false)
}
