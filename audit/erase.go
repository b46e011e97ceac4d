package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// ErrUnknown means that no record has a part of the patient.
var ErrUnknown = errors.New("nothing is known of this patient: no record concerns them (check the id), or they were erased before")

// Erase makes a patient's parts of all records unreadable by destroying their key, and
// empties them, so that they are not found by the patient's id either; entries, roots and
// proofs stay whole, and so do the resources (deleting those is FHIR's delete). It leaves
// an entry of its own in the change log, which the erased parts name. by says who asks
// for it. After a crash half-way, erase again.
func Erase(ctx context.Context, s store.Store, sealer *ledgerbridge.Sealer, keys ledgerbridge.PartKeys, by ledgerbridge.Draft, patient string) (ledgerbridge.Receipt, int64, error) {
	pseudonym := sealer.PatientPseudonym(patient)
	if err := known(ctx, s, keys, pseudonym); err != nil {
		return ledgerbridge.Receipt{}, 0, err
	}
	by.Action, by.Interaction, by.Type, by.Outcome = "D", ledgerbridge.Erase, "Patient", 200
	by.Patients = []ledgerbridge.Touched{{Patient: patient}} // emptied with the others
	pending, err := sealer.Prepare(ctx, by)
	if err != nil {
		return ledgerbridge.Receipt{}, 0, fmt.Errorf("record of the erasure: %w", err)
	}
	receipt, err := s.Commit(ctx, store.Change{Entry: pending})
	if err != nil {
		return receipt, 0, fmt.Errorf("record of the erasure: %w", err)
	}
	if err := keys.Destroy(ctx, pseudonym); err != nil {
		return receipt, 0, fmt.Errorf("destroy the patient's part key: %w", err)
	}
	var erased int64
	logs, err := store.AllLogs(ctx, s)
	if err != nil {
		return receipt, 0, fmt.Errorf("erase parts: %w", err)
	}
	for _, log := range logs {
		n, err := log.Erase(ctx, sealer.Erasure(pseudonym, ledgerbridge.Place(receipt.Source, receipt.Seq)))
		if err != nil {
			return receipt, erased, fmt.Errorf("erase parts: %w", err)
		}
		erased += n
	}
	return receipt, erased, nil
}

// known is ErrUnknown unless the patient (pseudonym) has a key, or a part of a record: an
// erasure that was cut short may have left parts without a key.
func known(ctx context.Context, s store.Store, keys ledgerbridge.PartKeys, patient string) error {
	has, err := keys.Has(ctx, patient)
	if has || err != nil {
		return err
	}
	logs, err := store.AllLogs(ctx, s)
	if err != nil {
		return err
	}
	for _, log := range logs {
		found, err := log.Find(ctx, ledgerbridge.Filter{Patient: patient}, 1)
		if err != nil || len(found) > 0 {
			return err
		}
	}
	return ErrUnknown
}
