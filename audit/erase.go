package audit

import (
	"context"
	"fmt"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// Erase makes a patient's parts of all records unreadable by destroying their key;
// entries, roots and proofs stay whole, and so do the resources (deleting those is
// FHIR's delete). It leaves an entry of its own in the change log, which the erased
// parts name. by says who asks for it. After a crash half-way, erase again.
func Erase(ctx context.Context, s store.Store, sealer *ledgerbridge.Sealer, keys ledgerbridge.PartKeys, by ledgerbridge.Draft, patient string) (ledgerbridge.Receipt, int64, error) {
	by.Action, by.Interaction, by.Type, by.Outcome = "D", ledgerbridge.Erase, "Patient", 200
	by.Patients = []ledgerbridge.Touched{{Patient: patient}} // erased with the others: the pseudonym stays
	pending, err := sealer.Prepare(ctx, by)
	if err != nil {
		return ledgerbridge.Receipt{}, 0, fmt.Errorf("record of the erasure: %w", err)
	}
	receipt, err := s.Commit(ctx, store.Change{Entry: pending})
	if err != nil {
		return receipt, 0, fmt.Errorf("record of the erasure: %w", err)
	}
	pseudonym := sealer.PatientPseudonym(patient)
	if err := keys.Destroy(ctx, pseudonym); err != nil {
		return receipt, 0, fmt.Errorf("destroy the patient's part key: %w", err)
	}
	var erased int64
	logs, err := store.AllLogs(ctx, s)
	if err != nil {
		return receipt, 0, fmt.Errorf("erase parts: %w", err)
	}
	for _, log := range logs {
		n, err := log.Erase(ctx, pseudonym, fmt.Sprintf("%s/%d", receipt.Source, receipt.Seq))
		if err != nil {
			return receipt, erased, fmt.Errorf("erase parts: %w", err)
		}
		erased += n
	}
	return receipt, erased, nil
}
