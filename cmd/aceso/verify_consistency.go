package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/node"
)

// extension is the claim that a log was only appended to between what somebody kept
// earlier, a checkpoint or a receipt, and a later checkpoint.
type extension struct {
	source  string
	earlier ledgerbridge.Checkpoint
	receipt *ledgerbridge.Receipt // instead of earlier
	later   ledgerbridge.Checkpoint
	path    [][32]byte // the proof
}

// consistency proves an extension. The proof comes from the log in the data folder or,
// offline, from a file that this command wrote where the log is.
func (v *verification) consistency(files []string) int {
	ctx := context.Background()
	e, err := v.readExtension(files)
	if err == nil && v.proof != "" {
		err = v.readProof(e)
	} else if err == nil {
		err = v.proveExtension(ctx, e)
	}
	var damage *ledgerbridge.Damage
	switch {
	case errors.As(err, &damage):
		return v.tampered(err)
	case err != nil:
		return v.unchecked(err)
	}
	keys, err := ledgerbridge.ParseKeys(v.keys)
	if err != nil {
		return v.unchecked(err)
	}
	if err := e.verify(keys); err != nil {
		return v.tampered(err)
	}
	if v.out != "" {
		if err := os.WriteFile(v.out, []byte(ledgerbridge.FormatPath(e.path)), 0o644); err != nil {
			return v.unchecked(err)
		}
	}
	fmt.Fprintln(v.stdout, "ok:", e)
	return exitWhole
}

// readExtension reads what is claimed, and whom to trust; nothing is verified yet.
func (v *verification) readExtension(files []string) (*extension, error) {
	if err := v.readTrust(); err != nil {
		return nil, err
	}
	e := new(extension)
	if len(v.receipts) == 1 {
		receipt, err := ledgerbridge.ParseReceipt(v.receipts[0])
		if err != nil {
			return nil, err
		}
		e.receipt, e.source = &receipt, receipt.Source
	} else if len(v.receipts) > 1 || len(files) == 0 {
		return nil, errors.New("give one earlier checkpoint, or one --receipt")
	} else {
		var err error
		if e.earlier, err = readCheckpoint(files[0]); err != nil {
			return nil, err
		}
		e.source, files = e.earlier.Source, files[1:]
	}
	if len(files) == 0 {
		return e, nil
	}
	var err error
	e.later, err = readCheckpoint(files[0])
	switch {
	case err != nil:
		return nil, err
	case len(files) > 1:
		return nil, errors.New("more than one later checkpoint was given")
	case e.later.Source != e.source:
		return nil, fmt.Errorf("%s and %s are different logs", e.source, e.later.Source)
	case e.later.Size < e.earlier.Size:
		return nil, fmt.Errorf("the later checkpoint has %d entries, the earlier one %d: exchange them", e.later.Size, e.earlier.Size)
	}
	return e, nil
}

func readCheckpoint(file string) (ledgerbridge.Checkpoint, error) {
	signed, err := readFileOrStdin(file)
	if err != nil {
		return ledgerbridge.Checkpoint{}, err
	}
	return ledgerbridge.ParseCheckpoint(signed)
}

// readProof takes the proof from a file: neither log nor network is needed.
func (v *verification) readProof(e *extension) error {
	if e.later.Source == "" || len(v.keys) == 0 {
		return errors.New("with --proof, give the later checkpoint, and the keys that you trust with --key or --trust")
	}
	text, err := readFileOrStdin(v.proof)
	if err == nil {
		e.path, err = ledgerbridge.ParsePath(string(text))
	}
	return err
}

// proveExtension takes from the log what was not given: the proof, the last checkpoint,
// and the log's keys.
func (v *verification) proveExtension(ctx context.Context, e *extension) (err error) {
	data, err := node.OpenFolder(v.data)
	if err != nil {
		return err
	}
	if len(v.keys) == 0 {
		if v.keys, err = node.LogKeys(ctx, data, v.database); err != nil {
			return err
		}
	}
	return node.ReadLog(ctx, data, v.database, e.source, func(j *ledgerbridge.Journal) error { return e.prove(ctx, j) })
}

func (e *extension) prove(ctx context.Context, j *ledgerbridge.Journal) (err error) {
	if e.later.Source == "" {
		e.later = j.Last()
	}
	if e.later.Size < e.earlier.Size {
		return &ledgerbridge.Damage{Source: e.source, Seq: -1, Column: "checkpoint", What: fmt.Sprintf(
			"the last one is of %d entries, an earlier one of %d: the log was cut, or restored from a backup", e.later.Size, e.earlier.Size)}
	}
	if e.receipt != nil {
		e.path, err = j.Inclusion(ctx, e.receipt.Seq, e.later.Size)
	} else {
		e.path, err = j.Consistency(ctx, e.earlier.Size, e.later.Size)
	}
	return err
}

func (e *extension) verify(keys ledgerbridge.Keys) error {
	if _, err := ledgerbridge.VerifyCheckpoint(e.later.Note, keys); err != nil {
		return err
	}
	if e.receipt != nil {
		return ledgerbridge.VerifyInclusion(*e.receipt, e.later, e.path)
	}
	if _, err := ledgerbridge.VerifyCheckpoint(e.earlier.Note, keys); err != nil {
		return err
	}
	return ledgerbridge.VerifyConsistency(e.earlier, e.later, e.path)
}

// String is the sentence that was proven.
func (e *extension) String() string {
	if e.receipt != nil {
		return fmt.Sprintf("the checkpoint of %s at %d entries holds entry %d as the receipt states it", e.source, e.later.Size, e.receipt.Seq)
	}
	return fmt.Sprintf("the checkpoint of %s at %d entries extends the one at %d", e.source, e.later.Size, e.earlier.Size)
}
