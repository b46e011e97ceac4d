package access

import (
	"context"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// historian counts how often it is asked for a history.
type historian struct {
	store.Store
	asked int
}

func (h *historian) History(ctx context.Context, q store.History) (store.Page, error) {
	h.asked++
	return h.Store.History(ctx, q)
}

// What has left somebody is read again when, and only when, something that governs access
// was written.
func TestHistoryIsReadWhenSomethingWasWritten(t *testing.T) {
	uri, _ := mongotest.Database(t)
	s, err := mongo.Open(t.Context(), uri, mongo.Options{Database: uri[strings.LastIndex(uri, "/")+1 : strings.Index(uri+"?", "?")], Organization: "hospital", Node: "n1", Base: base})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, h := range map[string]*house{"sqlite": newHouse(t), "mongo": houseOver(t, s)} {
		counted, known := &historian{Store: h.Store}, former{}
		left := func(step string, reads bool, want ...fhir.Ref) {
			t.Helper()
			before := counted.asked
			got, err := known.of(t.Context(), counted, "Consent", "Patient/x")
			if err != nil || len(got) != len(want) || reads != (counted.asked > before) {
				t.Errorf("%s, %s: %v, %v, %d histories", name, step, got, err, counted.asked-before)
			}
		}
		left("at first", true)
		left("again", false)
		h.put(patientDoc("x"), denialDoc("no", "x"))
		left("a Consent", true)
		left("again", false)
		h.put(denialDoc("no", "y"))
		left("another's", true, ref("Consent/no"))
		left("again", false, ref("Consent/no"))
		h.put(observationDoc("o", "x"))
		left("what governs nothing", false, ref("Consent/no"))
	}
}
