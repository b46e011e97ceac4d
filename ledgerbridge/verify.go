package ledgerbridge

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// Verdict is what a verification found.
type Verdict string

// The verdicts.
const (
	OK         Verdict = "ok"         // the whole bundle is proven
	Tampered   Verdict = "tampered"   // something was changed or forged
	Incomplete Verdict = "incomplete" // nothing is wrong, but something could not be checked
)

// Result is a verified record.
type Result struct {
	Verdict    Verdict
	Entry      Entry
	Request    *RequestPart  // nil if not disclosed to the holder of the bundle
	Patients   []PatientPart // those disclosed
	Asked      *AskedPart    // nil if not disclosed, or if it stands in one of those
	Closed     int           // parts of which only the commitment is there
	Receipt    Receipt
	Checkpoint Checkpoint
	Anchor     *AnchorProof // nil if the bundle has none
}

// ErrIncomplete is wrapped by the error of an AnchorVerifier that found nothing wrong,
// but could not check everything.
var ErrIncomplete = errors.New("not everything could be checked")

// AnchorVerifier verifies anchors on the networks that a verifier trusts.
type AnchorVerifier interface {
	// VerifyAnchor checks offline that a network holds the checkpoint c, with the
	// record's commitment at its position. It MUST check every byte of a's evidence, and
	// trust none.
	VerifyAnchor(a *AnchorProof, record Receipt, c Checkpoint) error
}

// VerifyRecord verifies a proof bundle without network and database, against keys
// that the verifier trusts (see ParseKeys), never against the bundle's own word. With
// an AnchorVerifier the record must be anchored; without one (nil) a bundle that claims
// to be anchored is incomplete at best. The error says what is wrong or missing; it is
// nil exactly if the verdict is OK.
func VerifyRecord(data []byte, trusted []string, anchors AnchorVerifier) (Result, error) {
	keys, err := ParseKeys(trusted)
	if err != nil {
		return Result{Verdict: Incomplete}, err
	}
	r := Result{Verdict: Tampered}
	b, err := parseBundle(data)
	if err != nil {
		return r, err
	}
	if err := r.recompute(b); err != nil {
		return r, err
	}
	if !keys.names(r.Entry.Source) {
		r.Verdict = Incomplete
		return r, fmt.Errorf("no trusted key was given for %s", r.Entry.Source)
	}
	if r.Checkpoint, err = VerifyCheckpoint(r.Checkpoint.Note, keys); err != nil {
		return r, err
	}
	if err := r.checkAnchor(b, anchors); err != nil {
		return r, err
	}
	r.Verdict = OK
	return r, nil
}

// checkAnchor checks that a network's ledger holds the checkpoint.
func (r *Result) checkAnchor(b *bundle, anchors AnchorVerifier) error {
	anchored := b.State == string(Anchored)
	if b.State != "" && b.State != string(Checkpointed) && !anchored || anchored != (b.Anchor != nil) {
		return fmt.Errorf("state %q contradicts the rest of the bundle", b.State)
	}
	if b.Anchor == nil && anchors == nil {
		return nil
	}
	if b.Anchor == nil {
		r.Verdict = Incomplete
		return fmt.Errorf("the record is proven, but was not anchored on a ledger when this bundle was made: ask for another one")
	}
	var err error
	if r.Anchor, err = b.Anchor.proof(); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	if r.Anchor.Evidence == nil {
		r.Verdict = Incomplete
		return fmt.Errorf("the record is proven, its anchor on a ledger is not: the network could not be asked for evidence when this bundle was made; ask for another one")
	}
	if r.Anchor.Size != r.Checkpoint.Size {
		return fmt.Errorf("the anchor is for size %d, the proof for size %d", r.Anchor.Size, r.Checkpoint.Size)
	}
	if anchors == nil {
		r.Verdict = Incomplete
		return fmt.Errorf("the record is proven, its anchor on a ledger is not: give the organisations' roots that you trust")
	}
	err = anchors.VerifyAnchor(r.Anchor, r.Receipt, r.Checkpoint)
	if errors.Is(err, ErrIncomplete) {
		r.Verdict = Incomplete
	}
	return err
}

func (k Keys) names(source string) bool {
	return slices.ContainsFunc(k, func(key Key) bool { return key.Verifier.Name() == source })
}

// recompute checks every hash of a bundle, and no signature.
func (r *Result) recompute(b *bundle) error {
	for _, check := range []func(*bundle) error{r.checkEntry, r.checkDisclosed, r.checkProof} {
		if err := check(b); err != nil {
			return err
		}
	}
	return nil
}

// checkEntry checks that salt and entry give the commitment.
func (r *Result) checkEntry(b *bundle) error {
	var err error
	if r.Entry, err = ParseEntry(b.Entry); err != nil {
		return err
	}
	salt, err := digest(b.Salt)
	if err != nil {
		return fmt.Errorf("salt: %w", err)
	}
	r.Receipt = Receipt{Source: r.Entry.Source, Seq: r.Entry.Seq, Commitment: commitEntry(salt, b.Entry)}
	if hex.EncodeToString(r.Receipt.Commitment[:]) != b.Commitment {
		return fmt.Errorf("entry and salt do not give the commitment: one of them was changed")
	}
	return nil
}

// checkDisclosed checks that the entry covers these parts, and that each opened one
// gives its commitment.
func (r *Result) checkDisclosed(b *bundle) error {
	rows := make([]PartRow, len(b.Parts))
	for i := range b.Parts {
		p := &b.Parts[i]
		var err error
		if rows[i].Commitment, err = digest(p.Commitment); err != nil {
			return fmt.Errorf("part %d: commitment: %w", i, err)
		}
		if p.Clear == nil {
			r.Closed++
			continue
		}
		if err := r.checkOpened(i, p, rows[i].Commitment); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
	}
	disclosed := disclosedRoot(rows)
	if hex.EncodeToString(disclosed[:]) != r.Entry.Disclosed {
		return fmt.Errorf("the parts are not those that the entry covers")
	}
	return nil
}

func (r *Result) checkOpened(i int, p *bundlePart, commitment [32]byte) error {
	blind, err := digest(p.Blind)
	if err != nil {
		return fmt.Errorf("blind: %w", err)
	}
	row := PartRow{Patient: p.Patient, Target: p.Target, Key: p.Key, Salt: saltOf(blind, p.Clear)}
	if row.commit() != commitment {
		return fmt.Errorf("text, blind, patient, target and key do not give the commitment")
	}
	if i == 0 {
		r.Request = new(RequestPart)
		return parsePart(p.Clear, r.Request)
	}
	if row.asks() {
		r.Asked = new(AskedPart)
		return parsePart(p.Clear, r.Asked)
	}
	if row.says() {
		return parsePart(p.Clear, new(InputPart))
	}
	var part PatientPart
	if err := parsePart(p.Clear, &part); err != nil {
		return err
	}
	r.Patients = append(r.Patients, part)
	return nil
}

// checkProof checks that the commitment is the leaf at the position and in the tree that
// the entry names.
func (r *Result) checkProof(b *bundle) error {
	index, path, signed, err := parseTlogProof(b.Proof)
	if err != nil {
		return err
	}
	if r.Checkpoint, err = ParseCheckpoint(signed); err != nil {
		return err
	}
	if index != r.Entry.Seq || r.Checkpoint.Source != r.Entry.Source {
		return fmt.Errorf("the entry was made for %s, row %d; the proof is for %s, row %d", r.Entry.Source, r.Entry.Seq, r.Checkpoint.Source, index)
	}
	if err := VerifyInclusion(r.Receipt, r.Checkpoint, path); err != nil {
		return fmt.Errorf("the record is not in the checkpointed tree: %w", err)
	}
	return nil
}

// VerifyReceipt checks that a client's receipt is for a verified record.
func VerifyReceipt(receipt Receipt, r Result) error {
	if r.Verdict != OK {
		return fmt.Errorf("receipt: the record itself is not verified")
	}
	if receipt != r.Receipt {
		return fmt.Errorf("receipt %s is not for this record, which has %s", receipt, r.Receipt)
	}
	return nil
}

// CheckReceipt looks a receipt up in its log. A missing or different row is a *Damage:
// it was cut off or changed after the client got the receipt.
func CheckReceipt(ctx context.Context, log Log, receipt Receipt) error {
	if receipt.Source != log.Source() {
		return fmt.Errorf("receipt %s is not for %s", receipt, log.Source())
	}
	row, err := ReadRow(ctx, log, receipt.Seq)
	if err != nil {
		return err
	}
	if row.Commitment != receipt.Commitment {
		return &Damage{Source: receipt.Source, Seq: receipt.Seq, Column: "commitment", What: "differs from a receipt: the row was replaced"}
	}
	return nil
}
