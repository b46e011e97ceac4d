package storetest

import (
	"fmt"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// eraseInputs erases a patient of whom the log has nothing but what a token said.
func eraseInputs(w *world, log ledgerbridge.Log) {
	w.Helper()
	from, err := log.Size(w.Context())
	w.check(err)
	for _, patient := range []string{"Patient/3", "Patient/4"} {
		w.record(ledgerbridge.Draft{Action: "R", Interaction: "read", Agent: patient, Outcome: 200, Input: &ledgerbridge.Input{Patient: patient, Scopes: []string{"patient/*.rs"}, Action: "r"}})
	}
	before := w.rows(log, from, from+2)
	n, err := log.Erase(w.Context(), w.sealer.Erasure(w.sealer.PatientPseudonym("Patient/4"), "clinic/n1/changes.0/9"))
	w.check(err)
	after := w.rows(log, from, from+2)
	if n != 0 || len(before[0].Parts) != 2 || fmt.Sprint(before[0]) != fmt.Sprint(after[0]) || after[1].Parts[1].Sealed != nil || after[1].Parts[1].Patient != "" {
		w.Errorf("%d parts were counted; of the patient erased is left %+v", n, after[1].Parts)
	}
	w.check(ledgerbridge.CheckRow(log.Source(), from+1, &after[1]))
}
