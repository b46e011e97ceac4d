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
// Others may read and write meanwhile: a record that was sealed with the key until then is
// not written (503).
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
	// Emptied first, so that nobody who looks meanwhile finds parts whose key is gone and no
	// erasure noted; and once more, for what was recorded until the key was gone.
	erasure := sealer.Erasure(pseudonym, ledgerbridge.Place(receipt.Source, receipt.Seq))
	erased, err := empty(ctx, s, erasure)
	if err != nil {
		return receipt, erased, err
	}
	if err := keys.Destroy(ctx, pseudonym); err != nil {
		return receipt, erased, fmt.Errorf("destroy the patient's part key: %w", err)
	}
	more, err := empty(ctx, s, erasure)
	return receipt, erased + more, err
}

// empty empties a patient's parts in all logs, and says how many.
func empty(ctx context.Context, s store.Store, e ledgerbridge.Erasure) (erased int64, err error) {
	logs, err := store.AllLogs(ctx, s)
	if err != nil {
		return 0, fmt.Errorf("erase parts: %w", err)
	}
	for _, log := range logs {
		n, err := log.Erase(ctx, e)
		erased += n
		if err != nil {
			return erased, fmt.Errorf("erase parts: %w", err)
		}
	}
	return erased, nil
}

// Named is what names a patient in the records.
type Named struct {
	Key      bool // of parts
	Changes  int  // entries of change logs
	Accesses int  // entries of access logs
}

// countedAtOnce bounds what a count keeps in memory.
const countedAtOnce = 10_000

// Count says what names a patient in the records of all nodes. It leaves no record.
func Count(ctx context.Context, s store.Store, sealer *ledgerbridge.Sealer, keys ledgerbridge.PartKeys, patient string) (n Named, err error) {
	f := ledgerbridge.Filter{Patient: sealer.PatientPseudonym(patient)}
	if n.Key, err = keys.Has(ctx, f.Patient); err != nil {
		return n, err
	}
	logs, err := store.AllLogs(ctx, s)
	if err != nil {
		return n, err
	}
	for _, log := range logs {
		count, err := countIn(ctx, log, f)
		if err != nil {
			return n, fmt.Errorf("count records: %w", err)
		}
		if ledgerbridge.IsChanges(log.Source()) {
			n.Changes += count
			continue
		}
		n.Accesses += count
	}
	return n, nil
}

func countIn(ctx context.Context, log ledgerbridge.Log, f ledgerbridge.Filter) (n int, err error) {
	for {
		found, err := log.Find(ctx, f, countedAtOnce)
		if n += len(found); err != nil || len(found) < countedAtOnce || found[len(found)-1] == 0 {
			return n, err
		}
		f.Before = found[len(found)-1]
	}
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
